"""The spool: local files that take every entry before its call is complete, and survive ``kill -9``.

Writing needs no lock and no network: one ``write`` to an append-only segment of this process. Where the folder
cannot be written, entries wait in bounded memory; where the spool is full, the newest are dropped and counted.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from pathlib import Path
from time import monotonic
from typing import Final

from integration_logger.errors import ConfigurationError
from integration_logger.segments import (
    MAX_FRAME,
    SEGMENT_BYTES,
    Segment,
    frame,
    segments,
    shipped_to,
    write_private,
)

SEGMENT_SECONDS: Final = 30.0
"""A segment that is shipped and older than this is followed by a new one, so that no entry outlives its erasure."""
MEMORY_BYTES: Final = 16 * 1024 * 1024
"""Entries held in memory where there is no spool, or it cannot be written."""
RETRY_SECONDS: Final = 1.0
"""Pause before a folder that failed is tried again."""
MANIFEST: Final = "manifest.json"


class Spool:
    """Where entries wait for the store: a folder of mode 0700 with files of mode 0600.

    ``max_bytes`` bounds the folder (default 1 GiB). ``fsync`` is None (entries survive the death of the process)
    or seconds between two syncs (they survive that of the machine, but for the last such stretch).
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, max_bytes: int = 1024**3, fsync: float | None = None
    ) -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 1024:
            raise ConfigurationError(f"Spool: max_bytes takes a whole number of bytes from 1024, not {max_bytes!r}")
        if fsync is not None and (not isinstance(fsync, int | float) or isinstance(fsync, bool) or fsync <= 0):
            raise ConfigurationError(f"Spool: fsync takes None or a number of seconds, not {fsync!r}")
        try:
            self.folder = None if folder is None else Path(folder).expanduser()
        except TypeError as error:
            raise ConfigurationError(f"Spool: folder takes a path, not {folder!r}") from error
        self.max_bytes = max_bytes
        self.fsync = fsync


class MemoryQueue:
    """Entries in bounded memory, for those who go without a spool and for folders that cannot be written."""

    def __init__(self, max_bytes: int = MEMORY_BYTES) -> None:
        self.max_bytes = max_bytes
        self._payloads: deque[bytes] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def append(self, payload: bytes) -> str | None:
        """Keep one encoded entry; return None, or why it was dropped."""
        with self._lock:
            if self._bytes + len(payload) > self.max_bytes:
                return "memory full"
            self._payloads.append(payload)
            self._bytes += len(payload)
        return None

    def peek(self, limit: int) -> list[bytes]:
        """Return the oldest entries without removing them."""
        with self._lock:
            return [self._payloads[i] for i in range(min(limit, len(self._payloads)))]

    def remove(self, count: int) -> None:
        """Remove the oldest entries, now that they are in the store."""
        with self._lock:
            for _ in range(count):
                self._bytes -= len(self._payloads.popleft())

    def clear(self) -> None:
        """Forget everything: in a forked child it is the parent's."""
        self._lock = threading.Lock()
        self._payloads.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._payloads)


