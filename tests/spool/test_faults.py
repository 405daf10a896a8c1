"""The spool when the disk fails, fills or vanishes: nothing is lost that there is room for, the rest is counted."""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path
from shutil import rmtree

import pytest

from integration_logger.spool import segments as segments_module
from integration_logger.spool import writer as spool_module
from integration_logger.spool.segments import SEGMENT_BYTES, segments
from integration_logger.spool.writer import RETRY_SECONDS, SpoolWriter
from tests.deadlines import eventually
from tests.spools import file_size_limit, on_spool, without_privileges

STORE = "sqlite:////srv/log.db"
MIB = 1024**2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def writer(folder: Path) -> SpoolWriter:
    return SpoolWriter(folder, STORE, max_bytes=1024 * MIB)


def written_again(writer: SpoolWriter, entry: bytes) -> bool:
    """Append until the folder is in use again."""
    return writer.append(entry) is None and writer.trouble.text is None


# --- a disk that fails --------------------------------------------------------------------------------


def test_a_full_disk(folder: Path, writer: SpoolWriter) -> None:
    """While the disk is full entries wait in memory; once there is room they go to the spool, and all are kept."""
    entries = [b"%03d" % number * 100 for number in range(30)]
    for entry in entries[:10]:
        assert writer.append(entry) is None
    with file_size_limit(3500):
        for entry in entries[10:20]:
            assert writer.append(entry) is None
        assert writer.trouble.text
        assert not writer.durable
        assert len(writer.memory) == 9
    eventually(lambda: (writer.keep(), writer.durable)[1])
    for entry in entries[20:]:
        assert writer.append(entry) is None
    assert Counter(on_spool(folder)) == Counter(entries)
    assert writer.trouble.text is None
    writer.close()


def test_a_folder_that_fails_is_tried_again_under_traffic(folder: Path, writer: SpoolWriter) -> None:
    """Entries that come all the time do not put the next try off."""
    folder.write_bytes(b"in the way")
    assert writer.append(b"first") is None
    assert writer.trouble.text
    folder.unlink()
    eventually(lambda: written_again(writer, b"more"), seconds=3 * RETRY_SECONDS)
    assert on_spool(folder) == [b"more"]
    eventually(lambda: (writer.keep(), writer.durable)[1])
    assert b"first" in on_spool(folder)
    writer.close()


def test_a_trouble_ends_without_traffic(folder: Path, writer: SpoolWriter) -> None:
    """Once the folder can be written again the log says so, although nothing more is recorded."""
    folder.write_bytes(b"in the way")
    assert writer.append(b"first") is None
    writer.memory.clear()
    writer.keep()
    assert writer.trouble.text
    folder.unlink()
    eventually(lambda: (writer.keep(), writer.trouble.text)[1] is None, seconds=3 * RETRY_SECONDS)
    writer.close()


def test_memory_fills_while_the_folder_fails(folder: Path, writer: SpoolWriter) -> None:
    """Without a folder and with full memory entries are dropped with that reason."""
    folder.write_bytes(b"in the way")
    writer.memory.max_bytes = 1000
    assert Counter(writer.append(bytes(300)) for _ in range(5)) == {None: 3, "memory full": 2}
    writer.keep()
    assert len(writer.memory) == 3
    writer.close()


def test_a_folder_without_permission() -> None:
    """A folder that may not be written is a trouble, not an exception; it ends with its cause."""
    with without_privileges() as own:
        own.chmod(0o500)
        writer = SpoolWriter(own / "spool", STORE, max_bytes=MIB)
        assert writer.append(b"entry") is None
        assert writer.trouble.text == "Permission denied"
        own.chmod(0o700)
        eventually(lambda: (writer.keep(), writer.durable)[1])
        assert on_spool(own / "spool") == [b"entry"]
        writer.close()


