"""A family of entries as lines below each other, each with a bar where it lies in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from integration_logger.entry import Entry
from integration_logger.viewer import lines, words
from integration_logger.viewer.related import Node, Tree

INDENTED = 8
"""Deeper lines are not indented any further."""
THINNEST = 0.6
"""Hundredths of the width: what was quick is still seen."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    line: lines.Line
    depth: int
    note: str
    """What else tells it from its neighbours: which attempt it is, or why there was no answer."""
    x: float
    """Hundredths of the width, as ``width``."""
    width: float
    begins: str
    """How long after the first of them."""


class Waterfall(msgspec.Struct, frozen=True, kw_only=True):
    """All lines, and the time that they span."""

    steps: list[Step]
    span: str
    has_more: bool


def waterfall(tree: Tree, now: datetime) -> Waterfall:
    """Return the lines of a family; what is still open lasts until now."""
    first = min(node.entry.started_at for node in tree.nodes)
    last = max(_end(node.entry, now) for node in tree.nodes)
    total = max((last - first).total_seconds(), 1e-6)
    retried = _retried(tree.nodes)
    return Waterfall(
        steps=[_step(node, first, total, now, is_attempt=node.entry.transaction_id in retried) for node in tree.nodes],
        span=words.span(total),
        has_more=tree.has_more,
    )


def _end(entry: Entry, now: datetime) -> datetime:
    if entry.status == "processing":
        return max(now, entry.started_at)
    return entry.ended_at or entry.started_at


def _retried(nodes: Sequence[Node]) -> set[str]:
    return {node.entry.transaction_id for node in nodes if node.entry.attempt > 1}


def _step(node: Node, first: datetime, total: float, now: datetime, *, is_attempt: bool) -> Step:
    entry, after = node.entry, node.entry.started_at - first
    width = max(THINNEST, 100 * (_end(entry, now) - entry.started_at).total_seconds() / total)
    return Step(
        line=lines.line(entry, now),
        depth=min(node.depth, INDENTED),
        note=_note(entry, is_attempt=is_attempt),
        x=round(min(100 * after.total_seconds() / total, 100 - min(width, 100)), 2),
        width=round(min(width, 100), 2),
        begins=f"after {words.span(after.total_seconds())}" if after > timedelta(0) else "the first",
    )


def _note(entry: Entry, *, is_attempt: bool) -> str:
    parts = [f"attempt {entry.attempt}"] if is_attempt else []
    if entry.status == "failed" and entry.status_code is None:
        parts.append(entry.error_type or "no answer")
    return ", ".join(parts)
