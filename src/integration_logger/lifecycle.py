"""The life of a logger: it starts with the first call, ships, is flushed, crosses forks, and ends with its process."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import inf
from time import monotonic, perf_counter, sleep
from typing import Final

import msgspec
from msgspec.structs import replace

from integration_logger import codec, options
from integration_logger.context import at_work
from integration_logger.forks import in_child, this_process
from integration_logger.health import Health
from integration_logger.ids import new_id
from integration_logger.observers import IntegrationHealth, Observers
from integration_logger.recorder import Recorder
from integration_logger.retention import Retention
from integration_logger.shipping.background import Background
from integration_logger.shipping.child import ShippingChild
from integration_logger.shipping.keeper import Keeper
from integration_logger.shipping.neglect import Neglect
from integration_logger.shipping.reporter import Reporter
from integration_logger.shipping.shipper import Shipper
from integration_logger.spool.folders import read_trouble, write_rules
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.writer import RETRY_SECONDS, Spool
from integration_logger.stores.base import Store
from integration_logger.trouble import Trouble

CLOSE_SECONDS: Final = 2.0
"""How long the end of the process waits for the last entries to reach the store; the rest stays on the spool."""
WAKE_EVERY: Final = 0.1
"""Seconds between two reminders while ``flush`` waits."""


class Lifecycle:
    """What a logger does besides recording and showing; ``recorder`` is given by who inherits this."""

    recorder: Recorder

    def __init__(
        self,
        store: str | Store | None,
        *,
        spool: str | os.PathLike[str] | Spool | None,
        retention: Retention | str | None,
        announce_after: float,
        ship: str | None,
        detectors: Sequence[str],
    ) -> None:
        self.enabled = store is not None
        self.retention = options.read_retention(retention)
        self._ship = options.one_of("ship", ship, ("thread", "process", None))
        self._announce_after = options.read_seconds("announce_after", announce_after)
        self._owns_store = store is None or isinstance(store, str)
        self.store = options.read_store(store)
        self._url = options.store_name(store)
        self._spool = options.read_spool(spool, store)
        self._writer = options.make_writer(self._spool, self._url)
        self._detectors = options.read_detectors(detectors)
        self._job = options.read_job(ship, store, self._url, self._spool, self.retention, self._detectors)
        self._neglect = Neglect(self._writer) if ship is None and self._writer is not None else None
        self._queue = MemoryQueue() if self._writer is None else self._writer.memory
        self._owner = new_id()
        """This process, to others."""
        self._shipped: Counter[str] = Counter()
        self._shipper = self._make_shipper()
        """For where there are no threads; those have their own."""
        self._background: Background | None = None
        self._starting = Trouble()
        self._start_at = 0.0
        self._exiting = False
        self._lock = threading.RLock()
        self.observers = Observers(self.store, self._owner)
        if ship is not None:  # else this process asks no store, and who ships sees to it
            self.observers.add(IntegrationHealth())
        _loggers.add(self)

    def start(self) -> None:
        """Begin shipping; called by the first record, the host's start-up and the first look at the log.

        Never raises. A logger that was closed begins anew.
        """
        if self.recorder.started_in != this_process():
            with self._lock:
                self._start()

    def _start(self) -> None:
        if self.recorder.started_in == os.getpid() or self._exiting or monotonic() < self._start_at:
            return
        if self.enabled:
            self._prepare()
        if self.enabled and (self._ship or self._writer):
            self._background = background = self._make_background()
            try:
                background.start()
            except RuntimeError as error:  # the system has no thread left: what is recorded waits
                self._background, self._start_at = None, monotonic() + RETRY_SECONDS
                self._starting.warn("shipping could not be started, entries wait on the spool: %s", str(error))
                return
            if self._background is not background:
                return  # a handler of a signal has closed it
            self._observe()
        self._starting.end()
        self.recorder.started_in = os.getpid()

    def _observe(self) -> None:
        if options.threads_run():
            try:
                self.observers.start()
            except RuntimeError as error:  # what they have not seen waits for them in the store
                self._starting.warn("observers could not be started: %s", str(error))

    def _make_background(self) -> Background:
        threads, ship = options.threads_run(), self._ship
        if ship == "thread" and not threads and self._job is not None:
            ship = "process"
        reporter = Reporter(self.recorder, self._owner, self._own_health, announce_after=self._announce_after)
        keeper = Keeper(
            self.recorder,
            reporter,
            writer=self._writer,
            memory=self._queue,
            fsync=self._spool.fsync if self._spool else None,
            child=ShippingChild(self._job) if ship == "process" and self._job else None,
        )
        self.recorder.keep, self.recorder.kept_at = keeper.keep, perf_counter() if threads else -inf
        if ship is None and self._writer is not None:
            with suppress(OSError):
                rules = self.retention.to_data() | {"detectors": self._detectors}
                write_rules(self._writer.folder, self._url, msgspec.json.encode(rules))
        # the child cannot see what waits in this memory
        shipper = self._make_shipper(folder=ship == "thread") if ship else None
        return Background(keeper, shipper, threads=threads)

    def _prepare(self) -> None:
        try:
            self.recorder.redactor.prepare()
        except Exception as error:  # masking is slower then, and shipping goes on
            self.recorder.failed(error)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that was recorded here is in the store; return whether it is.

        With ``ship=None`` it is enough that it is on the spool.
        """
        self.start()
        deadline = monotonic() + timeout
        woken_at = 0.0
        while not self._settled():
            now = monotonic()
            if now >= deadline:
                return False
            if self._background is not None and now - woken_at >= WAKE_EVERY:
                woken_at = now
                self._background.wake()
            sleep(0.005)
        return True

    def _settled(self) -> bool:
        if self._ship is None:
            if self._writer is None:
                self._ship_here()
            return not len(self._queue)
        shipped = self._writer.shipped() if self._writer else not len(self._queue)
        return shipped and not self._active_shipper.deleted

    @property
    def _active_shipper(self) -> Shipper:
        background = self._background
        return self._shipper if background is None or background.shipper is None else background.shipper

    def _ship_here(self) -> None:
        """Ship what waits in memory, where there is no thread to do so."""
        with suppress(Exception), self._lock, at_work():
            while self._shipper.ship():
                pass

    def health(self) -> Health:
        """Return what was kept and lost since this process began, and what is wrong now."""
        shipper, counts = self._active_shipper, self._shipped
        return replace(
            self._own_health(),
            shipped=counts["shipped"],
            rejected=counts["rejected"],
            corrupt=counts["corrupt"],
            shipping_errors=counts["shipping_errors"],
            backlog_bytes=shipper.backlog + self._queue.bytes,
            backlog_seconds=shipper.behind,
        )

    def _own_health(self) -> Health:
        """Return what this process knows besides shipping, which it may do for others or leave to them."""
        recorder, writer = self.recorder, self._writer
        return Health(
            captured=recorder.captured,
            captured_bytes=recorder.captured_bytes,
            dropped=dict(recorder.dropped),
            losses=tuple(recorder.losses),
            discarded=recorder.discarded,
            failed=recorder.failures["failed"],
            redaction_failed=recorder.failures["redaction_failed"],
            labels_failed=recorder.failures["labels_failed"],
            classify_failed=recorder.failures["classify_failed"],
            observer_errors=self.observers.errors,
            observers=self.observers.behind,
            durable=writer is not None and writer.durable,
            problems=tuple(dict.fromkeys(self._problems())),
        )

    def _problems(self) -> Iterator[str]:
        background, writer = self._background, self._writer
        troubles = [self._starting, *([writer.trouble] if writer else [])]
        if background is not None:
            child = background.keeper and background.keeper.child
            troubles += [background.shipping, background.purging, *([child.trouble] if child else [])]
        yield from (trouble.text for trouble in troubles if trouble.text is not None)
        if writer is not None and not self._active_shipper.has_folder and (text := read_trouble(writer.folder)):
            yield text
        yield from self.observers.troubles
        if self._active_shipper.left is not None:
            yield self._active_shipper.left
        if self._neglect is not None and (text := self._neglect.text):
            yield text

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Ship what is left, for at most ``timeout`` seconds, and stop; what remains waits on the spool.

        Does nothing if that has been done. What is recorded later begins anew.
        """
        with self._lock:
            background, self._background = self._background, None
            self.recorder.started_in = 0
        ends_at = monotonic() + timeout
        self.observers.stop()
        if background is not None:
            ended = background.stop(timeout)
            if not (self.observers.join(ends_at) and ended):
                return  # a thread waits for the store or the disk: it is left to itself, with what it has open
        elif self._writer is not None:
            self._writer.close()
        else:
            self._ship_here()
        if self._owns_store:
            self.store.close()

    def _close_at_exit(self, timeout: float) -> None:
        self._exiting = True
        self.close(timeout)
        if left := sum(not codec.is_report(payload) for payload in self._queue.peek(len(self._queue))):
            Trouble().warn("the process ends, and entries that were in memory only are lost: %s", str(left))

    def _make_shipper(self, *, folder: bool = True) -> Shipper:
        return Shipper(
            self.store,
            self.retention,
            url=self._url,
            folder=self._writer.folder if self._writer is not None and folder else None,
            memory=self._queue,
            owner=self._owner,
            counts=self._shipped,
            detectors=self._detectors,
        )

    def _after_fork(self) -> None:
        """In a forked child: the threads are gone, the files are the parent's, and so is what it has counted."""
        self._lock = threading.RLock()
        self._background = None
        self._queue.clear()
        if self._writer is not None:
            self._writer.after_fork()
        self._shipped.clear()
        self._owner = new_id()
        self._shipper = self._make_shipper()
        self.observers.after_fork(self._owner)
        self.recorder.begin_anew()


_loggers: weakref.WeakSet[Lifecycle] = weakref.WeakSet()


def _after_fork() -> None:
    for logger in [*_loggers]:
        logger._after_fork()


def _close_all() -> None:
    ends_at = monotonic() + CLOSE_SECONDS
    for logger in [*_loggers]:
        logger._close_at_exit(max(0.0, ends_at - monotonic()))


in_child(_after_fork)
atexit.register(_close_all)
