"""A real store that goes away and comes back: the host notices nothing, and afterwards every call is stored once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import pytest

from integration_logger import IntegrationLogger, Redactor
from integration_logger.spool.writer import SpoolWriter
from integration_logger.stores.sql import sqlite
from tests.deadlines import eventually
from tests.records import record, stored
from tests.spools import without_privileges

Make = Callable[..., IntegrationLogger]

LONGEST = 1.0
"""Seconds that recording one call may take at the very most; the store is never waited for."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite give up soon."""
    monkeypatch.setattr(sqlite, "BUSY", 0.1)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """One for all tests, because making one takes a third of a second."""
    return Redactor()


@pytest.fixture
def logger(redactor: Redactor) -> Iterator[Make]:
    with ExitStack() as stack:

        def make(path: Path, **options: Any) -> IntegrationLogger:
            return stack.enter_context(closing(IntegrationLogger(f"sqlite:///{path}", redact=redactor, **options)))

        yield make


def recorded_promptly(log: IntegrationLogger, number: int) -> list[str]:
    """Record calls, none of which may be held up."""
    ids = []
    for _ in range(number):
        began = perf_counter()
        ids += record(log)
        assert perf_counter() - began < LONGEST
    return ids


def test_a_locked_store(path: Path, logger: Make) -> None:
    """While somebody holds the database entries wait on the spool, and the trouble is told; then they are stored."""
    log = logger(path)
    ids = record(log)
    assert log.flush()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ids += recorded_promptly(log, 200)
        (problem,) = eventually(lambda: log.health().problems)
        assert "locked" in problem
        assert not log.flush(timeout=0.2)
        health = log.health()
        assert (health.captured, health.shipped, health.durable, health.dropped) == (201, 1, True, {})
        assert health.backlog_bytes > 0
        other.execute("ROLLBACK")
    assert log.flush(timeout=10)
    assert stored(log.store) == ids
    assert eventually(lambda: log.health().problems == ())


def test_a_store_that_was_never_there(tmp_path: Path, logger: Make) -> None:
    """A store that cannot be reached at first is opened when it can; nothing is lost meanwhile."""
    blocked = tmp_path / "folder"
    blocked.touch()
    log = logger(blocked / "log.db", spool=tmp_path / "spool")
    ids = recorded_promptly(log, 50)
    assert eventually(lambda: log.health().problems)
    blocked.unlink()
    assert log.flush(timeout=10)
    assert stored(log.store) == ids


@pytest.mark.parametrize("everything", [True, False], ids=["with its journal", "the file alone"])
def test_a_removed_store(path: Path, logger: Make, everything: bool) -> None:
    """A database file that is removed under us is made anew; what comes after is in the new one."""
    log = logger(path)
    record(log, 20)
    assert log.flush()
    for file in path.parent.glob("log.db*") if everything else [path]:
        if file.is_file():
            file.unlink()
    ids = recorded_promptly(log, 20)
    assert log.flush(timeout=10)
    assert stored(log.store) == ids
    with closing(sqlite3.connect(path)) as found:
        assert found.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert found.execute("SELECT count(*) FROM integration_log_entries").fetchone() == (20,)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_becomes_read_only(redactor: Redactor) -> None:
    """A folder that may no longer be written stops neither the host nor, for ever, the shipping."""
    with (
        without_privileges() as own,
        closing(IntegrationLogger(f"sqlite:///{own}/data/log.db", spool=own / "spool", redact=redactor)) as log,
    ):
        ids = record(log, 5)
        assert log.flush()
        log.observers.stop()
        assert log.observers.join(monotonic() + 5)  # one that is at it keeps the file open, and writable
        (own / "data" / "log.db").chmod(0o400)
        (own / "data").chmod(0o500)
        (own / "spool").chmod(0o500)
        log.store.close()
        ids += recorded_promptly(log, 50)
        assert eventually(lambda: log.health().problems)
        (own / "data").chmod(0o700)
        (own / "data" / "log.db").chmod(0o600)
        (own / "spool").chmod(0o700)
        assert log.flush(timeout=10)
        assert stored(log.store) == ids
        eventually(lambda: log.health().problems == ())


def test_a_damaged_store(path: Path, logger: Make) -> None:
    """A file that is no database is left alone, told, and its place taken once somebody removes it."""
    path.write_bytes(b"no database" * 1000)
    log = logger(path)
    ids = recorded_promptly(log, 20)
    assert "database" in eventually(lambda: log.health().problems)[0]
    assert path.read_bytes() == b"no database" * 1000
    path.unlink()
    assert log.flush(timeout=10)
    assert stored(log.store) == ids


def test_a_spool_that_is_full_while_the_store_is_away(path: Path, logger: Make) -> None:
    """Ten times what there is room for: what was sent is either stored or counted as dropped, each once."""
    log = logger(path)
    record(log)
    assert log.flush()
    writer = log.recorder.spool
    assert isinstance(writer, SpoolWriter)
    writer.max_bytes, writer._room, writer._segment_bytes = 40_000, 0, 5_000
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        recorded_promptly(log, 2000)
        other.execute("ROLLBACK")
    health = log.health()
    assert health.dropped.keys() == {"spool full"}
    assert health.captured + health.dropped["spool full"] == 2001
    eventually(lambda: log.flush() and not log.health().problems)
    ids = stored(log.store)
    assert len(ids) == len(set(ids)) == health.captured
    assert log.health().dropped == health.dropped
    eventually(lambda: record(log) and log.health().captured > health.captured)
    assert log.flush()
    assert len(stored(log.store)) == health.captured + 1


def test_threads_of_the_host_record_while_the_store_comes_and_goes(path: Path, logger: Make) -> None:
    """Calls of many threads are stored once each, however often the store is away."""
    log = logger(path)
    done = threading.Event()
    ids: list[list[str]] = [[] for _ in range(4)]

    def work(own: list[str]) -> None:
        while not done.is_set():
            own += record(log, 10)
            done.wait(0.005)

    threads = [threading.Thread(target=work, args=(own,)) for own in ids]
    for thread in threads:
        thread.start()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for _ in range(3):
            before = log.health().shipped
            eventually(lambda before=before: log.health().shipped > before)  # type: ignore[misc]
            other.execute("BEGIN EXCLUSIVE")
            eventually(lambda: log.health().problems)
            other.execute("ROLLBACK")
    done.set()
    for thread in threads:
        thread.join()
    assert log.flush(timeout=20)
    assert sorted(stored(log.store)) == sorted(id for own in ids for id in own)
