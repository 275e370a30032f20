#!/bin/sh
# Lets the kernel fail calls of a process that works on a real directory, and looks at what is left:
# what the simulated device says must be so there too. Needs strace, and says so.
set -eu
cd "$(dirname "$0")/.."

if ! command -v strace >/dev/null 2>&1; then
    echo "check_strace: strace is missing; install it and try again: sudo apt-get install strace" >&2
    exit 1
fi
if ! strace -o /dev/null true 2>/dev/null; then
    echo "check_strace: strace may not trace here (ptrace is forbidden)" >&2
    exit 1
fi
${CARGO:-cargo} test -p store_tests --test crash -- --nocapture --ignored strace
