"""The bars above the list: how much happened when, and how much of it failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from integration_logger.stores.base import Bucket, Stats
from integration_logger.viewer.params import PageState

MOST_BARS = 100
_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)

WIDTH, HEIGHT = 1000, 100
"""The units that bars are measured in; the drawing is stretched to its place."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time."""

    x: float
    width: float
    success: float
    """Height of the part that succeeded, below it what failed."""
    error: float
    href: str
    since: str
    till: str
    text: str


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All bars of a range, with its ends."""

    bars: list[Bar]
    since: datetime
    till: datetime
    total: int
    failed: int


def bucket_seconds(state: PageState, now: datetime) -> int | None:
    """Return how long one bar of the page's range is; None where the range has no beginning."""
    if state.query.since is None:
        return None
    minutes = ((state.query.till or now) - state.query.since).total_seconds() / 60
    return 60 * next((m for m in _MINUTES if minutes / m <= MOST_BARS), _MINUTES[-1])


def timeline(state: PageState, stats: Stats, seconds: int, now: datetime) -> Timeline | None:
    """Return the bars of a page; None where the range has no beginning."""
    since, till = state.query.since, state.query.till or now
    if since is None:
        return None
    first = int(since.timestamp() // seconds) * seconds
    count = max(1, int(-(-(till.timestamp() - first) // seconds)))
    highest = max([b.success + b.error for b in stats.buckets], default=0) or 1
    return Timeline(
        bars=[_bar(state, b, first, seconds, count, highest) for b in stats.buckets if b.success or b.error],
        since=since,
        till=till,
        total=sum(b.success + b.error for b in stats.buckets),
        failed=sum(b.error for b in stats.buckets),
    )


def _bar(state: PageState, bucket: Bucket, first: int, seconds: int, count: int, highest: int) -> Bar:
    place = (bucket.start.timestamp() - first) / seconds
    end = bucket.start + timedelta(seconds=seconds)
    # A single failure among thousands must not vanish: every part that exists has a height that can be seen.
    heights = [max(4.0, HEIGHT * n / highest) if n else 0.0 for n in (bucket.success, bucket.error)]
    scale = min(1.0, HEIGHT / sum(heights))
    return Bar(
        x=round(place * WIDTH / count, 2),
        width=round(WIDTH / count * 0.8, 2),
        success=round(heights[0] * scale, 2),
        error=round(heights[1] * scale, 2),
        href=state.between(bucket.start, end),
        since=bucket.start.astimezone(UTC).isoformat(),
        till=end.astimezone(UTC).isoformat(),
        text=f"{bucket.success + bucket.error:,} entries, {bucket.error:,} failed",
    )
