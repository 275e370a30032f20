#!/bin/sh
# check_models.sh loom|shuttle: runs the tests that need one of these in the place of std's atomics
# and locks. Each has a target directory of its own, so that plain builds stay as they are.
set -eu
cd "$(dirname "$0")/.."
checker=$1
place=${CARGO_TARGET_DIR:-target}/$checker
RUSTFLAGS="--cfg $checker" cargo test -p store_core --lib --release --target-dir "$place" \
    -- models:: --nocapture
