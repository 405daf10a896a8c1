#!/bin/sh
# Sees to LibreOffice for the test that opens CSV in a spreadsheet: used where it is, installed where root and apt
# allow it. Without it that test says so and is skipped, in CI, too: it is large, and all else is tested without.
set -eu

present() { soffice --version >/dev/null 2>&1; }

if present; then exit 0; fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing LibreOffice for the test of CSV in a spreadsheet ..."
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get update -qq
        apt-get install -qq -y --no-install-recommends libreoffice-calc-nogui ||
            apt-get install -qq -y --no-install-recommends libreoffice-calc
    } </dev/null >/dev/null 2>&1 || true
    if present; then exit 0; fi
fi

echo "The test of CSV in a spreadsheet needs LibreOffice: install it ('sudo apt-get install libreoffice-calc-nogui')." >&2
