"""What is due now and then in a process that records: its spool in order, its report, a child that ships."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic, perf_counter
from typing import Final

from integration_logger.recorder import Recorder
from integration_logger.shipping.child import ShippingChild
from integration_logger.shipping.reporter import Reporter
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.writer import SpoolWriter

KEEP_EVERY: Final = 0.1
"""Seconds between two looks at the segment in use."""


class Keeper:
    """Does what is due; called by a thread of its own, or by the calls where threads do not run."""

    def __init__(
        self,
        recorder: Recorder,
        reporter: Reporter,
        *,
        writer: SpoolWriter | None,
        memory: MemoryQueue,
        fsync: float | None = None,
        child: ShippingChild | None = None,
    ) -> None:
        self.child = child
        self._recorder = recorder
        self._reporter = reporter
        self._writer = writer
        self._memory = memory
        self._fsync = fsync
        self._synced_at = monotonic()

    def keep(self) -> float:
        """Do what is due; return the seconds until it wants to be called again."""
        self._recorder.kept_at = perf_counter()
        if self._writer is not None:
            self._writer.keep()
        self._report()
        if self.child is not None:
            self.child.keep()
        return KEEP_EVERY if self._fsync is None else self._sync(self._fsync)

    def _sync(self, every: float) -> float:
        if self._writer is not None and monotonic() - self._synced_at >= every:
            self._synced_at = monotonic()
            self._writer.sync()
        return min(KEEP_EVERY, every)

    def _report(self, *, last: bool = False) -> None:
        self._reporter.report(self._append, patient=self._writer is not None and self._writer.full, last=last)

    def _append(self, report: bytes) -> str | None:
        if self._writer is None:
            return self._memory.append(report)
        return self._writer.append_report(report, self._reporter.owner)

    def close(self) -> None:
        """Say the last word and give up the segment."""
        with suppress(Exception):  # the segment shall be given up in any case
            self._report(last=True)
        if self._writer is not None:
            self._writer.close()