class SpoolWriter:
    """The writing end of a spool folder in one process."""

    def __init__(self, folder: Path, store: str, *, max_bytes: int) -> None:
        self.folder = folder
        self.store = store
        """URL of the store that the entries are for, without password; the manifest names it."""
        self.max_bytes = max_bytes
        self.memory = MemoryQueue()
        self.problem: str | None = None
        """Why the folder cannot be written; None while all is well."""
        self._segment: Segment | None = None
        self._spare: Segment | None = None
        self._opened_at = 0.0
        self._retry_at = 0.0
        self._room = 0
        self._measured_at = -1.0
        self._sealed: list[tuple[Path, int]] = []
        """Former segments that may not be shipped yet, and where they end."""

    def append(self, payload: bytes) -> str | None:
        """Append one encoded entry; return None, or the reason why it was dropped."""
        data = frame(payload)
        length = len(data)
        if length > MAX_FRAME:
            return "too large"
        if self._room < length and not self._has_room(length):
            return "spool full"
        try:
            while True:
                segment = self._segment
                if segment is None or segment.end > SEGMENT_BYTES:
                    segment = self._next_segment(segment)
                written = segment.append(data)
                if written:
                    break
            if written == length:
                self._room -= length
                return None
            problem = "disk full"
        except OSError as error:
            problem = error.strerror or str(error)
        self._fail(problem)
        return self.memory.append(payload)

    def _fail(self, problem: str) -> None:
        self.problem = problem
        self._retry_at = monotonic() + RETRY_SECONDS
        self._retire(self._segment)

    def _retire(self, segment: Segment | None) -> None:
        """Take a segment out of use, if it is the one in use."""
        if segment is not None and segment is self._segment:
            self._segment = None
            self._sealed = [mark for mark in self._sealed if not shipped_to(*mark)] + [(segment.path, segment.seal())]

    def _next_segment(self, former: Segment | None) -> Segment:
        if monotonic() < self._retry_at:
            raise OSError(0, self.problem)
        self._retire(former)
        spare, self._spare = self._spare, None
        if spare is None:
            self._prepare()
            spare = Segment(self.folder)
        spare.publish()
        self._opened_at = monotonic()
        self._segment, self.problem = spare, None
        return spare

    def make_ready(self) -> None:
        """Have the next segment ready before it is needed, where there is much traffic and room for it."""
        segment = self._segment
        if segment is None or self._spare is not None or segment.end < SEGMENT_BYTES // 4:
            return
        if self.max_bytes >= 8 * SEGMENT_BYTES and self._has_room(SEGMENT_BYTES):
            spare = Segment(self.folder)
            spare.fill()
            self._spare = spare

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        manifest = self.folder / MANIFEST
        if not manifest.exists():
            write_private(manifest, json.dumps({"store": self.store, "version": 1}).encode())
        elif (other := read_manifest(self.folder)) != self.store:
            raise OSError(0, f"the spool folder belongs to another store ({other})")

    def _has_room(self, needed: int) -> bool:
        """Measure the folder, which other processes write too, at most every 50 ms."""
        now = monotonic()
        if now - self._measured_at > 0.05:
            self._measured_at = now
            self._room = self.max_bytes - folder_bytes(self.folder)
        return self._room >= needed

    def seal(self, *, older_than: float = SEGMENT_SECONDS) -> None:
        """Let the next entry begin a new segment, if this one has been in use for long; does nothing otherwise."""
        segment = self._segment
        if segment is not None and segment.end and monotonic() - self._opened_at >= older_than:
            self._retire(segment)

    def sync(self) -> None:
        """Force what was written to the disk."""
        segment = self._segment
        if segment is not None:
            os.fdatasync(segment.file.number)

    def shipped(self) -> bool:
        """Tell whether everything that this process appended until now is in the store."""
        segment = self._segment
        marks = [*self._sealed] if segment is None else [*self._sealed, (segment.path, segment.end)]
        return not len(self.memory) and all(shipped_to(*mark) for mark in marks)

    def close(self) -> None:
        """Give up the segment; a shipper may finish and delete it."""
        self._retire(self._segment)
        if self._spare is not None:
            self._spare.path.unlink(missing_ok=True)
            self._spare = None

    def after_fork(self) -> None:
        """In a forked child: leave the parent's segments and locks alone and begin anew."""
        for segment in (self._segment, self._spare):
            if segment is not None:
                segment.file.close()
        self._segment = self._spare = None
        self._sealed, self._room = [], 0
        self.memory.clear()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def folder_bytes(folder: Path) -> int:
    """Return the bytes in all segments of a folder."""
    return sum(_size(path) for path in segments(folder))


def read_manifest(folder: Path) -> str | None:
    """Return which store a spool folder is for, or None where it does not say."""
    try:
        store = json.loads((folder / MANIFEST).read_bytes()).get("store")
    except (OSError, ValueError, AttributeError):
        return None
    return store if isinstance(store, str) else None
