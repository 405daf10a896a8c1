from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.cli.commands import run, write
from tests.factories import make_entry


def test_purge_deletes_what_a_dry_run_announces(url: str) -> None:
    """The dry run deletes nothing and gives the numbers that the purge then has."""
    past, future = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    kept = make_entry(expires_at=future)
    stripped = make_entry(expires_at=future, bodies_expire_at=past)
    write(url, kept, stripped, make_entry(expires_at=past), make_entry(expires_at=past))
    announced = run("purge", url, "--dry-run").output
    assert announced == run("purge", url, "--dry-run").output
    assert announced.startswith("2 entries and 3 bodies would be deleted")
    assert run("purge", url).output.startswith("2 entries and 3 bodies deleted")
    assert run("purge", url, "--dry-run").output.startswith("0 entries and 0 bodies")
