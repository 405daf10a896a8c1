#!/bin/sh
# Sees to a PostgreSQL server for the tests: used where it is, installed where root and apt allow it.
# Without one the tests say so and are skipped, except in CI, where it is an error.
set -eu

present() {
    if [ -n "${INTEGRATION_LOGGER_TEST_POSTGRESQL:-}" ]; then return 0; fi
    for initdb in $(command -v initdb) /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb; do
        if "$initdb" --version >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

if present; then exit 0; fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing PostgreSQL for the tests of its store ..."
    export DEBIAN_FRONTEND=noninteractive
    {
        # Only the binaries: the tests start servers of their own, and nothing else is to be started.
        apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql-common &&
            sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf &&
            apt-get install -qq -y --no-install-recommends postgresql
    } </dev/null >/dev/null || true
    if present; then exit 0; fi
fi

echo "The tests of the PostgreSQL store need a server: install it ('sudo apt-get install postgresql')," >&2
echo "or set INTEGRATION_LOGGER_TEST_POSTGRESQL to the URL of one, as a user who may create databases." >&2
if [ "${CI:-}" = true ]; then exit 1; fi
