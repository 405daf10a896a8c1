"""The shapes of the JSON that the API answers with, for its description; made from the record's own fields."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from integration_logger.entry import Entry, Kind, Outcome, Run, Status
from integration_logger.entry import Message as Half
from integration_logger.health import Loss
from integration_logger.viewer.shapes import WHOLE_ONLY


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    """What is not named here does not occur, and what is named always does."""


def _shape(name: str, fields: dict[str, Any]) -> type:
    return msgspec.defstruct(name, [*fields.items()], bases=(Shape,), forbid_unknown_fields=True)


def _fields(type: type) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(type)}


RunShape: Final = _shape("Run", _fields(Run))
MessageShape: Final = _shape(
    "Message",
    {"headers": list[tuple[str, str]]}
    | {n: t for n, t in _fields(Half).items() if n != "raw_headers"}
    | {"body": str | None},
)
_DERIVED: Final[dict[str, Any]] = {
    "ended_at": datetime | None, "outcome": Outcome | None, "status_label": str, "detail_available": bool,
}  # fmt: skip
_ENTRY: Final[dict[str, Any]] = _fields(Entry) | {
    "request": MessageShape | None, "response": MessageShape | None, "run": RunShape | None, **_DERIVED,
}  # fmt: skip
Whole: Final = _shape("Entry", _ENTRY | {"curl": str | None})
Item: Final = _shape("Item", {name: type for name, type in _ENTRY.items() if name not in WHOLE_ONLY})

Entries: Final = _shape(
    "Entries",
    {"items": list[Item], "in_flight": list[Item], "next_cursor": int | None, "has_more": bool, "partial": bool},  # type: ignore[valid-type]
)
Kin: Final = _shape(
    "Related",
    {"parent": Item | None, "attempts": list[Item], "children": list[Item], "has_more": bool},  # type: ignore[valid-type]
)


class Counted(Shape):
    """How often one value occurs."""

    value: str
    count: int


class Counts(Shape):
    """The values of one field, the most frequent first."""

    values: list[Counted]
    left_out: int


class Facets(Shape):
    """How often values occur among the newest matches."""

    fields: dict[str, Counts]
    covered: int
    complete: bool


class Stretch(Shape):
    """Counts of the entries that began in one stretch of time."""

    start: datetime
    success: int
    error: int
    status_classes: dict[str, int]


class Stats(Shape):
    """Counts by time, and the spread of durations in seconds."""

    bucket: int
    buckets: list[Stretch]
    success: int
    error: int
    p50: float | None
    p95: float | None
    p99: float | None
    complete: bool


class Taken(Shape, omit_defaults=True):
    """What an erasure or a purge took away."""

    dry_run: bool
    entries: int
    bodies: int
    excess: int = 0
    bytes_before: int = 0
    bytes_after: int = 0


class LastError(Shape):
    """The last error of an integration."""

    id: str
    status_code: int | None
    error_type: str | None
    text: str | None


class Hour(Shape):
    """One hour of an integration."""

    start: datetime
    success: int
    error: int


class Integration(Shape):
    """How one integration does for one tenant."""

    integration: str
    title: str
    tenant: str | None
    success_rate: float | None
    success: int
    error: int
    failures_in_a_row: int
    last_at: datetime | None
    last_good_at: datetime | None
    last_error_at: datetime | None
    last_error: LastError | None
    p50: float | None
    p95: float | None
    hours: list[Hour]
    error_docs: str | None
    token_docs: str | None


class Integrations(Shape):
    """Those that fail first."""

    items: list[Integration]
    left_out: int


class Reader(Shape):
    """Who reads."""

    name: str
    role: str
    permissions: list[str]


class Limit(Shape):
    """Entries of a page."""

    default: int
    max: int


class Meta(Shape):
    """What this log browser is, and what can be asked."""

    title: str
    version: str
    principal: Reader
    csrf: str | None
    filters: list[str]
    kinds: list[Kind]
    statuses: list[Status]
    limit: Limit


class Finding(Shape):
    """Why the logging is not well."""

    level: str
    text: str


class Health(Shape):
    """How the logging does in all processes."""

    status: str
    findings: list[Finding]
    totals: dict[str, Any] | None
    processes: list[dict[str, Any]]
    shippers: list[dict[str, Any]]
    losses: list[Loss]
    problems: list[dict[str, Any]]
    store: dict[str, Any] | None
    store_problem: str | None
    retention: dict[str, Any] | None
    this_process: dict[str, Any]


class Wrong(Shape):
    """What is wrong, and with which parameter."""

    code: str
    message: str
    field: str | None


class Problem(Shape):
    """The answer to what cannot be done."""

    error: Wrong
