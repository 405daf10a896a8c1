"""The spool on disk: append-only segments of frames, each written by one process and read by the shipper.

A frame is ``magic (2) | length (4) | crc32 (4) | codec version (1) | payload``, big-endian, written by a single
call; what follows the last one is nothing, or zeros. A segment is alive while its writer holds its file lock.
What was shipped of it is noted beside it in a ``.pos`` file, so that a restart neither repeats nor revives what
has been erased since.
"""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

import msgspec

from integration_logger import codec
from integration_logger.descriptors import Descriptor
from integration_logger.ids import new_id
from integration_logger.spool.aside import set_aside

MAGIC: Final = b"\xf1\x0c"
HEADER: Final = Struct(">2sIIB")
MAX_FRAME: Final = 32 * 1024 * 1024
"""Bytes; a longer frame is never written, so a longer length is damage."""
READ_AHEAD: Final = 256 * 1024
READ_AT_ONCE: Final = 4 * 1024 * 1024
"""Bytes after which a read ends, so that large frames make small batches."""
SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A segment longer than this is followed by a new one."""

SEGMENT: Final = ".seg"
POSITION: Final = ".pos"
UNNAMED: Final = ".new"
_ZEROS: Final = bytes(256 * 1024)
_DIGITS: Final = 20  # of a position


def frame(payload: bytes, version: int = codec.VERSION) -> bytes:
    """Return the bytes of one frame; the checksum covers the version too."""
    return HEADER.pack(MAGIC, len(payload), crc32(payload, version), version) + payload


class Segment:
    """The end of a segment that this process writes; its lock goes when the last user of the file has gone."""

    __slots__ = ("_reserving", "end", "file", "path", "sealed")

    def __init__(self, folder: Path) -> None:
        self.path = folder / f".{new_id()}{UNNAMED}"
        self.file = Descriptor(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        if not self.file.lock():  # a shipper that tidies was faster, and deletes it now
            raise BlockingIOError(errno.EWOULDBLOCK, "the new segment is locked")
        self.end = 0
        self.sealed = False
        self._reserving = threading.Lock()

    def fill(self) -> None:
        """Write zeros ahead, away from the request path: to overwrite costs half of what to append does."""
        for at in range(0, SEGMENT_BYTES, len(_ZEROS)):
            if os.pwrite(self.file.number, _ZEROS, at) < len(_ZEROS):
                raise _full()

    def publish(self) -> None:
        """Give it its name; before that, and before it is locked, no shipper takes it for a dead process's."""
        self.path = self.path.rename(self.path.with_name(f"{self.path.stem[1:]}{SEGMENT}"))

    def append(self, data: bytes) -> int:
        """Write one frame; return its length, or 0 if the segment has been sealed meanwhile.

        A frame that the disk has no room for leaves zeros, which the reader passes over. The lock is held for
        the reservation only, never while writing.
        """
        length = len(data)
        with self._reserving:  # without a call inside, so that no handler of a signal runs here
            if self.sealed:
                return 0
            at = self.end
            self.end = at + length
        written = os.pwrite(self.file.number, data, at)
        if written < length:
            with suppress(OSError):
                os.pwrite(self.file.number, bytes(written), at)
            raise _full()
        return written

    def seal(self) -> int:
        """Let nothing more be written, and give the zeros back; return where it ends."""
        with self._reserving:
            self.sealed = True
        if self.end < SEGMENT_BYTES:
            with suppress(OSError):
                os.ftruncate(self.file.number, self.end)
        return self.end

    def discard(self) -> None:
        """Delete one that was never used."""
        self.path.unlink(missing_ok=True)
        self.file.close()


