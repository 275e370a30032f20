#!/bin/sh
# Everything CI runs. Prints each step and how long it took; stops at the first that fails.
set -eu
cd "$(dirname "$0")/.."
began=$(date +%s)

step() { # what, command…
    what=$1
    shift
    printf '\n== %s\n   %s\n' "$what" "$*"
    from=$(date +%s)
    "$@"
    done_steps="${done_steps:-}
   $what: $(($(date +%s) - from)) s"
}

step "tools" scripts/need.sh fmt clippy
step "format" cargo fmt --all -- --check
step "lints" cargo clippy --workspace --all-targets -- -D warnings
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
# The shared libraries that the C and Tcl suites load.
step "libraries" cargo build --workspace
step "tests" cargo test --workspace --no-fail-fast
step "lock-free pieces" scripts/check_models.sh loom
step "random schedules" scripts/check_models.sh shuttle
step "planted bugs" cargo test -p store_tests --test planted -- --ignored --nocapture
# The check builds zstd, which is C, for that processor.
if rustup target list --installed 2>/dev/null | grep -q '^aarch64-unknown-linux-gnu$' \
    && command -v aarch64-linux-gnu-gcc >/dev/null; then
    step "aarch64" cargo check --workspace --target aarch64-unknown-linux-gnu
else
    printf '\n== aarch64\n   SKIPPED: rustup target add aarch64-unknown-linux-gnu; apt-get install gcc-aarch64-linux-gnu\n'
fi
step "the README's demo" make demo

printf '\n== all passed in %s s%s\n' "$(($(date +%s) - began))" "$done_steps"
