#!/bin/sh
# Makes the virtual environment named in $1 with the first Python from 3.11 on; $PYTHON goes first.
set -eu

suits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

for python in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 ""; do
    [ -n "$python" ] || { echo "Python 3.11 or later is needed: install it, or name it with PYTHON=..." >&2; exit 1; }
    if suits "$python"; then break; fi
done

# Debian and Ubuntu ship venv as a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "$python cannot make virtual environments: run 'sudo apt-get install $package', then make again." >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -qq -y --no-install-recommends "$package" </dev/null >/dev/null
fi

exec "$python" -m venv "$1"
