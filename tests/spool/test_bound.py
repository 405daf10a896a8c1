"""The bounds of the spool, on the disk and in memory: what does not fit is dropped and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from integration_logger.spool.folders import folder_bytes
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.segments import MAX_FRAME, SegmentReader, frame, segments
from integration_logger.spool.writer import GRANT_BYTES, SpoolWriter
from tests.deadlines import eventually
from tests.spools import on_spool

STORE = "sqlite:////srv/log.db"
MIB = 1024**2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.mark.parametrize("max_bytes", [1024, 100_000, 4 * MIB])
def test_the_spool_is_bounded(folder: Path, max_bytes: int) -> None:
    """Ten times of what there is room for: the bound holds, the newest are dropped, and each one is counted."""
    writer = SpoolWriter(folder, STORE, max_bytes=max_bytes)
    size = max(20, max_bytes // 1000)
    entries = [number.to_bytes(4, "big") + bytes(size - 4) for number in range(10 * max_bytes // size)]
    answers = Counter(map(writer.append, entries))
    kept = on_spool(folder)
    assert folder_bytes(folder) <= max_bytes
    assert kept == entries[: len(kept)]
    assert answers == {None: len(kept), "spool full": len(entries) - len(kept)}
    assert sum(len(frame(entry)) for entry in kept) > 0.9 * max_bytes - size
    writer.close()


def test_several_processes_share_the_bound(folder: Path) -> None:
    """Writers of one folder stay within its bound together, but for what each may write unmeasured."""
    writers = [SpoolWriter(folder, STORE, max_bytes=20 * MIB) for _ in range(8)]
    entry = bytes(50_000)
    for _ in range(200):
        for writer in writers:
            writer.append(entry)
    assert folder_bytes(folder) <= 20 * MIB + len(writers) * GRANT_BYTES
    for writer in writers:
        writer.close()


def test_there_is_room_again_once_something_is_shipped(folder: Path) -> None:
    """A spool that was full takes entries again as soon as segments are shipped, the last one too."""
    writer = SpoolWriter(folder, STORE, max_bytes=MIB)
    while writer.append(bytes(10_000)) is None:
        pass
    for path in segments(folder):
        reader = SegmentReader(path)
        assert reader.check_writer()
        reader.remove()
    eventually(lambda: writer.append(b"again") is None)
    assert on_spool(folder) == [b"again"]
    writer.close()


def test_an_entry_that_is_too_long_is_dropped(folder: Path) -> None:
    """What no reader would take is not written."""
    writer = SpoolWriter(folder, STORE, max_bytes=1024 * MIB)
    assert writer.append(bytes(MAX_FRAME)) == "too large"
    assert writer.append(b"next") is None
    writer.close()


def test_an_entry_larger_than_a_grant_fits(folder: Path) -> None:
    """A large entry has room wherever the folder has."""
    writer = SpoolWriter(folder, STORE, max_bytes=10 * MIB)
    assert writer.append(bytes(9 * MIB)) is None
    writer.close()


def test_memory_is_bounded() -> None:
    """The queue in memory takes what fits, drops the newest, and gives back what was removed."""
    queue = MemoryQueue(max_bytes=100)
    assert [queue.append(bytes(30)) for _ in range(5)] == [None, None, None, "memory full", "memory full"]
    queue.remove(queue.peek(1))
    assert queue.append(bytes(30)) is None
    assert (len(queue), queue.bytes) == (3, 90)


def test_two_threads_may_take_from_memory() -> None:
    """What one thread has removed meanwhile, another does not remove again, nor anything in its place."""
    queue = MemoryQueue()
    for entry in (b"a", b"b", b"c"):
        queue.append(entry)
    taken = queue.peek(2)
    queue.remove(queue.peek(2))
    queue.remove(taken)
    assert queue.peek(9) == [b"c"]
