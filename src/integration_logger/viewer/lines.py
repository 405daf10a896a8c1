"""One entry as one line of the list."""

from __future__ import annotations

import math
from datetime import datetime

import msgspec

from integration_logger.codec import timestamp
from integration_logger.entry import Entry
from integration_logger.viewer.words import KIND_WORDS, age, span, target, visible


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of a line; the page's scripts make the same ones for entries that arrive live."""

    id: str = ""
    seq: str = ""
    mark: str = "ok"
    code: str = ""
    label: str = ""
    kind: str = "inbound"
    kind_word: str = ""
    method: str = ""
    host: str = ""
    head: str = ""
    tail: str = ""
    integration: str = ""
    duration: str = ""
    bar: int = 0
    """Length of the duration's bar in hundredths."""
    started: str = ""
    age: str = ""


BLANK = Line()
"""What the page's scripts fill in for entries that arrive live."""


def line(entry: Entry, now: datetime) -> Line:
    """Return the line of an entry."""
    to = target(entry)
    return Line(
        id=entry.id,
        seq="" if entry.seq is None else str(entry.seq),
        mark=mark(entry),
        code=code(entry),
        label=label(entry),
        kind=entry.kind,
        kind_word=KIND_WORDS[entry.kind],
        method=visible(entry.method or ""),
        host=to.host,
        head=to.head,
        tail=to.tail,
        integration=visible(entry.integration or ""),
        duration="open" if entry.status == "processing" else span(entry.duration),
        bar=bar(entry.duration),
        started=timestamp(entry.started_at),
        age=age(entry.started_at, now),
    )


def mark(entry: Entry) -> str:
    """Return the sign that an entry carries, in shape and colour."""
    if entry.status == "processing":
        return "open"
    if entry.status == "failed":
        return "refused" if entry.status_code is not None and 400 <= entry.status_code < 500 else "error"
    if entry.has_errors:
        return "warn"
    return "moved" if entry.status_code is not None and entry.status_code // 100 == 3 else "ok"


def code(entry: Entry) -> str:
    """Return the status code, or what stands in for it where there is none."""
    if entry.status_code is not None:
        return str(entry.status_code)
    if entry.status == "processing":
        return "…"
    return "ok" if entry.status == "completed" else "—"


def label(entry: Entry) -> str:
    """Return the state in words."""
    if entry.status == "processing":
        return "Still open"
    if entry.status_code is None and entry.kind not in ("inbound", "outbound"):
        return "Completed" if entry.status == "completed" else "Failed"
    return f"{entry.status_code or ''} {entry.status_label}".strip()


def bar(seconds: float | None) -> int:
    """Return the length of the duration's bar: 1 ms is nothing, 10 s is all, by the logarithm."""
    if not seconds or seconds <= 0.001:
        return 0
    return min(100, round(25 * math.log10(seconds * 1000)))