def test_a_folder_that_becomes_read_only() -> None:
    """Where no new segment can be opened the one in use serves on, beyond its length."""
    with without_privileges() as own:
        writer = SpoolWriter(own / "spool", STORE, max_bytes=80_000)
        writer.append(b"first")
        (own / "spool").chmod(0o500)
        assert [writer.append(bytes(6000)) for _ in range(4)] == [None] * 4
        assert writer.trouble.text == "Permission denied"
        assert writer.durable
        assert len(on_spool(own / "spool")) == 5
        (own / "spool").chmod(0o700)
        eventually(lambda: written_again(writer, b"next"))
        assert len(segments(own / "spool")) == 2
        writer.close()


def test_no_room_for_the_next_segment(folder: Path, writer: SpoolWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the next segment cannot be made ready nothing happens, and nothing is left of it."""
    writer.append(bytes(SEGMENT_BYTES // 4))
    with file_size_limit(SEGMENT_BYTES // 2):
        writer.keep()
    assert [path for path in folder.iterdir() if path.suffix == ".new"] == []
    assert writer.durable
    writer.close()


# --- a spool that somebody deletes -----------------------------------------------------------------------


@pytest.mark.parametrize("what", ["folder", "segment", "moved"])
def test_a_deleted_spool_is_noticed(folder: Path, writer: SpoolWriter, what: str) -> None:
    """Once the file that is written to has gone, entries go to a new one, and the trouble is told until then."""
    writer.append(b"before")
    assert not writer.shipped()
    if what == "folder":
        rmtree(folder)
    elif what == "segment":
        segments(folder)[0].unlink()
    else:
        folder.rename(folder.with_name("elsewhere"))
    assert not writer.shipped()
    writer.keep()
    assert writer.trouble.text
    assert writer.append(b"after") is None
    assert on_spool(folder) == [b"after"]
    assert writer.trouble.text is None
    writer.close()


def test_a_segment_that_is_taken_for_a_dead_processs(
    folder: Path, writer: SpoolWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shipper that tidies may delete a new segment before it is locked: another one is made."""
    made: list[Path] = []

    class Deleted(segments_module.Segment):
        def __init__(self, folder: Path) -> None:
            super().__init__(folder)
            made.append(self.path)
            if len(made) < 3:
                self.path.unlink()

    monkeypatch.setattr(spool_module, "Segment", Deleted)
    assert writer.append(b"entry") is None
    assert len(made) == 3
    assert on_spool(folder) == [b"entry"]
    writer.close()


# --- syncs --------------------------------------------------------------------------------------------


def test_a_sync_reaches_every_segment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync forces the segment in use and those left since the last one to the disk, and their names."""
    synced: list[str] = []
    monkeypatch.setattr(os, "fdatasync", lambda number: synced.append(Path(f"/dev/fd/{number}").resolve().name))
    monkeypatch.setattr(os, "fsync", lambda number: synced.append("folder"))
    writer = SpoolWriter(folder, STORE, max_bytes=80_000, fsync=True)
    for _ in range(5):
        writer.append(bytes(6000))
    names = [path.name for path in segments(folder)]
    assert len(names) > 1
    writer.sync()
    assert sorted(synced) == sorted([*names, "folder"])
    synced.clear()
    writer.sync()
    assert synced == [names[-1], "folder"]
    writer.close()


def test_a_sync_that_fails_begins_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed sync nothing more goes to that file, and the trouble is told."""

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    writer = SpoolWriter(folder, STORE, max_bytes=MIB, fsync=True)
    writer.append(b"before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        writer.sync()
    assert writer.trouble.text == "Input/output error"
    eventually(lambda: written_again(writer, b"after"))
    assert len(segments(folder)) == 2
    writer.close()


def test_appending_waits_for_no_sync(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are taken while the disk is slow to sync."""
    syncing, go_on = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        syncing.set()
        assert go_on.wait(10)

    monkeypatch.setattr(os, "fdatasync", slow)
    writer = SpoolWriter(folder, STORE, max_bytes=MIB, fsync=True)
    writer.append(b"before")
    thread = threading.Thread(target=writer.sync)
    thread.start()
    assert syncing.wait(10)
    writer.append(b"meanwhile")
    writer.seal(older_than=0)
    writer.append(b"and after")
    go_on.set()
    thread.join()
    assert len(on_spool(folder)) == 3
    writer.close()
