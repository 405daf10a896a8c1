"""What the shipper of a folder has done and what waits for it: in State, where all can read it and the next goes on."""

from __future__ import annotations

import os
import socket
from collections import Counter
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import msgspec
from msgspec.structs import replace

from integration_logger.health import Health, Report
from integration_logger.stores.base import Store
from integration_logger.stores.reports import get_report, put_report

TELL_EVERY: Final = 1.0
"""Seconds between two reports of a shipper, if there is something new."""
TELL_ANYWAY: Final = 30.0
"""Seconds after which it reports again, so that others know that it is there."""
COUNTED: Final = ("shipped", "rejected", "corrupt", "shipping_errors")


class Account:
    """Counts of one folder over all its shippers."""

    def __init__(self, store: Store, counts: Counter[str]) -> None:
        self._store = store
        self._counts = counts
        """Of this shipper."""
        self._owner: str | None = None
        self._before: Counter[str] = Counter()
        self._started_at = datetime.now(UTC)
        self._told: Health | None = None
        self._looked_at = -TELL_EVERY
        self._told_at = 0.0
        self._every = TELL_EVERY

    def hurry(self) -> None:
        """Have it written down at once from now on, because this shipper is about to end."""
        self._every = 0.0

    def tell(self, owner: str, backlog_bytes: int, backlog_seconds: float) -> None:
        """Write down how it stands, if that has changed; raises ``StoreError``."""
        now = monotonic()
        if now - self._looked_at < self._every:
            return
        self._looked_at = now
        if owner != self._owner:
            self._take_over(owner)
        sums = {name: self._counts[name] + self._before[name] for name in COUNTED}
        health = replace(Health(), **sums, backlog_bytes=backlog_bytes, backlog_seconds=round(backlog_seconds, 1))
        if health != self._told or now - self._told_at >= TELL_ANYWAY:
            report = Report(
                owner=f"{owner}/shipping",
                host=socket.gethostname(),
                pid=os.getpid(),
                started_at=self._started_at,
                at=datetime.now(UTC),
                health=health,
            )
            put_report(self._store.state, report)
            self._told, self._told_at = health, now

    def _take_over(self, owner: str) -> None:
        former = get_report(self._store.state, f"{owner}/shipping")
        counts = {} if former is None else msgspec.structs.asdict(former.health)
        self._before = Counter({name: counts.get(name, 0) for name in COUNTED})
        if self._owner is not None:  # what was counted for a folder that is gone stays in its own account
            self._before.subtract(self._counts)
        self._owner, self._told = owner, None
