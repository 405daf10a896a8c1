"""Runs over time as a drawing: a bar for how long each took, a line for its rows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from integration_logger.entry import Entry
from integration_logger.viewer.words import span, visible

WIDTH, HEIGHT = 1000, 100
"""The units of a drawing; it is stretched to its place."""
LEAST = 2
"""Height of a bar that is next to nothing."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    id: str
    x: float
    width: float
    height: float
    mark: str
    text: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Runs side by side, the oldest first."""

    bars: list[Bar]
    rows: str
    """Points of the line; empty where no run told its rows."""
    longest: str
    most_rows: str


def chart(runs: Sequence[Entry], places: int) -> Chart:
    """Return the drawing of runs, the newest first as lists have them; with room for so many."""
    shown = [*reversed(runs[:places])]
    longest = max((run.duration or 0.0 for run in shown), default=0.0)
    most = max((rows_of(run) or 0 for run in shown), default=0)
    step = WIDTH / max(places, 1)
    bars = [
        Bar(
            id=run.id,
            x=round(place * step + step * 0.1, 2),
            width=round(step * 0.8, 2),
            height=_height(run.duration, longest),
            mark="open" if run.status == "processing" else "error" if run.status == "failed" else "ok",
            text=describe(run),
        )
        for place, run in enumerate(shown, places - len(shown))
    ]
    points = [
        f"{bar.x + bar.width / 2:.1f},{HEIGHT - 90 * (rows_of(run) or 0) / most:.1f}"
        for bar, run in zip(bars, shown, strict=True)
        if most and rows_of(run) is not None
    ]
    return Chart(
        bars=bars,
        rows=" ".join(points),
        longest=span(longest) if longest else "",
        most_rows=f"{most:,}" if most else "",
    )


def rows_of(run: Entry) -> int | None:
    """Return the rows that a run has told."""
    return run.run.row_count if run.run else None


def describe(run: Entry) -> str:
    """Say in one line what a run was."""
    state = {"processing": "still open", "failed": "failed"}.get(run.status, "completed")
    rows = rows_of(run)
    parts = [f"{run.started_at:%b %d, %H:%M} UTC", state, span(run.duration), "" if rows is None else f"{rows:,} rows"]
    return visible(" · ".join(part for part in parts if part))


def _height(duration: float | None, longest: float) -> float:
    return round(max(LEAST, 90 * (duration or 0.0) / longest), 2) if longest else LEAST
