"""The spool: local files that take every entry before its call is complete, and survive ``kill -9``.

Writing needs no network and waits for nobody: one ``write`` to an append-only segment of this process. Where the
folder cannot be written, entries wait in bounded memory; where the spool is full, the newest are dropped and counted.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from integration_logger.descriptors import Descriptor
from integration_logger.errors import ConfigurationError
from integration_logger.spool.folders import claim_folder, folder_bytes
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.presence import Presence
from integration_logger.spool.segments import MAX_FRAME, SEGMENT_BYTES, Segment, frame, shipped_to
from integration_logger.trouble import Trouble, describe

SEGMENT_SECONDS: Final = 30.0
"""A segment that is shipped and older than this is followed by a new one, so that no entry outlives its erasure."""
RETRY_SECONDS: Final = 1.0
"""Pause before a folder that failed is tried again."""
GRANT_BYTES: Final = 256 * 1024
"""What a process may write before it measures the folder again, where the folder is nearly full."""
FULL_SECONDS: Final = 0.05
"""Pause before a folder that is full is measured again."""
FULL_FOR: Final = 1.0
"""Seconds for which a spool that had no room counts as full."""
REPORT_BYTES: Final = 1024 * 1024
"""Room beyond ``max_bytes`` that reports of processes have, so that a full spool can be known."""
SAVED_AT_ONCE: Final = 1000
"""Entries that are put back from memory to the spool in one go."""


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


class SpoolWriter:
    """The writing end of a spool folder in one process."""

    def __init__(self, folder: Path, store: str, *, max_bytes: int, fsync: bool = False) -> None:
        self.folder = folder
        self.store = store
        """URL of the store that the entries are for, without password; the manifest names it."""
        self.max_bytes = max_bytes
        self.memory = MemoryQueue()
        self.trouble = Trouble()
        self._fsync = fsync
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // 8)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._changing = threading.RLock()
        """Held while the segment in use changes, not while a frame is written; handlers of signals may interrupt it."""
        self._segment: Segment | None = None
        self._spare: Segment | None = None
        self._opened_at = self._retry_at = self._measure_at = 0.0
        self._room = 0
        """Bytes that may be written before the folder is measured again."""
        self._sealed: list[tuple[Path, int]] = []
        """Former segments that may not be shipped yet, and where they end."""
        self._presence: Presence | None = None
        self._unsynced: list[Descriptor] = []
        """Former segments since the last sync, where there are syncs."""

    def append(self, payload: bytes) -> str | None:
        """Append one encoded entry; return None, or the reason why it was dropped."""
        data = frame(payload)
        length = len(data)
        if length > MAX_FRAME:
            return "too large"
        if self._room < length and not self._has_room(length):
            return "spool full"
        segment = self._segment
        try:
            while True:
                if segment is None or segment.end > self._segment_bytes:
                    segment = self._next_segment(segment)
                    if segment is None:
                        break
                if segment.append(data):
                    self._room -= length
                    return None
                segment = self._segment
        except OSError as error:
            self._fail(segment, error)
        return self.memory.append(payload)

    def append_report(self, payload: bytes, owner: str) -> str | None:
        """Append what this process says of itself, in a full spool too; return None, or why it was dropped."""
        with suppress(OSError):
            claim_folder(self.folder, self.store)
            if self._presence is None:
                self._presence = Presence(self.folder, owner)
            self._presence.show()
        needed = len(frame(payload))
        if self._room < needed:
            if folder_bytes(self.folder) + needed > self.max_bytes + REPORT_BYTES:
                return "spool full"
            self._room = needed
        return self.append(payload)

    @property
    def full(self) -> bool:
        """Whether the spool had no room lately."""
        return monotonic() < self._measure_at + FULL_FOR

    @property
    def durable(self) -> bool:
        """Whether what was appended, and what will be, outlives this process."""
        return not len(self.memory) and (self.trouble.text is None or self._segment is not None)

    def _has_room(self, needed: int) -> bool:
        """Measure the folder, which other processes write too, and take a part of what is free."""
        began = monotonic()
        if began < self._measure_at:
            return False
        free = self.max_bytes - folder_bytes(self.folder)
        self._room = min(free, max(free // 16, GRANT_BYTES, needed))
        if self._room >= needed:
            return True
        self._measure_at = began + max(FULL_SECONDS, 20 * (monotonic() - began))
        self.seal(older_than=0.0)  # what is shipped of it shall not take up room
        return False

    # --- the segment in use -------------------------------------------------------------------------

    def _next_segment(self, former: Segment | None) -> Segment | None:
        """Return the segment to write to, a new one where that can be had; None where there is none at all."""
        if monotonic() < self._retry_at:
            return former
        # who has a segment does not wait for the one that opens the next; who has none must
        if not self._changing.acquire(blocking=former is None):
            return former
        try:
            if self._segment is not None and self._segment is not former:
                return self._segment
            self._swap(self._open_segment())
            self.trouble.end()
            return self._segment
        except OSError as error:
            self._failed(error)
            return former
        finally:
            self._changing.release()

    def _open_segment(self) -> Segment:
        segment, self._spare = self._spare, None
        attempts = 3  # somebody may delete the folder, or what has no name yet, at just this moment
        while True:
            try:
                if segment is None:
                    claim_folder(self.folder, self.store)
                    segment = Segment(self.folder)
                segment.publish()
            except (FileNotFoundError, BlockingIOError):
                segment = None
                attempts -= 1
                if not attempts:
                    raise
            else:
                return segment

    def _swap(self, fresh: Segment | None) -> None:
        former, self._segment = self._segment, fresh
        self._opened_at = monotonic()
        if former is not None:
            if self._fsync:
                self._unsynced.append(former.file)
            self._sealed.append((former.path, former.seal()))

    def _fail(self, segment: Segment | None, error: OSError) -> None:
        with self._changing:
            if self._segment is segment:
                self._swap(None)
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        self._retry_at = monotonic() + RETRY_SECONDS
        self._warn(describe(error))

    def _warn(self, text: str) -> None:
        self.trouble.warn("the spool cannot be written, entries wait in memory: %s", text)

    # --- away from the request path -----------------------------------------------------------------

    def keep(self) -> None:
        """Do what is due now and then; called by one thread, many times a second."""
        self._look_again()
        self._leave_deleted()
        self.seal()
        with suppress(OSError):  # without it the next segment costs more, no more than that
            self.make_ready()
        if self._presence is not None:
            with suppress(OSError):
                self._presence.show()
        self._save_memory()

    def _look_again(self) -> None:
        """Learn that the folder can be written again, though nothing is recorded meanwhile."""
        segment = self._segment
        if self.trouble.text is not None and (segment is None or segment.end > self._segment_bytes):
            self._next_segment(segment)

    def _leave_deleted(self) -> None:
        segment = self._segment
        if segment is not None and not segment.file.is_at(segment.path):
            with self._changing:
                if self._segment is segment:
                    self._swap(None)
            self._warn("a segment was deleted while in use")

    def seal(self, *, older_than: float = SEGMENT_SECONDS) -> None:
        """Let the next entry begin a new segment, if this one has been in use for long; does nothing otherwise."""
        with self._changing:
            segment = self._segment
            if segment is not None and segment.end and monotonic() - self._opened_at >= older_than:
                self._swap(None)

    def make_ready(self) -> None:
        """Have the next segment ready before it is needed, where there is much traffic and room for it."""
        segment = self._segment
        if segment is None or self._spare is not None or segment.end < SEGMENT_BYTES // 4:
            return
        if self.max_bytes - folder_bytes(self.folder) < 8 * SEGMENT_BYTES:
            return
        spare = Segment(self.folder)
        try:
            spare.fill()
        except OSError:
            spare.discard()
            return
        self._spare = spare

    def _save_memory(self) -> None:
        """Put on the spool what had to wait in memory."""
        for payload in self.memory.peek(SAVED_AT_ONCE):
            if self.append(payload) is not None:
                break
            self.memory.remove([payload])
            if self.trouble.text is not None:  # it went to the end of the queue
                break

    def sync(self) -> None:
        """Force what was written to the disk, and the names of its files."""
        with self._changing:
            segment = self._segment
            files, self._unsynced = self._unsynced, []
        if segment is not None:
            files.append(segment.file)
        try:
            for file in files:
                os.fdatasync(file.number)
            if files:
                folder = Descriptor(self.folder, os.O_RDONLY | os.O_DIRECTORY)
                os.fsync(folder.number)
                folder.close()
        except OSError as error:  # what this file holds may not get to the disk any more: begin another one
            self._fail(segment, error)

    def shipped(self) -> bool:
        """Tell whether everything that this process appended until now is in the store."""
        with self._changing:
            segment = self._segment
            for mark in [*self._sealed]:
                if not shipped_to(*mark):
                    return False
                with suppress(ValueError):  # a handler of a signal was here
                    self._sealed.remove(mark)
            if len(self.memory):
                return False
        return segment is None or (shipped_to(segment.path, segment.end) and segment.path.exists())

    def close(self) -> None:
        """Give up the segment; a shipper may finish and delete it."""
        if self._fsync:
            self.sync()
        with self._changing:
            self._swap(None)
            self._unsynced.clear()
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.discard()
        if self._presence is not None:
            self._presence.end()

    def after_fork(self) -> None:
        """In a forked child: leave the parent's segments alone and begin anew; their files are closed by now."""
        self._begin_anew()
        self.memory.clear()
        self.trouble.end()
