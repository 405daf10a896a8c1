"""How matches become figures: counts by stretch of time, percentiles, counts by value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from integration_logger.stores.base import Bucket

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tally(NamedTuple):
    """So many entries of one outcome and status class that started at one moment, in seconds since 1970."""

    started: float
    outcome: str | None
    status_class: str
    entries: int = 1


def status_class(code: int | None) -> str:
    """Return ``2xx`` … for a status code, ``none`` for no answer."""
    return "none" if code is None else f"{code // 100}xx"


def buckets(tallies: Iterable[Tally], seconds: float) -> tuple[Bucket, ...]:
    """Add tallies up by stretches of so many seconds."""
    outcomes: Counter[tuple[float, str | None]] = Counter()
    classes: dict[float, Counter[str]] = {}
    for tally in tallies:
        start = tally.started // seconds * seconds
        outcomes[start, tally.outcome] += tally.entries
        classes.setdefault(start, Counter())[tally.status_class] += tally.entries
    return tuple(
        Bucket(
            start=EPOCH + timedelta(seconds=start),
            success=outcomes[start, "success"],
            error=outcomes[start, "error"],
            status_classes=dict(sorted(classes[start].items())),
        )
        for start in sorted(classes)
    )


def percentiles(durations: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 by nearest rank; nothing where there is no duration."""
    ranked = sorted(durations)
    return {f"p{p}": ranked[-(-p * len(ranked) // 100) - 1] for p in (50, 95, 99)} if ranked else {}


def by_frequency(counts: Counter[str]) -> dict[str, int]:
    """Return counts, the highest first, equals in alphabetical order."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
