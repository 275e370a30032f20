#!/bin/sh
# Makes sure the tools named in the README are there: installs the Debian packages that are missing
# when it may, else names them and stops.
set -eu

missing=""
need() { # command package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need cc gcc
need c++ g++
need tclsh tcl
need gzip gzip
printf '#include <stdio.h>\n' | cc -E - >/dev/null 2>&1 || missing="$missing libc6-dev"

if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "need: installing$missing"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
    else
        echo "need: these Debian packages are missing; install them and try again:" >&2
        echo "    sudo apt-get install$missing" >&2
        exit 1
    fi
fi

if ! command -v cargo >/dev/null 2>&1; then
    echo "need: Rust is missing; see https://rustup.rs, then try again" >&2
    exit 1
fi
for tool in "$@"; do
    cargo "$tool" --version >/dev/null 2>&1 && continue
    rustup component add "$([ "$tool" = fmt ] && echo rustfmt || echo "$tool")" || {
        echo "need: cargo $tool is missing" >&2
        exit 1
    }
done
