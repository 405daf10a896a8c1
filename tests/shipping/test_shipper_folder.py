"""One shipper works for one folder, and knows it by its manifest and its lock."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

import pytest

from integration_logger.errors import StoreError
from integration_logger.shipping.shipper import LOCK
from integration_logger.spool.segments import segments
from integration_logger.spool.writer import SpoolWriter
from integration_logger.stores.memory import MemoryStore
from tests.records import stored
from tests.shipping.shippers import Ship, spooled


def test_one_shipper_works_for_a_folder(writer: SpoolWriter, shipper: Ship, store: MemoryStore) -> None:
    """A second shipper waits until the first one is gone."""
    spooled(writer, 1)
    first, second = shipper(), shipper()
    first.ship()
    spooled(writer, 1)
    assert second.ship() == 0
    assert (first.active, second.active) == (True, False)
    first.close()
    assert second.ship() == 1
    assert len(stored(store)) == 2


def test_the_folder_of_another_store_is_not_touched(folder: Path, shipper: Ship, store: MemoryStore) -> None:
    """Entries for another store are refused as a whole, and told."""
    other = SpoolWriter(folder, "sqlite:////srv/other.db", max_bytes=1024**2)
    spooled(other, 1)
    with pytest.raises(StoreError, match=r"other\.db"):
        shipper().ship()
    assert stored(store) == []
    assert not (folder / LOCK).exists()
    other.close()


def test_without_a_folder_there_is_nothing_to_do(folder: Path, shipper: Ship) -> None:
    """A spool that does not exist yet is not made by the shipper."""
    assert shipper().ship() == 0
    assert not folder.exists()


def test_a_deleted_spool_is_shipped_to_its_end(
    folder: Path, writer: SpoolWriter, shipper: Ship, store: MemoryStore
) -> None:
    """What was on a spool that somebody deletes under living processes is shipped, and so is what comes after."""
    ship = shipper()
    ids = spooled(writer, 1)
    ship.ship()
    ids += spooled(writer, 2)
    rmtree(folder)
    assert ship.deleted
    ids += spooled(writer, 2)
    writer.keep()
    ids += spooled(writer, 2)
    for _ in range(3):
        ship.ship()
    assert stored(store) == ids
    assert not ship.deleted
    assert len(segments(folder)) == 1
    assert ship.active


def test_a_folder_that_was_made_anew_is_taken_anew(folder: Path, writer: SpoolWriter, shipper: Ship) -> None:
    """A lock on a deleted folder counts for nothing in the new one."""
    first, second = shipper(), shipper()
    spooled(writer, 1)
    first.ship()
    rmtree(folder)
    writer.keep()
    spooled(writer, 1)
    assert second.ship() == 1
    assert first.ship() == 0
    assert (first.active, second.active) == (False, True)
