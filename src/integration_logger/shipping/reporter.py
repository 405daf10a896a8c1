"""What one process tells all others of itself, through the spool: its counts, and which calls are in flight."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from time import monotonic, perf_counter
from typing import Final

from integration_logger import codec
from integration_logger.entry import Entry
from integration_logger.health import Health, Report
from integration_logger.recorder import Recorder
from integration_logger.stores.base import MAX_IN_FLIGHT

REPORT_EVERY: Final = 1.0
"""Seconds between two reports of a process, if there is something new."""
REPORT_EVERY_IF_PATIENT: Final = 10.0


class Reporter:
    """Writes the reports of one process."""

    def __init__(self, recorder: Recorder, owner: str, health: Callable[[], Health], *, announce_after: float) -> None:
        self.owner = owner
        self._recorder = recorder
        self._health = health
        self._announce_after = announce_after
        self._started_at = datetime.now(UTC)
        self._reported_at = -REPORT_EVERY
        self._told = Health()
        self._announced: dict[str, Entry] = {}

    def next_report(self, *, patient: bool = False, last: bool = False) -> bytes | None:
        """Return the encoded report that is due now, or None where there is nothing new.

        ``patient`` where reports take up room that entries need, ``last`` before the process ends.
        """
        now = monotonic()
        if not last and now - self._reported_at < (REPORT_EVERY_IF_PATIENT if patient else REPORT_EVERY):
            return None
        self._reported_at = now
        health, announced = self._health(), {entry.id: entry for entry in self._under_way()}
        news = tuple(entry for id, entry in announced.items() if self._announced.get(id) != entry)
        ended = tuple(self._announced.keys() - announced.keys())
        if not news and not ended and health == self._told:
            return None
        self._told, self._announced = health, announced
        report = Report(
            owner=self.owner,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self._started_at,
            at=datetime.now(UTC),
            health=health,
            in_flight=news,
            ended=ended,
        )
        return codec.encode(report)

    def _under_way(self) -> Iterator[Entry]:
        """Yield the calls that have been under way for so long that they are to be shown, the oldest first."""
        before = perf_counter() - self._announce_after
        for capture in islice(self._recorder.under_way.copy().values(), MAX_IN_FLIGHT):
            if capture.started > before:
                break
            if not capture.discarded:
                yield self._recorder.so_far(capture)
