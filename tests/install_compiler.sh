#!/bin/sh
# Sees to a C compiler, which makes the clock that jumps for the faults of clocks: used where it is, installed where
# root and apt allow it. Without one those tests say so and are skipped, except in CI, where it is an error.
set -eu

present() { command -v cc >/dev/null && echo 'int main(void) { return 0; }' | cc -xc -o /dev/null - 2>/dev/null; }

if present; then exit 0; fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing a C compiler for the tests with clocks that jump ..."
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get update -qq && apt-get install -qq -y --no-install-recommends gcc libc6-dev
    } </dev/null >/dev/null || true
    if present; then exit 0; fi
fi

echo "The tests with clocks that jump need a C compiler: install one ('sudo apt-get install gcc libc6-dev')." >&2
if [ "${CI:-}" = true ]; then exit 1; fi
