"""From the spool to the store: reads segments and delivers their entries, at least once and in order.

One shipper works for a folder at a time, told by a file lock. Segments of dead processes are shipped to their end
and deleted.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from time import monotonic, time
from typing import Final

from integration_logger.descriptors import Descriptor
from integration_logger.errors import StoreError
from integration_logger.retention import Retention
from integration_logger.shipping.account import Account
from integration_logger.shipping.delivery import Delivery
from integration_logger.shipping.detectors import DETECTORS
from integration_logger.shipping.owners import Owners
from integration_logger.spool.folders import folder_id, read_manifest, tidy
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.presence import forget, present
from integration_logger.spool.segments import SegmentReader, segments
from integration_logger.stores.base import Store

BATCH: Final = 128
"""Entries in one transaction; of larger ones each entry costs more, because they leave the processor's cache."""
INTERVAL: Final = 0.1
"""Seconds between two looks at the spool."""
LONGEST_PAUSE: Final = 5.0
"""Seconds between two tries while the store is away, after doubling from ``INTERVAL``."""
TURN: Final = 1.0
"""Seconds after which ``ship`` returns although more is left."""
TIDY_EVERY: Final = 60.0
LOOK_EVERY: Final = 1.0
"""Seconds between two looks at which processes are there."""
LOCK: Final = "ship.lock"
_NEWER: Final = "segments of the spool that a newer version wrote, and only that can ship"


