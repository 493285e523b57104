# Clicktrail: `make run` starts it, `make test` runs every test, `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build test check bench

# Outside the tree, so that a fresh clone builds warm; set your own to keep builds apart.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/clicktrail/target

# Cargo.lock decides the versions. CARGO_FLAGS= lets cargo write it, after a change of dependencies.
CARGO_FLAGS ?= --locked

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build and start on http://127.0.0.1:8080; ARGS="--data DIR" and the like are passed on
	@exec "$(CARGO_TARGET_DIR)/release/clicktrail" serve $(ARGS)

build: ## the program, in $CARGO_TARGET_DIR/release/clicktrail
	@scripts/setup.sh
	cargo build --release $(CARGO_FLAGS) --package server

# Tests print what they counted as lines that begin with `result: `; the end of the run repeats them.
test: ## every test; prints counts and percentages at the end
	@scripts/setup.sh test
	@mkdir -p "$(CARGO_TARGET_DIR)"
	cargo build --release $(CARGO_FLAGS) --workspace
	cargo test --release $(CARGO_FLAGS) --workspace --no-fail-fast -- --show-output 2>&1 | tee "$(CARGO_TARGET_DIR)/test.log"
	scripts/mutants.sh 2>&1 | tee "$(CARGO_TARGET_DIR)/mutants.log"
	@echo; echo "Counted by the tests:"
	@sed -n 's/^result: /  /p' "$(CARGO_TARGET_DIR)/test.log" "$(CARGO_TARGET_DIR)/mutants.log"

check: ## fast, before a commit: format, lints, documentation, layout of the tree
	@scripts/setup.sh
	cargo fmt --all --check
	cargo clippy --release $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release $(CARGO_FLAGS) --workspace --no-deps --quiet
	cargo test --release $(CARGO_FLAGS) --package server --test it tidy --quiet

bench: ## the figures of bench/README.md against nginx; FIGURES="P1 P2" picks some, FULL=1 takes hours
	@scripts/setup.sh bench
	cargo build --profile dist $(CARGO_FLAGS) --package server --package load
	python3 bench/bench.py --binaries "$(CARGO_TARGET_DIR)/dist" $(if $(FULL),--full) $(FIGURES)
