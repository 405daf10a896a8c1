"""What ``check`` says of a store and of the processes that use it, and what it advises."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from integration_logger import codec
from integration_logger.cli.checks import PATIENCE, what_waits
from integration_logger.spool.segments import Segment, frame
from integration_logger.stores import store_from_url
from integration_logger.stores.reports import put_report
from tests import postgresql
from tests.cli.commands import run, write
from tests.factories import make_entry
from tests.reports import make_loss, make_report
from tests.spools import without_privileges


def lines(*args: str) -> list[str]:
    return run("check", *args).output.splitlines()


def wrong(*args: str) -> list[str]:
    """Return the findings that say what to do."""
    done = run("check", *args)
    found = [line for line in done.output.splitlines() if line.startswith("✗")]
    assert done.exit_code == (1 if found else 0)
    assert all(" → " in line for line in found), found
    return found


def put(url: str, **health: object) -> None:
    with closing(store_from_url(url)) as store:
        put_report(store.state, make_report(**health))  # type: ignore[arg-type]


# --- what processes have said -----------------------------------------------------------------------


def test_what_was_lost_lately_is_told(url: str) -> None:
    """Losses in any process are told for a day, with number, reason and time."""
    put(url, captured=1200, losses=(make_loss(60, 12), make_loss(90_000, 99, "too large")))
    (found,) = wrong(url)
    assert "12 entries were lost: spool full, " in found
    assert any("1,200 entries captured" in line for line in lines(url))


def test_problems_of_processes_are_told(url: str) -> None:
    """What a process says is wrong is told with who says so; where it has no spool, that is told too."""
    put(url, owner="one", problems=("No space left on device",), durable=False)
    put(url, owner="two", pid=4712, durable=False)
    assert [line.partition(" → ")[0] for line in wrong(url)] == [
        "✗ web-1 4711: No space left on device",
        "✗ web-1 4712 keeps entries in memory only",
    ]


def test_what_waits_elsewhere_is_told(url: str) -> None:
    """Entries that wait on another machine are told with size and age, also where its shipper is dead."""
    put(url, owner="folder/shipping", ago=2 * PATIENCE, backlog_bytes=2048, backlog_seconds=5.0)
    (found,) = wrong(url)
    assert "2.0 KiB wait on web-1 for 0:02:05" in found


# --- a store that cannot be used --------------------------------------------------------------------


def overwritten(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def one_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 8192 // 2 * 8192)
        file.write(b"\xff" * 4000)


@pytest.mark.parametrize("damage", [overwritten, cut, one_page])
def test_a_damaged_file_is_told(url: str, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Damage is found wherever it is in the file, and the advice is about the file and not about servers."""
    write(url, *(make_entry() for _ in range(300)))
    damage(tmp_path / "log.db")
    (found,) = wrong(url)
    assert "cannot be used" in found
    assert "move the file away" in found


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that does not exist is not made."""
    (found,) = wrong(f"sqlite:///{tmp_path}/none.db")
    assert "there is no file" in found
    assert "URL that the application writes to" in found
    assert not (tmp_path / "none.db").exists()


def test_a_newer_schema_is_told(url: str, tmp_path: Path) -> None:
    """A store that a newer version has upgraded needs that version."""
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection, connection:
        connection.execute("UPDATE integration_log_version SET version = 99")
    (found,) = wrong(url)
    assert "upgrade integration-logger here" in found


def test_a_locked_file_is_told(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that somebody holds is told as that."""
    monkeypatch.setattr("integration_logger.stores.sql.sqlite.BUSY", 0.1)
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        (found,) = wrong(url)
    assert "end the process that holds the file" in found


def test_a_folder_that_may_not_be_written_is_told() -> None:
    """Without the right to the file's folder the advice is about rights."""
    with without_privileges() as folder:
        write(f"sqlite:///{folder}/log.db")
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        found = wrong(f"sqlite:///{folder}/log.db")
    assert "give the file and its folder to the user" in found[0]


def test_a_store_that_is_away_leaves_the_spool_to_look_at(tmp_path: Path) -> None:
    """The spool folder is looked at whether or not the store can be read."""
    url, spool = f"sqlite:///{tmp_path}/none.db", tmp_path / "spool"
    spool.mkdir()
    segment = Segment(spool)
    segment.fill()
    segment.publish()
    began = datetime.now(UTC) - timedelta(hours=2)
    segment.append(frame(codec.encode(make_entry(started_at=began, duration=1.0))))
    segment.append(frame(codec.encode(make_entry())))
    away, waiting = wrong(url, "--spool", str(spool))
    assert "there is no file" in away
    assert "have been waiting on the spool for 1:59:59 and no process ships them" in waiting
    segment.file.close()


def test_what_waits_is_measured(tmp_path: Path) -> None:
    """The age of what waits is that of its oldest entry, its size that of its frames."""
    segment = Segment(tmp_path)
    segment.fill()
    segment.publish()
    assert what_waits(segment.path) is None
    written = frame(codec.encode(make_entry(started_at=datetime.fromtimestamp(1000, UTC), duration=2.5)))
    segment.append(written)
    assert what_waits(segment.path) == (len(written), 1002.5)
    segment.file.close()


@pytest.mark.parametrize(
    ("change", "says", "todo"),
    [
        (lambda url: url.replace(postgresql.user_of(url), "integration:wr0ng-s3cret"), "password", "correct user and"),
        (lambda url: f"{url}_none", "does not exist", "create the database"),
        (lambda url: url.replace(f":{urlsplit(url).port}/", ":1/"), "refused", "see to it that it runs"),
    ],
    ids=["password", "database", "port"],
)
def test_what_a_server_says_is_advised(change: Callable[[str], str], says: str, todo: str) -> None:
    """A server that does not let in, lacks the database or is not there is told in one line, without the password."""
    with postgresql.fresh_database() as url:
        (found,) = wrong(change(url))
    assert says in found
    assert todo in found
    assert "wr0ng-s3cret" not in found


def test_a_user_without_rights_is_told() -> None:
    """Who may not create the tables is told who may."""
    with postgresql.fresh_database("") as url:
        name = f"reader_{uuid4().hex[:8]}"
        postgresql.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'reader'")
        try:
            (found,) = wrong(url.replace(postgresql.user_of(url), f"{name}:reader"))
        finally:
            postgresql.execute(f"DROP ROLE {name}")
    assert "integration-logger migrate" in found
