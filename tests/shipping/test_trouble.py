"""What is wrong with shipping is known to every process whose entries wait, not only to the one that ships."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from integration_logger import IntegrationLogger, Redactor, codec
from integration_logger.errors import StoreError
from integration_logger.shipping import background
from integration_logger.spool.folders import note_trouble, read_trouble
from integration_logger.spool.segments import Segment, frame
from integration_logger.stores.base import Purged
from integration_logger.stores.sql import SQLStore, sqlite
from tests.deadlines import eventually
from tests.records import record


@pytest.fixture
def loggers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[IntegrationLogger]]:
    """Two on one log, as two workers have them; the first one ships."""
    monkeypatch.setattr(sqlite, "BUSY", 0.1)
    redactor = Redactor()
    with ExitStack() as stack:
        both = [IntegrationLogger(f"sqlite:///{tmp_path}/log.db", redact=redactor) for _ in range(2)]
        for log in both:
            stack.enter_context(closing(log))
            record(log)
            assert log.flush()
        yield both


def test_who_does_not_ship_knows_that_the_store_is_away(tmp_path: Path, loggers: list[IntegrationLogger]) -> None:
    """Both workers say that the database is locked, as long as it is."""
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for log in loggers:
            record(log)
            eventually(lambda log=log: any("locked" in text for text in log.health().problems))  # type: ignore[misc]
        other.execute("ROLLBACK")
    for log in loggers:
        eventually(lambda log=log: log.health().problems == ())  # type: ignore[misc]


def test_the_next_shipper_takes_back_what_a_dead_one_said(tmp_path: Path) -> None:
    """A trouble that was noted before the shipper died is gone as soon as another one has shipped."""
    with closing(IntegrationLogger(f"sqlite:///{tmp_path}/log.db")) as log:
        folder = tmp_path / "log.db.spool"
        folder.mkdir()
        note_trouble(folder, "the database is on fire")
        assert (folder / "ship.trouble").stat().st_mode & 0o777 == 0o600
        assert log.health().problems == ("the database is on fire",)
        record(log)
        assert log.flush()
        eventually(lambda: log.health().problems == ())
        eventually(lambda: read_trouble(folder) is None)


def test_a_newer_segment_that_has_gone_is_no_trouble_any_more(loggers: list[IntegrationLogger], tmp_path: Path) -> None:
    """What only a newer version can ship is told until it has been shipped."""
    segment = Segment(tmp_path / "log.db.spool")
    segment.append(frame(b"of a newer version", codec.VERSION + 1))
    segment.publish()
    segment.file.close()
    for log in loggers:
        assert "newer version" in eventually(lambda log=log: log.health().problems)[0]  # type: ignore[misc]
    segment.path.unlink()
    for log in loggers:
        eventually(lambda log=log: log.health().problems == ())  # type: ignore[misc]


def test_a_purge_that_failed_is_tried_again_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the store is well again, the log does not go on for a minute to say that purging fails."""
    monkeypatch.setattr(background, "LONGEST_PAUSE", 0.1)
    failing = True
    purge = SQLStore.purge

    def may_fail(self: SQLStore, *args: Any, **bounds: Any) -> Purged:
        if failing:
            raise StoreError("the server is away")
        return purge(self, *args, **bounds)

    monkeypatch.setattr(SQLStore, "purge", may_fail)
    with closing(IntegrationLogger(f"sqlite:///{tmp_path}/log.db")) as log:
        record(log)
        assert log.flush()
        assert eventually(lambda: log.health().problems) == ("the server is away",)
        failing = False
        eventually(lambda: log.health().problems == ())
