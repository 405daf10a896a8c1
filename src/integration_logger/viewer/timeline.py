"""The bars above the list: how much happened when, and how much of it failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from integration_logger.stores.base import Bucket, Stats, Store
from integration_logger.viewer.figures import bucket_seconds
from integration_logger.viewer.params import PageState

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
    complete: bool
    """False where counting stopped after a while, and older entries are not in it."""


def timeline(store: Store, state: PageState, now: datetime) -> Timeline | None:
    """Return the bars of a page; None where its range has no beginning, or begins after now.

    Where everything lies at the end of a range, as in a log that is young, the bars begin with it.
    """
    query, till = state.query, state.query.till or now
    if query.since is None or query.since >= till:
        return None
    seconds = bucket_seconds(query.since, till)
    stats = store.stats(query, seconds)
    first = min((b.start for b in stats.buckets if b.success or b.error), default=None)
    if first and stats.complete and state.range != "custom" and (till - first) * 4 < till - query.since:
        query = msgspec.structs.replace(query, since=first)
        seconds = bucket_seconds(first, till)
        stats = store.stats(query, seconds)
    return _timeline(state, stats, seconds, query.since or till, till)


def _timeline(state: PageState, stats: Stats, seconds: int, since: datetime, till: datetime) -> Timeline:
    buckets = stats.buckets
    first = int(since.timestamp() // seconds) * seconds
    count = max(1, int(-(-(till.timestamp() - first) // seconds)))
    highest = max([b.success + b.error for b in buckets], default=0) or 1
    return Timeline(
        bars=[_bar(state, b, first, seconds, count, highest) for b in buckets if b.success or b.error],
        since=since,
        till=till,
        total=sum(b.success + b.error for b in buckets),
        failed=sum(b.error for b in buckets),
        complete=stats.complete,
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