class Shipper:
    """Moves what is in a spool folder, and in this process's memory, into the store."""

    def __init__(
        self,
        store: Store,
        retention: Retention,
        *,
        url: str,
        folder: Path | None,
        memory: MemoryQueue,
        owner: str,
        counts: Counter[str] | None = None,
        detectors: Collection[str] = DETECTORS,
    ) -> None:
        self.store = store
        self.retention = retention
        self.url = url
        """Of the store, without password; a spool folder that names another one is not touched."""
        self.folder = folder
        self.memory = memory
        self.counts = Counter() if counts is None else counts
        """``shipped``, ``rejected``, ``corrupt``, ``shipping_errors``."""
        self.more = False
        """The last turn left entries for the next one."""
        self.backlog = 0
        """Bytes that the last turn saw and did not ship."""
        self.newer: set[Path] = set()
        """Segments that only a newer version can read."""
        self.owner = owner
        """The process that has the memory."""
        self._owners = Owners(store, owner)
        self._account = Account(store, self.counts)
        self._clear_at = monotonic()
        """When nothing waited, the last time."""
        self._looked_at = -LOOK_EVERY
        self._here: dict[str, bool] = {}
        """Processes that use the folder, and whether they live."""
        rejected = folder and folder / "rejected"
        self._delivery = Delivery(store, retention, self._owners, rejected, self.counts, detectors)
        self._readers: dict[Path, SegmentReader] = {}
        self._left: list[Path] = []
        """Segments that the last turn did not get to, the oldest at the end."""
        self._lock: Descriptor | None = None
        self._tidied_at = 0.0

    @property
    def active(self) -> bool:
        """Whether the store is open, and this is the shipper that works for the folder."""
        return self._delivery.opened and (self.folder is None or self._lock is not None)

    @property
    def left(self) -> str | None:
        """What this shipper cannot ship, in words; None where there is no such thing."""
        return f"{_NEWER}: {len(self.newer)}" if self.newer else None

    @property
    def behind(self) -> float:
        """Seconds that the oldest entry has been waiting for, at most."""
        return monotonic() - self._clear_at if self.backlog or self.more else 0.0

    @property
    def has_folder(self) -> bool:
        """Whether this is the shipper that works for the folder."""
        return self._lock is not None

    @property
    def deleted(self) -> bool:
        """Whether it reads segments that somebody has deleted; nobody else can ship those."""
        return any(reader.deleted for reader in [*self._readers.values()])

    def ship(self) -> int:
        """Ship what is there, for about ``TURN`` seconds; return how many entries that were.

        Raises ``StoreError`` while the store is away, and ``OSError`` where a segment cannot be read. Everything
        stays where it is then.
        """
        try:
            return self._ship()
        except Exception:
            self._owners.store_failed()
            raise

    def _ship(self) -> int:
        ends_at = monotonic() + TURN
        self.more = False
        shipped = self._ship_memory()
        if self.folder is not None:
            mine = self._take_folder(self.folder)
            self._look_for_owners(self.folder if mine else None)
            shipped += self._ship_segments(segments(self.folder) if mine else [], ends_at)
            if mine:
                self._delivery.open()  # a store that is away shall be known before there is anything to ship
                self._close_gone(self.folder)
        self._clear_at = self._clear_at if self.backlog or self.more else monotonic()
        if self._delivery.opened:
            self._owners.renew({self.owner, *self._here})
            self._account.tell(self._owners.vouching, self.backlog + self.memory.bytes, self.behind)
        return shipped

    def _ship_memory(self) -> int:
        payloads = self.memory.peek(BATCH)
        self._delivery.deliver(payloads)
        self.memory.remove(payloads)
        self.more = len(payloads) == BATCH
        return len(payloads)

    # --- processes ----------------------------------------------------------------------------------

    def _look_for_owners(self, folder: Path | None) -> None:
        """See now and then who is there; before the segments, so that all of a process that has gone are seen, too."""
        if folder is None:
            self._here = {}
        elif monotonic() - self._looked_at >= LOOK_EVERY:
            self._looked_at = monotonic()
            self._here = present(folder)

    def look_again(self) -> None:
        """Have the next turns see at once who is there, and write down at once how it stands: they are the last."""
        self._looked_at = -LOOK_EVERY
        self._account.hurry()

    def _close_gone(self, folder: Path) -> None:
        """End what processes left in flight who have gone, once all that they wrote is stored: it may have ended."""
        gone = [owner for owner, lives in self._here.items() if not lives]
        if gone and not self.more and not any(reader.writer_dead for reader in self._readers.values()):
            self._owners.close(gone)
            forget(folder, gone)
            self._here = {owner: True for owner, lives in self._here.items() if lives}

    # --- segments -----------------------------------------------------------------------------------

    def _ship_segments(self, present: list[Path], ends_at: float) -> int:
        """Go round the segments, oldest first, and on where the last turn ended, so that none is left out."""
        shipped = 0
        failure: OSError | None = None
        self._close_others(present)
        self.newer.intersection_update(present)
        left = self._left or sorted({*present, *self._readers} - self.newer, key=attrgetter("name"), reverse=True)
        try:
            while left:
                try:
                    shipped += self._ship_segment(left[-1], ends_at)
                except OSError as error:  # the others can be shipped all the same
                    failure = error
                left.pop()
                if monotonic() >= ends_at:
                    break
        finally:
            self._left = left
            self.more = self.more or bool(left)
            self.backlog = sum(reader.backlog for reader in self._readers.values()) + sum(map(self._unseen, left))
        if failure is not None:
            raise failure
        return shipped

    def _unseen(self, path: Path) -> int:
        """Return how much of a segment that was not looked at may be left to ship."""
        reader = self._readers.get(path)
        with suppress(FileNotFoundError):
            return path.stat().st_size - (0 if reader is None else reader.position + reader.backlog)
        return 0

    def _close_others(self, present: list[Path]) -> None:
        """Let go of segments that are another shipper's now; what was deleted is read to its end here."""
        for path in self._readers.keys() - set(present):
            if not self._readers[path].deleted:
                self._readers.pop(path).close()
        if not self.active:
            self._left.clear()

    def _ship_segment(self, path: Path, ends_at: float) -> int:
        """Ship one batch, of a dead writer's segment all; only living ones stay open, so that a thousand can wait."""
        reader = self._readers.get(path)
        if reader is None:
            try:
                reader = self._readers[path] = SegmentReader(path)
            except FileNotFoundError:
                return 0
        shipped = 0
        while True:
            # asked before reading: what is read after the writer has gone is all there will be
            dead = reader.check_writer()
            found = self._ship_batch(reader)
            shipped += found
            if not dead:
                self.more = self.more or reader.more
                return shipped
            if not found:
                self._finish(path, reader)
                return shipped
            if monotonic() >= ends_at:
                return shipped

    def _ship_batch(self, reader: SegmentReader) -> int:
        frames = reader.read(BATCH)
        if frames:
            self._delivery.deliver([frame.payload for frame in frames])
            reader.acknowledge(frames[-1].end)
        self.counts["corrupt"] += reader.corrupt
        reader.corrupt = 0
        return len(frames)

    def _finish(self, path: Path, reader: SegmentReader) -> None:
        if reader.newer:
            self.newer.add(path)
        elif not reader.deleted:
            reader.remove()
        self._readers.pop(path).close()

    # --- one shipper for a folder -------------------------------------------------------------------

    def _take_folder(self, folder: Path) -> bool:
        """Return whether the folder is there and this shipper is the one that works for it."""
        if self._lock is not None and not self._lock.is_at(folder / LOCK):
            self._lock.close()  # the folder was deleted; in its place there may be a new one
            self._lock = None
        if self._lock is None and folder.is_dir():
            if (other := read_manifest(folder)) not in (None, self.url):
                raise StoreError(f"the spool folder {folder} belongs to another store ({other})")
            lock = Descriptor(folder / LOCK, os.O_RDWR | os.O_CREAT)
            if lock.lock():
                self._lock, self._tidied_at = lock, -TIDY_EVERY
                self._owners.vouching = folder_id(folder) or self.owner
                self._clear_at -= _age(folder)
        if self._lock is not None and monotonic() - self._tidied_at >= TIDY_EVERY:
            self._tidied_at = monotonic()
            with suppress(OSError):  # what cannot be tidied is in nobody's way
                tidy(folder)
        return self._lock is not None

    def close(self) -> None:
        """Close the segments and give the folder to the next shipper."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _age(folder: Path) -> float:
    """Return how many seconds ago the oldest segment was begun; the name of each begins with that time (UUIDv7)."""
    oldest = segments(folder)[:1]
    return max(0.0, time() - int(oldest[0].stem.replace("-", "")[:12], 16) / 1000) if oldest else 0.0
