"""Erasing from the command line."""

from __future__ import annotations

from contextlib import closing

import pytest

from integration_logger.query import EVERYTHING, Query
from integration_logger.stores import store_from_url
from tests.cli.commands import run, write
from tests.factories import make_entry


def test_erase_deletes_what_a_dry_run_announces(url: str) -> None:
    """What matches goes, everything else stays, and what arrives later is waited for."""
    kept = make_entry(user_id="7", tenant="1")
    write(url, kept, make_entry(user_id="42", tenant="1"), make_entry(user_id="42", tenant="1"))
    assert run("erase", url, "-q", "tenant:1 user:42", "--dry-run").output.startswith("2 entries and 2 bodies would be")
    assert run("erase", url, "-q", "tenant:1 user:42").output.startswith("2 entries and 2 bodies deleted")
    with closing(store_from_url(url)) as store:
        assert [entry.id for entry in store.stream(Query(scope=EVERYTHING))] == [kept.id]
        assert len(store.state.list("erasure/")) == 1


@pytest.mark.parametrize(
    "query", ["", "   ", 'tenant:1 user:""', "-tenant:1", "since:2026-01-01T00:00:00Z", "kind:audit"]
)
def test_what_is_unclear_erases_nothing(url: str, query: str) -> None:
    """One line says what is wrong; status 2."""
    write(url, make_entry(user_id="42", tenant="1"))
    done = run("erase", url, "-q", query)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    with closing(store_from_url(url)) as store:
        assert store.info().entries == 1
