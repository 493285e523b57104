#!/usr/bin/env bash
# Applies each known-bad change in mutants/ to a copy of the crates and demands that a test fails.
#
# A suite that passes a writer known to lose records proves nothing. A patch names, in comment
# lines at its top, the package it changes (# package: NAME) and the test that must fail
# (# test: arguments of cargo test). A patch that does not apply, a mutant that does not compile
# and a test that fails without the patch are errors, not catches.
#
# Usage: scripts/mutants.sh [NAME…]     (all of mutants/*.patch by default)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
# Enough for every mutant, few enough to be quick; the whole number runs without a mutant.
export CLICKTRAIL_SEEDS=${CLICKTRAIL_SEEDS:-3000}
export RUST_BACKTRACE=0
limit_s=${MUTANT_LIMIT_S:-120}
work=$CARGO_TARGET_DIR/mutants
tree=$work/tree
log=$work/log.txt

fail() {
    echo "mutant $name: ERROR: $1" >&2
    [ ! -s "$log" ] || tail -n 40 "$log" >&2
    exit 1
}

# What the crates need to be built, as it is now. Files keep their time, so that nothing is built
# twice; those that mutants change get a new one, or cargo would take an earlier mutant for fresh.
refresh_tree() {
    rm -rf "$tree"
    mkdir -p "$tree"
    (cd "$root" && tar -cf - --exclude=target --exclude=node_modules \
        Cargo.toml Cargo.lock .cargo crates bench/load) | tar -xf - -C "$tree"
    # Another version gives everything built here a name of its own beside the real one; what comes
    # from the registry is shared.
    sed -i '0,/^version = .*/s//version = "0.0.0-mutant"/' "$tree/Cargo.toml"
    sed -n 's/^+++ b\///p' "$root"/mutants/*.patch | sort -u | (cd "$tree" && xargs touch)
}

header() { sed -n "s/^# $1: //p" "$2" | head -n 1; }

run_test() {
    # shellcheck disable=SC2086  # the header holds several arguments
    (cd "$tree" && timeout "$limit_s" cargo test --release --offline --quiet -p "$package" $test) \
        >"$log" 2>&1
}

build_test() {
    # shellcheck disable=SC2086
    (cd "$tree" && cargo test --release --offline --quiet -p "$package" --no-run $test) \
        >"$log" 2>&1
}

if [ $# -gt 0 ]; then
    patches=("${@/#/$root/mutants/}")
    patches=("${patches[@]/%/.patch}")
else
    patches=("$root"/mutants/*.patch)
fi

# The copy must not be taken for a part of this repository: git would pass over the files.
export GIT_CEILING_DIRECTORIES=$work
caught=0
declare -A sound
for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    package=$(header package "$patch")
    test=$(header test "$patch")
    [ -n "$package" ] && [ -n "$test" ] || fail "no package or no test in its first lines"
    refresh_tree
    : >"$log"
    if [ -z "${sound["$package $test"]:-}" ]; then
        build_test || fail "the unchanged crate does not compile"
        run_test || fail "its test fails without it"
        sound["$package $test"]=yes
    fi
    (cd "$tree" && git apply "$patch") >"$log" 2>&1 || fail "the patch does not apply any more"
    build_test || fail "the mutant does not compile"
    started=$SECONDS
    status=0
    run_test || status=$?
    [ $status -ne 0 ] || fail "SURVIVED: $test passed"
    [ $status -ne 124 ] || fail "no verdict within $limit_s s"
    by=$(sed -n 's/^---- \(.*\) stdout ----$/\1/p' "$log" | head -n 1)
    [ -n "$by" ] || fail "no test failed, though cargo did"
    caught=$((caught + 1))
    echo "mutant $name: caught by $by in $((SECONDS - started)) s"
done
echo "$caught of ${#patches[@]} mutants caught"
