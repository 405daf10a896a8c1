"""The writing end of the spool: entries are kept, or counted; the host notices neither."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from integration_logger.errors import ConfigurationError
from integration_logger.spool.folders import MANIFEST, folder_bytes, folder_id, read_manifest, tidy
from integration_logger.spool.segments import POSITION, SEGMENT_BYTES, Segment, segments
from integration_logger.spool.writer import Spool, SpoolWriter
from tests.spools import on_spool

STORE = "sqlite:////srv/log.db"
MIB = 1024**2

Write = Callable[..., SpoolWriter]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def writer(folder: Path) -> SpoolWriter:
    return SpoolWriter(folder, STORE, max_bytes=1024 * MIB)


def at_once(writer: SpoolWriter) -> None:
    """Let a folder that failed be tried again without the pause."""
    writer._retry_at = 0.0


# --- files --------------------------------------------------------------------------------------------


def test_nothing_is_opened_before_the_first_entry(folder: Path, writer: SpoolWriter) -> None:
    """A writer that was never written to leaves no trace."""
    writer.keep()
    writer.close()
    assert not folder.exists()


def test_only_the_owner_can_read_the_spool(folder: Path, writer: SpoolWriter) -> None:
    """The folder has mode 0700 and each file in it 0600, whatever the umask."""
    umask = os.umask(0)
    try:
        writer.append(b"entry")
    finally:
        os.umask(umask)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    writer.close()


def test_what_is_appended_lies_in_a_file(folder: Path, writer: SpoolWriter) -> None:
    """Each entry is in a file when ``append`` returns, in order."""
    entries = [b"%d" % number for number in range(100)]
    for number, entry in enumerate(entries):
        assert writer.append(entry) is None
        assert len(on_spool(folder)) == number + 1
    assert on_spool(folder) == entries
    assert writer.durable
    writer.close()


def test_a_long_segment_is_followed_by_another(folder: Path) -> None:
    """Segments are as long as the bound allows for eight of them, and no entry falls between two."""
    writer = SpoolWriter(folder, STORE, max_bytes=80_000)
    entries = [b"%d" % number * 500 for number in range(50)]
    assert {writer.append(entry) for entry in entries} == {None}
    assert len(segments(folder)) > 3
    assert on_spool(folder) == entries
    writer.close()


def test_an_old_segment_is_followed_by_another(folder: Path, writer: SpoolWriter) -> None:
    """A segment that has been in use for long is left, so that it can be deleted; an empty one is not."""
    writer.append(b"first")
    writer.seal()
    writer.append(b"second")
    assert len(segments(folder)) == 1
    writer.seal(older_than=0)
    writer.append(b"third")
    assert len(segments(folder)) == 2
    writer.seal(older_than=0)
    writer.seal(older_than=0)
    assert on_spool(folder) == [b"first", b"second", b"third"]
    writer.close()


def test_the_next_segment_is_made_ready(folder: Path, writer: SpoolWriter) -> None:
    """Under much traffic the next segment lies ready before it is needed, counts as taken room, and leaves no trace."""
    writer.append(bytes(SEGMENT_BYTES // 4))
    writer.make_ready()
    assert folder_bytes(folder) > SEGMENT_BYTES
    assert len(segments(folder)) == 1
    writer.append(bytes(SEGMENT_BYTES))
    writer.append(b"next")
    assert len(segments(folder)) == 2
    assert segments(folder)[-1].stat().st_size == SEGMENT_BYTES
    writer.append(bytes(SEGMENT_BYTES // 4))
    writer.make_ready()
    writer.close()
    assert [path.suffix for path in folder.iterdir() if path.suffix == ".new"] == []


def test_threads_lose_nothing(folder: Path) -> None:
    """Threads that append while segments change lose no entry and write none twice."""
    writer = SpoolWriter(folder, STORE, max_bytes=8 * MIB)
    writer._segment_bytes = 20_000
    done = threading.Event()
    entries = [[f"{thread}/{number}".encode() * 30 for number in range(500)] for thread in range(8)]

    def write(own: list[bytes]) -> None:
        for entry in own:
            assert writer.append(entry) is None

    def keep() -> None:
        while not done.is_set():
            writer.keep()
            writer.seal(older_than=0.001)
            writer.shipped()

    threads = [threading.Thread(target=write, args=(own,)) for own in entries]
    keeper = threading.Thread(target=keep)
    for thread in (*threads, keeper):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    keeper.join()
    assert Counter(on_spool(folder)) == Counter(entry for own in entries for entry in own)
    assert not len(writer.memory)
    assert not writer.shipped()
    writer.close()


# --- whose spool it is ----------------------------------------------------------------------------------


def test_the_manifest_names_the_store(folder: Path, writer: SpoolWriter) -> None:
    """The folder says which store its entries are for."""
    assert read_manifest(folder) is None
    writer.append(b"entry")
    written = json.loads((folder / MANIFEST).read_bytes())
    assert (written["store"], written["version"]) == (STORE, 1)
    assert read_manifest(folder) == STORE
    assert folder_id(folder) == written["id"]
    writer.close()


def test_the_folder_of_another_store_is_not_written(folder: Path, writer: SpoolWriter) -> None:
    """Entries for another store wait in memory, and the trouble is told."""
    writer.append(b"ours")
    other = SpoolWriter(folder, "sqlite:////srv/other.db", max_bytes=MIB)
    assert other.append(b"theirs") is None
    assert other.memory.peek(2) == [b"theirs"]
    assert STORE in (other.trouble.text or "")
    assert not other.durable
    assert on_spool(folder) == [b"ours"]
    writer.close()


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"store": 5}', b"\xff"])
def test_a_damaged_manifest_is_written_anew(folder: Path, writer: SpoolWriter, damaged: bytes) -> None:
    """A manifest that says nothing, as one cut by a power loss, locks nobody out."""
    folder.mkdir()
    (folder / MANIFEST).write_bytes(damaged)
    assert writer.append(b"entry") is None
    assert writer.durable
    assert read_manifest(folder) == STORE
    writer.close()


def test_stores_that_begin_at_once_agree(folder: Path) -> None:
    """Of two stores that take one new folder at the same moment, exactly one gets it."""
    writers = [SpoolWriter(folder, f"sqlite:////srv/{number}.db", max_bytes=MIB) for number in range(8)]
    barrier = threading.Barrier(8)

    def append(writer: SpoolWriter) -> None:
        barrier.wait()
        writer.append(writer.store.encode())

    threads = [threading.Thread(target=append, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert on_spool(folder) == [(read_manifest(folder) or "").encode()]
    assert sum(len(writer.memory) for writer in writers) == 7
    for writer in writers:
        writer.close()


def test_what_the_dead_left_is_deleted(folder: Path, writer: SpoolWriter) -> None:
    """Segments made ready by a process that died go, those of a living one and all that have a name stay."""
    writer.append(b"entry")
    living, dead = Segment(folder), Segment(folder)
    dead.file.close()
    (folder / f"orphan{POSITION}").touch()
    (path,) = segments(folder)
    path.with_suffix(POSITION).touch()
    tidy(folder)
    assert {file.name for file in folder.iterdir()} == {
        MANIFEST, path.name, path.with_suffix(POSITION).name, living.path.name,
    }  # fmt: skip
    living.discard()
    writer.close()


# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"folder": 5}, {"max_bytes": 1023}, {"max_bytes": 1e9}, {"max_bytes": True}, {"fsync": 0}, {"fsync": "1"}],
)
def test_wrong_values_are_refused(options: dict[str, object]) -> None:
    """A wrong value raises at once and says which option it was given to."""
    with pytest.raises(ConfigurationError, match=f"Spool: {next(iter(options))}"):
        Spool(**options)  # type: ignore[arg-type]
