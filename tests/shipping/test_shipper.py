"""The shipper: everything on a spool reaches the store once, whoever wrote it and whatever became of him."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration_logger import codec
from integration_logger.errors import StoreError
from integration_logger.query import EVERYTHING, Query
from integration_logger.retention import Retention
from integration_logger.shipping import shipper as shipper_module
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.segments import POSITION, Segment, frame, segments
from integration_logger.spool.writer import SpoolWriter
from integration_logger.stores.memory import MemoryStore
from tests.records import stored
from tests.shipping.shippers import URL, Ship, open_files, spooled
from tests.spools import encoded, without_privileges

# --- what is shipped ------------------------------------------------------------------------------------


def test_entries_are_shipped_in_order(writer: SpoolWriter, shipper: Ship, store: MemoryStore) -> None:
    """Entries reach the store in the order in which they were spooled, in several batches, each once."""
    ids = spooled(writer, 2500)
    ship = shipper()
    assert ship.ship() == shipper_module.BATCH
    assert ship.more
    while ship.more:
        ship.ship()
    assert stored(store) == ids
    assert ship.ship() == 0
    assert ship.counts["shipped"] == 2500
    assert writer.shipped()


def test_expiry_is_set_on_the_way(writer: SpoolWriter, shipper: Ship, store: MemoryStore) -> None:
    """The dates of expiry come from the retention rules, before the first write."""
    spooled(writer, 1)
    shipper().ship()
    (entry,) = store.stream(Query(scope=EVERYTHING))
    assert entry.expires_at == Retention().date(entry).expires_at is not None


def test_a_batch_is_shipped_again_only_if_it_was_not_noted(
    writer: SpoolWriter, shipper: Ship, store: MemoryStore, folder: Path
) -> None:
    """After a restart shipping goes on where it was, and what is shipped twice is stored once."""
    ids = spooled(writer, 10)
    first = shipper()
    first.ship()
    first.close()
    second = shipper()
    assert second.ship() == 0
    second.close()
    (path,) = segments(folder)
    path.with_suffix(POSITION).unlink()
    assert shipper().ship() == 10
    assert stored(store) == ids


def test_the_end_of_a_segment_is_its_deletion(writer: SpoolWriter, shipper: Ship, folder: Path) -> None:
    """A segment of a living writer stays; once he has left it, it is shipped to its end and deleted."""
    ship = shipper()
    spooled(writer, 3)
    ship.ship()
    assert len(segments(folder)) == 1
    writer.seal(older_than=0)
    ship.ship()
    assert segments(folder) == []
    assert [path.suffix for path in folder.iterdir() if path.suffix == POSITION] == []


def test_segments_of_the_dead_are_adopted(folder: Path, writer: SpoolWriter, shipper: Ship, store: MemoryStore) -> None:
    """Whatever dead processes left is shipped, torn frames aside, whatever time it claims to be from."""
    ids = spooled(writer, 1)
    for name in ("00000000-0000-7000-8000-000000000000", "7fffffff-ffff-7fff-bfff-ffffffffffff"):
        entry, data = encoded()
        ids.append(entry.id)
        (folder / f"{name}.seg").write_bytes(frame(data) + frame(data)[:-3] + bytes(5000))
    ship = shipper()
    ship.ship()
    assert sorted(stored(store)) == sorted(ids)
    assert len(segments(folder)) == 1
    assert ship.counts["corrupt"] == 2


def test_a_thousand_segments_need_few_files(folder: Path, writer: SpoolWriter, shipper: Ship) -> None:
    """However many segments wait, no more are open than processes write."""
    spooled(writer, 1)
    for number in range(300):
        (folder / f"{number:03}.seg").write_bytes(frame(encoded()[1]))
    ship = shipper()
    opened = open_files()
    while ship.ship():
        assert open_files() <= opened + 5
    assert len(segments(folder)) == 1


def test_shipping_returns_in_time(
    folder: Path, writer: SpoolWriter, shipper: Ship, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With much to ship one turn ends after its time, says that there is more, and how much."""
    monkeypatch.setattr(shipper_module, "TURN", 0.0)
    spooled(writer, 1)
    for number in range(3):
        (folder / f"{number}.seg").write_bytes(frame(encoded()[1]))
    ship = shipper()
    shipped = []
    while not shipped or ship.more:
        shipped.append(ship.ship())
        assert bool(ship.backlog) == ship.more
    assert sum(shipped) == 4
    assert len(shipped) > 3


def test_memory_is_shipped(shipper: Ship, store: MemoryStore) -> None:
    """Without a spool, entries are taken from memory."""
    memory = MemoryQueue()
    entry, data = encoded()
    memory.append(data)
    shipper(folder=None, memory=memory).ship()
    assert stored(store) == [entry.id]
    assert (len(memory), memory.bytes) == (0, 0)


def test_a_segment_of_a_newer_version_is_left(
    folder: Path, writer: SpoolWriter, shipper: Ship, store: MemoryStore
) -> None:
    """Frames of a newer codec stay for a newer shipper; everything else is shipped, and it is told."""
    ids = spooled(writer, 1)
    entry, data = encoded()
    newer = folder / "0.seg"
    newer.write_bytes(frame(data) + frame(data, codec.VERSION + 1))
    ship = shipper()
    for _ in range(3):
        ship.ship()
    assert stored(store) == [entry.id, *ids]
    assert ship.newer == {newer}
    assert newer.exists()
    assert ship.counts["corrupt"] == 0


# --- what fails ---------------------------------------------------------------------------------------


def test_a_segment_that_cannot_be_read_holds_up_no_other(shipper: Ship, store: MemoryStore) -> None:
    """A file that the shipper may not open is told; the others are shipped."""
    with without_privileges() as own:
        writer = SpoolWriter(own / "spool", URL, max_bytes=1024**2)
        ids = spooled(writer, 1)
        closed = Segment(own / "spool")
        closed.publish()
        closed.path.chmod(0)
        ids += spooled(writer, 1)
        with pytest.raises(PermissionError):
            shipper(folder=own / "spool").ship()
        assert stored(store) == ids
        writer.close()


def test_what_is_not_stored_stays(writer: SpoolWriter, shipper: Ship, store: MemoryStore) -> None:
    """While the store is away nothing is acknowledged, and the backlog is known; then all of it is stored."""
    away = [True]

    class Away(MemoryStore):
        def write(self, *args: Any, **options: Any) -> None:
            if away:
                raise StoreError("away")
            store.write(*args, **options)

    ids = spooled(writer, 5)
    writer.seal(older_than=0)
    ids += spooled(writer, 5)
    ship = shipper(store=Away())
    for _ in range(3):
        with pytest.raises(StoreError):
            ship.ship()
        assert ship.backlog == sum(path.stat().st_size for path in segments(writer.folder))
    away.clear()
    ship.ship()
    assert stored(store) == ids
    assert ship.backlog == 0
