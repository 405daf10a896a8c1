"""How the logging itself is doing: what was kept, what was lost and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from integration_logger.entry import Entry

LOSS_GAP: Final = timedelta(minutes=1)
"""Losses of one reason that are further apart are told apart."""
MOST_LOSSES: Final = 50
"""Losses that a process remembers, the newest."""

REASONS: Final = ("spool full", "memory full", "too large")
"""Why entries are lost."""


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """Entries lost for one reason, one after the other."""

    reason: str
    first: datetime
    last: datetime
    entries: int = 1


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since this process began, and what is wrong now."""

    captured: int = 0
    """Entries put on the spool, or in memory where there is none."""
    captured_bytes: int = 0
    """Bytes of those, as they are written to the spool."""
    dropped: dict[str, int] = {}
    """Entries lost, by reason: ``spool full``, ``memory full``, ``too large``."""
    losses: tuple[Loss, ...] = ()
    """When that was, the newest last."""
    discarded: int = 0
    """Entries that a processor left out."""
    failed: int = 0
    """Failures of logging itself; each may have cost an entry."""
    redaction_failed: int = 0
    """Entries whose content was left out because it could not be redacted."""
    labels_failed: int = 0
    """Entries without the host's labels, because its callable raised."""
    classify_failed: int = 0
    """Entries whose outcome is that of their status code, because the ``classify`` of their integration raised."""
    shipped: int = 0
    """Entries that this process wrote to the store, other processes' of the same spool included."""
    rejected: int = 0
    """Entries that the store or the codec refused; they lie in the spool's ``rejected`` folder."""
    corrupt: int = 0
    """Damaged stretches of the spool that were set aside."""
    backlog_bytes: int = 0
    """Bytes that wait for the store."""
    backlog_seconds: float = 0.0
    """How long the oldest of them has been waiting."""
    shipping_errors: int = 0
    """Times that writing to the store failed; nothing is lost by that."""
    observer_errors: int = 0
    """Times that an observer failed, a callback of ``on_run_finished`` among them; each time it was tried again."""
    observers: dict[str, float] = {}
    """Observers that this process runs, and for how many seconds each has been behind the log."""
    durable: bool = True
    """Entries outlive the death of this process."""
    problems: tuple[str, ...] = ()
    """What is wrong now, in words."""


Owner = Annotated[str, Meta(pattern=r"\A[\w/-]{1,100}\Z")]
"""A process to others, in general its UUID."""
Id = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one process says of itself, at most once a second: through its spool, so that all others may know."""

    owner: Owner
    """UUID of the process, or of the spool folder that a shipper works for."""
    host: str
    pid: int
    started_at: datetime
    at: datetime
    health: Health
    in_flight: tuple[Entry, ...] = ()
    """Calls that have begun and not ended, as far as there is news of them."""
    ended: tuple[Id, ...] = ()
    """Ids of calls that were in flight and no longer are, with an entry or without."""


def add_loss(losses: Sequence[Loss], reason: str) -> list[Loss]:
    """Return the losses with one more, now: as part of the newest of that reason, or as one of its own."""
    now = datetime.now(UTC)
    found = [*losses]
    for place in range(len(found) - 1, -1, -1):
        if found[place].reason == reason:
            if now - found[place].last <= LOSS_GAP:
                found[place] = replace(found[place], last=now, entries=found[place].entries + 1)
                return found
            break
    return [*found, Loss(reason=reason, first=now, last=now)][-MOST_LOSSES:]


COUNTERS: Final = (
    "captured", "captured_bytes", "discarded", "failed", "redaction_failed", "labels_failed", "classify_failed",
    "shipped", "rejected", "corrupt", "shipping_errors", "observer_errors",
)  # fmt: skip
"""What only grows, ``dropped`` aside, which is counted by reason."""


def add_up(parts: Iterable[Health]) -> Health:
    """Return the health of several processes as one: counts added, of all else the worst."""
    found = [*parts]
    return Health(
        **{name: sum(getattr(part, name) for part in found) for name in COUNTERS},
        dropped=dict(sum((Counter(part.dropped) for part in found), Counter())),
        losses=join_losses(part.losses for part in found),
        backlog_bytes=sum(part.backlog_bytes for part in found),
        backlog_seconds=max((part.backlog_seconds for part in found), default=0.0),
        observers=_slowest(part.observers for part in found),
        durable=all(part.durable for part in found),
        problems=tuple(dict.fromkeys(problem for part in found for problem in part.problems)),
    )


def _slowest(parts: Iterable[dict[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, seconds in (item for part in parts for item in part.items()):
        found[name] = max(seconds, found.get(name, 0.0))
    return found


def join_losses(parts: Iterable[Iterable[Loss]]) -> tuple[Loss, ...]:
    """Return the newest losses of all, each once, as far as it is known."""
    found: dict[tuple[str, datetime], Loss] = {}
    for loss in (loss for part in parts for loss in part):
        known = found.setdefault((loss.reason, loss.first), loss)
        if loss.entries > known.entries:
            found[loss.reason, loss.first] = loss
    return tuple(sorted(found.values(), key=lambda loss: loss.last)[-MOST_LOSSES:])


def grown(now: Health, before: Health) -> Health:
    """Return the health with what it has counted since then only."""
    return replace(
        now,
        **{name: max(0, getattr(now, name) - getattr(before, name)) for name in COUNTERS},
        dropped=dict(Counter(now.dropped) - Counter(before.dropped)),
    )
