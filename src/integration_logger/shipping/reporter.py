"""What one process tells all others of itself, through the spool: its counts, and which calls are in flight."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from math import inf
from time import monotonic, perf_counter
from typing import Final

from integration_logger import codec
from integration_logger.capture import Capture
from integration_logger.entry import Entry
from integration_logger.health import Health, Report
from integration_logger.recorder import Recorder
from integration_logger.stores.base import MAX_IN_FLIGHT

REPORT_EVERY: Final = 1.0
"""Seconds between two reports of a process, if there is something new."""
REPORT_EVERY_IF_PATIENT: Final = 10.0
REPORT_ANYWAY: Final = 30.0
"""Seconds after which a process that has reported does so again, so that others know that it is there."""
NEWS_BYTES: Final = 256 * 1024
"""The most that one report tells of calls in flight; the next one goes on."""


class Reporter:
    """Writes the reports of one process."""

    def __init__(self, recorder: Recorder, owner: str, health: Callable[[], Health], *, announce_after: float) -> None:
        self.owner = owner
        self._recorder = recorder
        self._health = health
        self._announce_after = announce_after
        self._started_at = datetime.now(UTC)
        self._looked_at = self._reported_at = -inf
        self._told = Health()
        self._announced: dict[str, Entry] = {}
        """Calls in flight as they were told last, by id."""

    def report(self, append: Callable[[bytes], str | None], *, patient: bool = False, last: bool = False) -> None:
        """Append the report that is due now; does nothing where there is nothing new.

        ``patient`` where reports take up room that entries need, ``last`` before the process ends. What could not
        be appended is told the next time.
        """
        now = monotonic()
        every = REPORT_EVERY_IF_PATIENT if patient else REPORT_EVERY
        if not last and (now - self._reported_at < every or (now - self._looked_at < every and not self._has_news())):
            return
        self._looked_at = now
        health, under_way = self._health(), {c.id: self._recorder.so_far(c) for c in self._under_way()}
        ended = tuple(self._announced.keys() - under_way.keys())
        announced = {id: entry for id, entry in self._announced.items() if id in under_way}
        news = tuple(self._news(under_way, announced))
        is_silent = -inf < self._reported_at <= now - REPORT_ANYWAY
        if not news and not ended and health == self._told and not is_silent:
            return
        self._reported_at = now
        if append(self._encoded(health, news, ended)) is None:
            self._told, self._announced = health, announced

    def _has_news(self) -> bool:
        return any(capture.id not in self._announced for capture in self._under_way())

    def _under_way(self) -> Iterator[Capture]:
        """Yield the calls that have been under way for so long that they are to be shown, the oldest first."""
        before = perf_counter() - self._announce_after
        for capture in islice(self._recorder.under_way.copy().values(), MAX_IN_FLIGHT):
            if capture.started > before:
                break
            if not capture.discarded:
                yield capture

    def _news(self, under_way: dict[str, Entry], announced: dict[str, Entry]) -> Iterator[Entry]:
        """Yield what has not been told, as much as one report takes, and note that it is told now."""
        room: float = NEWS_BYTES
        for id, entry in under_way.items():
            if announced.get(id) != entry:
                size = _size(entry)
                if size <= NEWS_BYTES:
                    room -= size
                    if room < 0:
                        break
                    yield entry
                announced[id] = entry

    def _encoded(self, health: Health, news: tuple[Entry, ...], ended: tuple[str, ...]) -> bytes:
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


def _size(entry: Entry) -> float:
    """Return the bytes that it takes; infinite for what cannot be encoded, and is left out as what is too large."""
    try:
        return len(codec.encode(entry))
    except Exception:
        return inf
