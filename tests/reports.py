"""Reports of processes, as their spool would have brought them into State."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from integration_logger.health import Health, Loss, Report


def make_report(owner: str = "one", ago: float = 1.0, *, pid: int = 4711, **health: Any) -> Report:
    """Return what a process said so many seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    began = at - timedelta(hours=2)
    return Report(owner=owner, host="web-1", pid=pid, started_at=began, at=at, health=Health(**health))


def make_loss(ago: float = 1.0, entries: int = 1, reason: str = "spool full") -> Loss:
    """Return a loss that lasted a second and ended so many seconds ago."""
    last = datetime.now(UTC) - timedelta(seconds=ago)
    return Loss(reason=reason, first=last - timedelta(seconds=1), last=last, entries=entries)
