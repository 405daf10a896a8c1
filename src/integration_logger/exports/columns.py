"""The columns of a CSV export: every name of an entry, and the sets that can be chosen by one word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec

from integration_logger import codec
from integration_logger.entry import Message, Run, status_label
from integration_logger.errors import QueryError
from integration_logger.stores.columns import FIELDS, json_text

Cells = Callable[..., Sequence[Any]]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the file."""

    title: str
    needs: tuple[str, ...]
    """Fields of an entry that its cells are made of."""
    cells: Cells
    """Makes them, given the values of those fields."""
    text: bool = True
    """False for numbers, and for words of our own."""
    detail: bool = False
    """It takes the permission ``detail``."""


PRESETS: Final[dict[str, tuple[str, ...]]] = {
    "standard": (
        "seq", "started_at", "kind", "method", "url", "status_code", "outcome", "duration", "error_type", "errors",
        "tenant", "application", "integration", "operation", "log_type", "user_id", "host", "route", "labels",
        "client_ip", "has_errors", "attempt", "id", "transaction_id", "parent_id", "trace_id",
    ),
    "all": (*(f for f in FIELDS if f != "bodies_expire_at"), "ended_at", "outcome", "status_label"),
}  # fmt: skip
"""Names by the word that stands for them; ``rook`` is another such word."""


def read_columns(text: str) -> list[Column]:
    """Return the columns that a word or names, divided by commas, stand for; raise ``QueryError`` for any other."""
    if text == "rook":
        return [*ROOK]
    names = PRESETS.get(text) or [name.strip() for name in text.split(",")]
    return [_column(name) for name in dict.fromkeys(names)]


def _column(name: str) -> Column:
    if name in FIELDS:
        cells = _AS_WRITTEN.get(name, _same)
        shown = name != "bodies_expire_at"
        return Column(title=name, needs=(name,), cells=cells, text=name not in _NOT_CAPTURED, detail=not shown)
    if name in _DERIVED:
        needs, cells = _DERIVED[name]
        return Column(title=name, needs=needs, cells=cells, text=False)
    if name in ("variables", "traceback", "redacted"):
        cells = _same if name == "traceback" else _json
        return Column(title=name, needs=(name,), cells=cells, detail=True)
    whole, _, part = name.partition(".")
    if whole == "label" and part:
        return Column(title=name, needs=("labels",), cells=_label(part))
    if whole == "run" and part in Run.__struct_fields__:
        return Column(title=name, needs=("run",), cells=_of_run(part))
    if whole in ("request", "response") and part in _PARTS:
        return Column(title=name, needs=(whole,), cells=_of_message(part), detail=True)
    raise QueryError("columns", f"has no column {name!r}; the names are those of an entry, such as label.environment")


# --- cells --------------------------------------------------------------------------------------------


def _same(values: Sequence[Any]) -> Sequence[Any]:
    return values


def _times(values: Sequence[datetime | None]) -> Sequence[Any]:
    return [None if moment is None else codec.timestamp(moment) for moment in values]


def _truths(values: Sequence[bool]) -> Sequence[Any]:
    return ["true" if value else "false" for value in values]


def _json(values: Sequence[Any]) -> Sequence[Any]:
    return [None if value is None else json_text(value) for value in values]


def _outcomes(statuses: Sequence[str]) -> Sequence[Any]:
    return [_OUTCOMES.get(status) for status in statuses]


def _ends(started: Sequence[datetime], durations: Sequence[float | None]) -> Sequence[Any]:
    pairs = zip(started, durations, strict=True)
    return _times([None if seconds is None else start + timedelta(seconds=seconds) for start, seconds in pairs])


def _status_labels(codes: Sequence[int | None]) -> Sequence[Any]:
    return ["No answer" if code is None else status_label(code) for code in codes]


def _label(name: str) -> Cells:
    def cells(values: Sequence[str | None]) -> Sequence[Any]:
        return [_flat(labels_of(text).get(name)) for text in values]

    return cells


@lru_cache(1024)
def labels_of(text: str | None) -> dict[str, Any]:
    """Return labels from their JSON."""
    return msgspec.json.decode(text) if text else {}


def _flat(value: object) -> object:
    return value if value is None or isinstance(value, str) else json_text(value)


def _of_run(name: str) -> Cells:
    def cells(values: Sequence[str | None]) -> Sequence[Any]:
        return [_plain(msgspec.json.decode(text)[name]) if text else None for text in values]

    return cells


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None or isinstance(value, str | int | float) else json_text(value)


def _of_message(part: str) -> Cells:
    read = _PARTS[part]

    def cells(values: Sequence[Message | None]) -> Sequence[Any]:
        return [None if message is None else _plain(read(message)) for message in values]

    return cells


_OUTCOMES: Final = {"completed": "success", "failed": "error"}
_PARTS: Final[dict[str, Callable[[Message], Any]]] = {
    **{name: attrgetter(name) for name in ("headers", *Message.__struct_fields__[1:])},
    "body": lambda message: None if message.body is None else codec.body_text(message),
}
_DERIVED: Final[dict[str, tuple[tuple[str, ...], Cells]]] = {
    "outcome": (("status",), _outcomes),
    "ended_at": (("started_at", "duration"), _ends),
    "status_label": (("status_code",), _status_labels),
}
_AS_WRITTEN: Final[dict[str, Cells]] = {
    "started_at": _times,
    "expires_at": _times,
    "bodies_expire_at": _times,
    "has_errors": _truths,
}
_NOT_CAPTURED: Final = frozenset((
    "seq", "id", "kind", "status", "attempt", "status_code", "has_errors", "first_byte", "duration", "started_at",
    "expires_at", "bodies_expire_at", "labels", "errors", "run",
))  # fmt: skip
"""Numbers, words of our own, and JSON, which no spreadsheet takes for a formula."""


# --- ROOK's portal ------------------------------------------------------------------------------------


_ROOK_STATUS: Final = {
    200: "Successful", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No content",
    205: "Reset content", 206: "Partial content", 300: "Multiple choice", 301: "Moved Permanently", 302: "Found",
    303: "See Other", 304: "Not modified", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
}  # fmt: skip


def _rook_status(codes: Sequence[int | None]) -> Sequence[Any]:
    return ["No answer" if c is None else f"{c} - {_ROOK_STATUS.get(c) or status_label(c)}" for c in codes]


def _rook_sources(values: Sequence[str | None]) -> Sequence[Any]:
    found = [labels_of(text).get("data_source") for text in values]
    return [", ".join(source) if isinstance(source, list) else source for source in found]


ROOK: Final = (
    Column(title="Date", needs=("started_at",), cells=lambda v: [f"{moment:%Y-%m-%d}" for moment in v], text=False),
    Column(title="Time", needs=("started_at",), cells=lambda v: [f"{moment:%H:%M:%S}" for moment in v], text=False),
    Column(title="Type", needs=("log_type",), cells=_same),
    Column(title="Pillar", needs=("labels",), cells=_label("category")),
    Column(title="User ID", needs=("user_id",), cells=_same),
    Column(title="Status", needs=("status_code",), cells=_rook_status, text=False),
    Column(title="Source", needs=("labels",), cells=_rook_sources),
)
"""The columns of ROOK's portal, in its words and its order; times are UTC."""
