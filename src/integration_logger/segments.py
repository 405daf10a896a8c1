"""The spool on disk: append-only segments of frames, each written by one process and read by the shipper.

A frame is ``magic (2) | length (4) | crc32 (4) | codec version (1) | payload``, big-endian, written by a single
call; what follows the last one is nothing, or zeros. A segment is alive while its writer holds its file lock.
What was shipped of it is noted beside it in a ``.pos`` file, so that a restart neither repeats nor revives what
has been erased since.
"""

from __future__ import annotations

import fcntl
import io
import os
import threading
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
READ_AHEAD: Final = 256 * 1024
SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A segment longer than this is followed by a new one."""

SEGMENT: Final = ".seg"
POSITION: Final = ".pos"
UNNAMED: Final = ".new"
_ZEROS: Final = bytes(256 * 1024)


def frame(payload: bytes, version: int = codec.VERSION) -> bytes:
    """Return the bytes of one frame."""
    return HEADER.pack(MAGIC, len(payload), crc32(payload), version) + payload


class Descriptor:
    """An open file that is closed, and with it unlocked, when the last of its users lets go."""

    __slots__ = ("number",)

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Close it now; does nothing if that has been done."""
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)

    __del__ = close


class Segment:
    """The end of a segment that this process writes; its lock goes when the last user of the file has gone."""

    __slots__ = ("_reserving", "end", "file", "path", "sealed")

    def __init__(self, folder: Path) -> None:
        self.path = folder / f".{new_id()}{UNNAMED}"
        self.file = Descriptor(self.path)
        fcntl.flock(self.file.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.end = 0
        self.sealed = False
        self._reserving = threading.Lock()

    def fill(self) -> None:
        """Write zeros ahead, away from the request path: to overwrite costs half of what to append does."""
        for at in range(0, SEGMENT_BYTES, len(_ZEROS)):
            os.pwrite(self.file.number, _ZEROS, at)

    def publish(self) -> None:
        """Give it its name; before that, and before it is locked, no shipper takes it for a dead process's."""
        self.path = self.path.rename(self.path.with_name(f"{self.path.stem[1:]}{SEGMENT}"))

    def append(self, data: bytes) -> int:
        """Write one frame; return how much of it was written, 0 if the segment has been sealed meanwhile.

        The reader passes over a torn frame. The lock is held for the reservation only, never while writing.
        """
        with self._reserving:
            if self.sealed:
                return 0
            at = self.end
            self.end = at + len(data)
        return os.pwrite(self.file.number, data, at)

    def seal(self) -> int:
        """Let nothing more be written; return where it ends."""
        with self._reserving:
            self.sealed = True
            return self.end


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
        self.caught_up = False
        """Nothing was left to ship at the last look."""
        self.corrupt = 0
        """Damaged stretches that were passed over and set aside."""
        self._file = path.open("rb", buffering=0)
        self._position_file = _open_position(path.with_suffix(POSITION))
        self.position = _read_position(self._position_file)

    @property
    def backlog(self) -> int:
        """Bytes not yet shipped."""
        return 0 if self.caught_up else max(0, os.fstat(self._file.fileno()).st_size - self.position)

    def check_writer(self) -> bool:
        """Return whether the writer has gone, which is told by its lock, never by its process id."""
        if not self.writer_dead:
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.writer_dead = True
        return self.writer_dead

    def read(self, limit: int) -> list[Frame]:
        """Return up to ``limit`` whole frames from the position on; ``acknowledge`` moves it."""
        frames = self._read(limit)
        self.caught_up = not frames
        return frames

    def _read(self, limit: int) -> list[Frame]:
        size = READ_AHEAD
        while True:
            data = os.pread(self._file.fileno(), size, self.position)
            at_end = len(data) < size
            frames, used = self._parse(data, limit, at_end=at_end)
            if frames or self.newer or not data:
                return frames
            if used:
                self.acknowledge(self.position + used)
                size = READ_AHEAD
            elif at_end or (claimed := _claimed(data)) <= size:
                return []
            else:
                size = claimed

    def _parse(self, data: bytes, limit: int, *, at_end: bool) -> tuple[list[Frame], int]:
        frames: list[Frame] = []
        at = 0
        while len(frames) < limit and at < len(data):
            end, payload = self._step(data, at, at_end=at_end)
            if end == at:
                break
            if payload is not None:
                frames.append(Frame(payload, self.position + end))
            elif data.count(0, at, end) < end - at:
                self._set_aside(data[at:end], self.position + at)
            at = end
        return frames, at

    def _step(self, data: bytes, at: int, *, at_end: bool) -> tuple[int, bytes | None]:
        """Return the place after what begins here, and its payload if that is a whole frame; the same place: wait."""
        if len(data) - at >= HEADER.size:
            magic, length, checksum, version = HEADER.unpack_from(data, at)
            end = at + HEADER.size + length
            if magic == MAGIC and length <= MAX_FRAME:
                payload = data[at + HEADER.size : end]
                if end > len(data):
                    if not at_end:
                        return at, None
                elif crc32(payload) == checksum:
                    self.newer = version > codec.VERSION
                    return (at, None) if self.newer else (end, payload)
        elif not at_end:
            return at, None
        if not self.writer_dead:  # what is not whole yet may become so
            return at, None
        following = data.find(MAGIC, at + 1)
        return (following if following >= 0 else len(data) if at_end else max(at + 1, len(data) - 1)), None

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


def _claimed(data: bytes) -> int:
    """Return how long the frame that begins here says it is; 0 where none begins."""
    if len(data) < HEADER.size or not data.startswith(MAGIC):
        return 0
    length: int = HEADER.unpack_from(data)[1]
    return HEADER.size + length if length <= MAX_FRAME else 0


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


def remove_unnamed(folder: Path) -> None:
    """Delete segments that a dead process had made ready and never used."""
    for path in folder.glob(f".*{UNNAMED}"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def shipped_to(path: Path, size: int) -> bool:
    """Tell whether the first ``size`` bytes of a segment are in the store."""
    try:
        text = path.with_suffix(POSITION).read_bytes()
    except FileNotFoundError:
        return not path.exists()
    return (int(text) if text.isdigit() else 0) >= size
