#!/bin/sh
# check_races.sh: the core's tests under the thread sanitizer (x86-64 Linux, a nightly feature of
# rustc), which must report nothing; then three of them with an ordering planted away, each of which it
# must report. ARCHITECTURE.md §9 says what it can see. A few minutes.
set -eu
cd "$(dirname "$0")/.."
place=${CARGO_TARGET_DIR:-target}/tsan

# std comes built without the sanitizer, which rustc has to be told is meant. Mappings by libc: those of
# system calls alone are not seen, and what an earlier owner of an address did would count as a race.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg rustix_use_libc --cfg planted"
export TSAN_OPTIONS="suppressions=$PWD/scripts/tsan.supp history_size=4"

tests() {
    cargo test --target x86_64-unknown-linux-gnu -p store_core --lib --target-dir "$place" "$@"
}

planted() { # bug test
    if output=$(STORE_PLANTED=$1 tests --quiet -- --exact "$2" 2>&1) ||
        ! echo "$output" | grep -q "ThreadSanitizer: data race"; then
        printf '%s\n%s: the sanitizer does not report the bug %s\n' "$output" "$2" "$1" >&2
        exit 1
    fi
    echo "  $1: reported in $2"
}

tests
echo "planted bugs:"
stress=index::ordered::tests::stress::no_insert_is_lost_between_racing_writers
planted block_exchange_relaxed "$stress"
planted block_load_relaxed "$stress"
planted next_relaxed index::primary::tests::of_two_threads_that_insert_one_key_one_wins
