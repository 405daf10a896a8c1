"""Purging from the command line: what is announced is what goes, and the space before and after is told."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from integration_logger.stores import store_from_url
from tests.cli.commands import run, write
from tests.factories import make_entry

DAY = timedelta(days=1)


def test_purge_deletes_what_a_dry_run_announces(url: str) -> None:
    """The dry run deletes nothing and gives the numbers that the purge then has."""
    past, future = datetime.now(UTC) - DAY, datetime.now(UTC) + DAY
    kept = make_entry(expires_at=future)
    stripped = make_entry(expires_at=future, bodies_expire_at=past)
    write(url, kept, stripped, make_entry(expires_at=past), make_entry(expires_at=past))
    announced = run("purge", url, "--dry-run").output
    assert announced == run("purge", url, "--dry-run").output
    assert announced.startswith("2 entries and 3 bodies would be deleted")
    assert run("purge", url).output.startswith("2 entries and 3 bodies deleted")
    assert run("purge", url, "--dry-run").output.startswith("0 entries and 0 bodies")


def test_purge_tells_the_space_before_and_after(url: str) -> None:
    """What the dry run says the store has is what it had, and it has less then."""
    now = datetime.now(UTC)
    write(url, *(make_entry(expires_at=now - DAY) for _ in range(300)), make_entry(expires_at=now + DAY))
    has = re.search(r"the store has (\S+ \S+)\n", run("purge", url, "--dry-run").output)
    had = re.search(r"the store had (\S+ \S+), it has (\S+) KiB\n", run("purge", url).output)
    assert has
    assert had
    assert has[1] == had[1]
    assert float(had[2]) < float(had[1].split()[0])


@pytest.mark.parametrize(
    "bounds", [("--max-rows", "10"), ("--max-bytes", "250 KiB"), ("--max-bytes=1", "--max-rows=5")]
)
def test_bounds_are_for_this_purge_alone(url: str, bounds: tuple[str, ...]) -> None:
    """With a bound the oldest beyond it go, and are told apart; without one only what has expired goes."""
    now = datetime.now(UTC)
    write(url, *(make_entry(expires_at=now + DAY) for _ in range(200)), make_entry(expires_at=now - DAY))
    announced = run("purge", url, "--dry-run", *bounds).output
    purged = run("purge", url, *bounds).output
    counts = re.match(r"(\d+) entries \(1 expired, (\d+) beyond the bounds\) and \1 bodies ", announced)
    assert counts
    assert int(counts[1]) == int(counts[2]) + 1 > 10
    assert purged.startswith(counts[0])
    assert run("purge", url).output.startswith("0 entries and 0 bodies deleted")
    with closing(store_from_url(url)) as store:
        assert store.info().entries == 201 - int(counts[1])


@pytest.mark.parametrize("wrong", ["--max-rows=0", "--max-rows=many", "--max-bytes=0", "--max-bytes=2 GigaBytes"])
def test_what_is_no_bound_is_wrong_usage(url: str, wrong: str) -> None:
    """Nothing is deleted then."""
    write(url, make_entry(expires_at=datetime.now(UTC) - DAY))
    assert run("purge", url, wrong).exit_code == 2
    assert run("purge", url, "--dry-run").output.startswith("1 entries")