def _full() -> OSError:
    return OSError(errno.ENOSPC, "disk full")


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
        self.more = False
        """The last read ended because it had enough."""
        self.corrupt = 0
        """Damaged stretches that were passed over and set aside."""
        self._damage: list[tuple[int, bytes]] = []
        self._file = Descriptor(path, os.O_RDONLY)
        self._position_file = _open_position(path.with_suffix(POSITION))
        self.position = self._seen_to = self._first_position()

    @property
    def backlog(self) -> int:
        """Bytes that were seen at the last read and are not shipped."""
        return max(0, self._seen_to - self.position)

    @property
    def deleted(self) -> bool:
        """Somebody deleted the segment, or its folder; what is in it can still be read here, and nowhere else."""
        return not self._file.is_at(self.path)

    def check_writer(self) -> bool:
        """Return whether the writer has gone, which is told by its lock, never by its process id."""
        self.writer_dead = self.writer_dead or self._file.lock()
        return self.writer_dead

    def read(self, limit: int) -> list[Frame]:
        """Return up to ``limit`` whole frames from the position on; ``acknowledge`` moves it."""
        frames: list[Frame] = []
        self._damage.clear()
        self.newer = False
        at, size = self.position, READ_AHEAD
        enough = at + READ_AT_ONCE
        while len(frames) < limit and (at < enough or not frames) and not self._nothing_at(at):
            data = os.pread(self._file.number, size, at)
            at_end = len(data) < size
            used = self._parse(data, at, frames, limit, at_end=at_end)
            at += used
            if not used and (self.newer or at_end or (claimed := _claimed(data)) <= size):
                break
            size = READ_AHEAD if used else claimed
        self.more = len(frames) == limit or (at >= enough and bool(frames))
        self._seen_to = max(at, os.fstat(self._file.number).st_size) if self.more else at
        if not frames and at > self.position:
            self.acknowledge(at)
        return frames

    def _nothing_at(self, at: int) -> bool:
        """Whether nothing follows, or nothing whole yet: looked at first, so as not to read zeros all the time."""
        head = os.pread(self._file.number, HEADER.size, at)
        return not head or (not self.writer_dead and (len(head) < HEADER.size or not head.strip(b"\0")))

    def _parse(self, data: bytes, start: int, frames: list[Frame], limit: int, *, at_end: bool) -> int:
        """Add the frames in the data; return how much of it is done with."""
        at = 0
        while len(frames) < limit and at < len(data):
            end, payload = self._step(data, at, at_end=at_end)
            if end == at:
                break
            if payload is not None:
                frames.append(Frame(payload, start + end))
            elif data.count(0, at, end) < end - at:
                self._note_damage(start + at, data[at:end])
            at = end
        return at

    def _step(self, data: bytes, at: int, *, at_end: bool) -> tuple[int, bytes | None]:
        """Return the place after what begins here, and its payload if that is a whole frame; the same place: wait."""
        if len(data) - at >= HEADER.size:
            magic, length, checksum, version = HEADER.unpack_from(data, at)
            end = at + HEADER.size + length
            if magic == MAGIC and length <= MAX_FRAME and version:  # none is 0: where zeros are, nothing is written yet
                payload = data[at + HEADER.size : end]
                if end > len(data):
                    if not at_end:
                        return at, None
                elif crc32(payload, version) == checksum:
                    self.newer = version > codec.VERSION
                    return (at, None) if self.newer else (end, payload)
        elif not at_end:
            return at, None
        if not self.writer_dead:  # what is not whole yet may become so
            return at, None
        following = data.find(MAGIC, at + 1)
        return (following if following >= 0 else len(data) if at_end else max(at + 1, len(data) - 1)), None

    def _note_damage(self, at: int, data: bytes) -> None:
        if self._damage and self._damage[-1][0] + len(self._damage[-1][1]) == at:
            first, before = self._damage.pop()
            at, data = first, before + data
        self._damage.append((at, data))

    def acknowledge(self, position: int) -> None:
        """Note that everything before this place is in the store, or set aside."""
        for at, data in self._damage:
            if at < position:
                self.corrupt += 1
                set_aside(self.path.parent / "corrupt", f"{self.path.stem}-{at}.bin", data)
        self._damage.clear()
        self.position = position
        if self._position_file is not None:
            with suppress(OSError):  # on a full disk: a restart ships it once more, and the store passes over it
                os.pwrite(self._position_file.number, b"%0*d" % (_DIGITS, position), 0)

    def remove(self) -> None:
        """Delete a segment that is shipped to its end, and close it."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(POSITION).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the files; does nothing if that has been done."""
        self._file.close()
        if self._position_file is not None:
            self._position_file.close()

    def _first_position(self) -> int:
        """Return the noted position, or 0 where that cannot be right: better shipped again than never."""
        position = 0
        if self._position_file is not None:
            with suppress(OSError):
                position = _read_position(os.pread(self._position_file.number, _DIGITS, 0))
        if position > os.fstat(self._file.number).st_size:
            return 0
        found = os.pread(self._file.number, HEADER.size, position)
        return position if MAGIC.startswith(found[: len(MAGIC)]) or not found.strip(b"\0") else 0


def _claimed(data: bytes) -> int:
    """Return how long the frame that begins here says it is; 0 where none begins."""
    if len(data) < HEADER.size or not data.startswith(MAGIC):
        return 0
    length: int = HEADER.unpack_from(data)[1]
    return HEADER.size + length if length <= MAX_FRAME else 0


def _open_position(path: Path) -> Descriptor | None:
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        with suppress(OSError):
            return Descriptor(path, flags)
    return None


def _read_position(noted: bytes) -> int:
    return int(noted) if len(noted) == _DIGITS and noted.isdigit() else 0


def segments(folder: Path) -> list[Path]:
    """Return the segments of a folder, oldest first; none where there is no folder."""
    try:
        return sorted((path for path in folder.iterdir() if path.name.endswith(SEGMENT)), key=attrgetter("name"))
    except (FileNotFoundError, NotADirectoryError):
        return []


def shipped_to(path: Path, size: int) -> bool:
    """Tell whether the first ``size`` bytes of a segment are in the store; one that is gone has been shipped."""
    try:
        return _read_position(path.with_suffix(POSITION).read_bytes()) >= size
    except FileNotFoundError:
        return not path.exists()
    except OSError:
        return False
