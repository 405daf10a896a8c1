"""The spool on disk: append-only segments of frames, each written by one process and read by the shipper.

A frame is ``magic (2) | length (4) | crc32 (4) | codec version (1) | payload``, big-endian, appended by a single
``write``. A segment is alive while its writer holds its file lock. What was shipped of it is noted beside it in
a ``.pos`` file, so that a restart neither repeats nor revives what has been erased since.
"""

from __future__ import annotations

import fcntl
import io
import os
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

import msgspec

from integration_logger import codec
from integration_logger.ids import new_id

MAGIC: Final = b"\xf1\x0c"
HEADER: Final = Struct(">2sIIB")
MAX_FRAME: Final = 32 * 1024 * 1024
"""Bytes; a longer frame is never written, so a longer length is damage."""
READ_AHEAD: Final = 1024 * 1024

SEGMENT: Final = ".seg"
POSITION: Final = ".pos"


def frame(payload: bytes, version: int = codec.VERSION) -> bytes:
    """Return the bytes of one frame."""
    return HEADER.pack(MAGIC, len(payload), crc32(payload), version) + payload


class Segment:
    """The end of a segment that this process appends to; the lock goes when the last user of the file has gone."""

    __slots__ = ("file", "path", "size")

    def __init__(self, folder: Path) -> None:
        name = new_id()
        unnamed = folder / f".{name}.new"
        descriptor = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.file = io.FileIO(descriptor, "wb")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # named only once it is locked, so that no shipper takes it for a dead process's
        self.path = unnamed.rename(folder / f"{name}{SEGMENT}")
        self.size = 0

    def append(self, data: bytes) -> bool:
        """Append one frame; return whether all of it was written. A torn one is passed over by the reader."""
        written = self.file.write(data)
        self.size += len(data)
        return written == len(data)


class Frame(msgspec.Struct, frozen=True):
    """One frame as read: its payload, and the place after it."""

    payload: bytes
    end: int


class SegmentReader:
    """The shipper's view of one segment, from where shipping had come to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.newer = False
        """A frame of a newer codec was met: the rest is left for a newer shipper."""
        self.writer_dead = False
        self.corrupt = 0
        """Damaged stretches that were passed over and set aside."""
        self._file = path.open("rb", buffering=0)
        self._position_file = _open_position(path.with_suffix(POSITION))
        self.position = _read_position(self._position_file)

    @property
    def backlog(self) -> int:
        """Bytes not yet shipped."""
        return max(0, os.fstat(self._file.fileno()).st_size - self.position)

    def check_writer(self) -> bool:
        """Return whether the writer has gone, which is told by its lock, never by its process id."""
        if not self.writer_dead:
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.writer_dead = True
        return self.writer_dead

    def read(self, limit: int) -> list[Frame]:
        """Return up to ``limit`` whole frames from the position on; ``acknowledge`` moves it."""
        size = READ_AHEAD
        while True:
            data = os.pread(self._file.fileno(), size, self.position)
            frames, used = self._parse(data, limit, final=self.writer_dead and len(data) < size)
            if frames or not data or self.newer:
                return frames
            if used:
                self.acknowledge(self.position + used)
            elif len(data) == size and size < MAX_FRAME:
                size = HEADER.size + MAX_FRAME
            else:
                return []

    def _parse(self, data: bytes, limit: int, *, final: bool) -> tuple[list[Frame], int]:
        frames: list[Frame] = []
        at = 0
        while len(frames) < limit and at < len(data):
            end, payload = self._step(data, at, final=final)
            if end == at:
                break
            if payload is None:
                self._set_aside(data[at:end], self.position + at)
            else:
                frames.append(Frame(payload, self.position + end))
            at = end
        return frames, at

    def _step(self, data: bytes, at: int, *, final: bool) -> tuple[int, bytes | None]:
        """Return the place after what begins here, and its payload if that is a whole frame; the same place: wait."""
        if len(data) - at < HEADER.size:
            return (len(data) if final else at), None
        magic, length, checksum, version = HEADER.unpack_from(data, at)
        if magic == MAGIC and length <= MAX_FRAME:
            end = at + HEADER.size + length
            if end > len(data) and not final:
                return at, None
            payload = data[at + HEADER.size : end]
            if crc32(payload) == checksum and len(payload) == length:
                self.newer = version > codec.VERSION
                return (at, None) if self.newer else (end, payload)
        following = data.find(MAGIC, at + 1)
        # the last byte may be the first half of the next frame's magic
        return (following if following >= 0 else len(data) - (not final)), None

    def _set_aside(self, damaged: bytes, at: int) -> None:
        folder = self.path.parent / "corrupt"
        folder.mkdir(mode=0o700, exist_ok=True)
        aside = folder / f"{self.path.stem}-{at}.bin"
        if not aside.exists():
            self.corrupt += 1
            write_private(aside, damaged)

    def acknowledge(self, position: int) -> None:
        """Note that everything before this place is in the store."""
        self.position = position
        os.pwrite(self._position_file.fileno(), b"%020d" % position, 0)

    def remove(self) -> None:
        """Delete a segment that is shipped to its end, and close it."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(POSITION).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the files; does nothing if that has been done."""
        self._file.close()
        self._position_file.close()


def _open_position(path: Path) -> io.FileIO:
    return io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")


def _read_position(file: io.FileIO) -> int:
    text = os.pread(file.fileno(), 20, 0)
    return int(text) if text.isdigit() else 0


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read."""
    with io.FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)


def segments(folder: Path) -> list[Path]:
    """Return the segments of a folder, oldest first."""
    return sorted(folder.glob(f"*{SEGMENT}"))


def shipped_to(path: Path, size: int) -> bool:
    """Tell whether the first ``size`` bytes of a segment are in the store."""
    try:
        text = path.with_suffix(POSITION).read_bytes()
    except FileNotFoundError:
        return not path.exists()
    return (int(text) if text.isdigit() else 0) >= size
