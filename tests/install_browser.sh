#!/bin/sh
# Sees to a Chromium for the browser tests: used where it is, installed where root and apt allow it.
# Without one the tests say so and are skipped, except in CI, where it is an error.
set -eu

present() {
    for browser in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome google-chrome-stable; do
        # Ubuntu's package is a stub that only asks for snap, so a file alone proves nothing.
        if "$browser" --version >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

if present; then exit 0; fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the browser tests ..."
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; } </dev/null >/dev/null || true
    if present; then exit 0; fi
fi

echo "The browser tests need Chromium: install it ('sudo apt-get install chromium'), or set CHROMIUM to its path." >&2
if [ "${CI:-}" = true ]; then exit 1; fi
