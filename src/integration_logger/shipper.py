"""From the spool to the store: reads segments, dates entries, writes batches, at least once and in order.

One shipper works for a folder at a time, told by a file lock. Entries that the store refuses for what they hold
are found by halving the batch, set aside in ``rejected/``, and stored as a stub of their metadata.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final

from integration_logger import codec
from integration_logger.entry import Entry
from integration_logger.errors import CodecError, StoreError
from integration_logger.retention import Retention
from integration_logger.segments import SegmentReader, remove_unnamed, segments, write_private
from integration_logger.spool import MemoryQueue, SpoolWriter, read_manifest
from integration_logger.stores.base import Store

logger = logging.getLogger("integration_logger")

BATCH: Final = 1000
"""Entries in one transaction; larger ones gain nothing."""
INTERVAL: Final = 0.1
"""Seconds between two looks at the spool."""
LONGEST_PAUSE: Final = 5.0
"""Seconds between two tries while the store is away, after doubling from ``INTERVAL``."""
PURGE_EVERY: Final = 3600.0
LOCK: Final = "ship.lock"


class Shipper:
    """Moves what is in a spool folder, and in this process's memory, into the store."""

    def __init__(
        self, store: Store, retention: Retention, *, url: str, folder: Path | None, memory: MemoryQueue
    ) -> None:
        self.store = store
        self.retention = retention
        self.url = url
        """Of the store, without password; a spool folder that names another one is not touched."""
        self.folder = folder
        self.memory = memory
        self.problem: str | None = None
        """Why nothing is shipped; None while all is well."""
        self.counts: Counter[str] = Counter()
        """Since this process began: ``shipped``, ``rejected``, ``corrupt``."""
        self._readers: dict[Path, SegmentReader] = {}
        self._lock: int | None = None
        self._opened = False

    def ship(self) -> int:
        """Ship what is there, at most one batch of each source; return how many entries that were.

        Raises ``StoreError`` while the store is away: everything stays where it is.
        """
        if not self._opened:
            self.store.open()
            self._opened = True
        shipped = self._ship_memory()
        if self.folder is not None and self._has_folder(self.folder):
            shipped += self._ship_folder(self.folder)
        return shipped

    @property
    def backlog(self) -> int:
        """Bytes that wait, of all segments that this shipper sees."""
        return sum(reader.backlog for reader in [*self._readers.values()])

    def _ship_memory(self) -> int:
        payloads = self.memory.peek(BATCH)
        self._write(payloads)
        self.memory.remove(len(payloads))
        return len(payloads)

    def _ship_folder(self, folder: Path) -> int:
        present = segments(folder)
        for path in self._readers.keys() - set(present):
            self._readers.pop(path).close()
        return sum(self._ship_segment(path) for path in present)

    def _ship_segment(self, path: Path) -> int:
        reader = self._readers.get(path)
        if reader is None:
            try:
                reader = self._readers[path] = SegmentReader(path)
            except FileNotFoundError:
                return 0
        # asked before reading: what is read after the writer has gone is all there will be
        dead = reader.check_writer()
        frames = reader.read(BATCH)
        self.counts["corrupt"] += reader.corrupt
        reader.corrupt = 0
        if frames:
            self._write([frame.payload for frame in frames])
            reader.acknowledge(frames[-1].end)
        elif dead and not reader.newer:
            self._readers.pop(path).remove()
        return len(frames)

    def _write(self, payloads: Sequence[bytes]) -> None:
        entries = [entry for payload in payloads if (entry := self._decode(payload)) is not None]
        if entries:
            self._write_entries(entries)

    def _decode(self, payload: bytes) -> Entry | None:
        try:
            return self.retention.date(codec.decode(payload))
        except CodecError:
            self._reject(payload)
            return None

    def _write_entries(self, entries: Sequence[Entry]) -> None:
        try:
            self.store.write(entries)
        except StoreError as error:
            if not error.data_error:
                raise
            if len(entries) > 1:
                middle = len(entries) // 2
                self._write_entries(entries[:middle])
                self._write_entries(entries[middle:])
            else:
                self._write_stub(entries[0])
        else:
            self.counts["shipped"] += len(entries)

    def _write_stub(self, entry: Entry) -> None:
        self._reject(codec.encode(entry), entry.id)
        stub = Entry(
            id=entry.id, kind=entry.kind, started_at=entry.started_at, status=entry.status,
            transaction_id=entry.id, status_code=entry.status_code, duration=entry.duration, has_errors=True,
            errors=("the store refused the entry; it was set aside by the shipper",), expires_at=entry.expires_at,
        )  # fmt: skip
        try:
            self.store.write([stub])
        except StoreError as error:
            if not error.data_error:
                raise

    def _reject(self, payload: bytes, name: str | None = None) -> None:
        self.counts["rejected"] += 1
        if self.folder is not None:
            folder = self.folder / "rejected"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(folder / f"{name or datetime.now(UTC).strftime('%Y%m%dT%H%M%S%f')}.bin", payload)

    # --- one shipper for a folder -----------------------------------------------------------------

    def _has_folder(self, folder: Path) -> bool:
        """Whether the folder is there and this shipper is the one that works for it."""
        if self._lock is None and folder.is_dir():
            if (other := read_manifest(folder)) not in (None, self.url):
                raise StoreError(f"the spool folder {folder} belongs to another store ({other})")
            self._take(folder)
        return self._lock is not None

    def _take(self, folder: Path) -> None:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return
        self._lock = descriptor
        remove_unnamed(folder)

    def close(self) -> None:
        """Close the segments and give the folder to the next shipper."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class ShipperThread:
    """Runs a shipper in a daemon thread, and the small chores of a process that writes to a spool."""

    def __init__(self, shipper: Shipper, writer: SpoolWriter | None, *, fsync: float | None = None) -> None:
        self.shipper = shipper
        self.writer = writer
        self.fsync = fsync
        self._wake = threading.Event()
        self._stopping = False
        self._pause = INTERVAL
        self._synced_at = self._purged_at = monotonic()
        self._thread = threading.Thread(target=self._run, name="integration-logger-shipper", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have it look at the spool now."""
        self._wake.set()

    def stop(self, timeout: float) -> None:
        """Have it end after what it is doing, and wait for that."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping:
            full = self._attempt(self._ship)
            self._attempt(self._chores)
            if not full:
                self._wake.wait(self._pause)
                self._wake.clear()
        self._attempt(self._ship)  # the segments that have just been given up
        self.shipper.close()

    def _attempt(self, step: Callable[[], bool]) -> bool:
        try:
            return step()
        except Exception as error:  # the thread must outlive whatever the store or the disk does
            self._failed(error)
            return False

    def _ship(self) -> bool:
        shipped = self.shipper.ship()
        self.shipper.problem, self._pause = None, INTERVAL
        return shipped >= BATCH

    def _failed(self, error: Exception) -> None:
        problem = str(error) if isinstance(error, StoreError) else f"{type(error).__name__}"
        if self.shipper.problem is None:
            logger.warning("shipping to the store failed, entries wait on the spool: %s", problem)
        self.shipper.problem = problem
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _chores(self) -> bool:
        now = monotonic()
        if self.writer is not None:
            self.writer.seal()
            self.writer.make_ready()
            if self.fsync is not None and now - self._synced_at >= self.fsync:
                self._synced_at = now
                self.writer.sync()
        if now - self._purged_at >= PURGE_EVERY / 60:
            self._purged_at = now
            if self.shipper.store.state.claim("purge", PURGE_EVERY):
                self.shipper.store.purge(datetime.now(UTC))
        return False
