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
from integration_logger.exports.cells import (
    Cells,
    json_cell,
    json_texts,
    mixed,
    numbers,
    own_words,
    quoted,
    texts,
    times,
    truths,
)
from integration_logger.stores.columns import FIELDS, json_text


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the file."""

    title: str
    needs: tuple[str, ...]
    """Fields of an entry that its cells are made of."""
    cells: Cells
    """Makes them, given the values of those fields."""
    detail: bool = False
    """It takes the permission ``detail``."""


MAX_COLUMNS: Final = 200
"""Of one file: each costs as much for every entry."""
PRESETS: Final[dict[str, tuple[str, ...]]] = {
    "standard": (
        "seq", "started_at", "kind", "method", "url", "status_code", "outcome", "duration", "error_type", "errors",
        "tenant", "application", "integration", "operation", "log_type", "user_id", "route", "labels", "client_ip",
        "id", "trace_id",
    ),
    "all": (*(f for f in FIELDS if f != "bodies_expire_at"), "ended_at", "outcome", "status_label"),
}  # fmt: skip
"""Names by the word that stands for them; ``rook`` is another such word."""


def read_columns(text: str) -> list[Column]:
    """Return the columns that a word or names, divided by commas, stand for; raise ``QueryError`` for any other."""
    if text == "rook":
        return [*ROOK]
    names = [*dict.fromkeys(PRESETS.get(text) or [name.strip() for name in text.split(",")])]
    if len(names) > MAX_COLUMNS:
        raise QueryError("columns", f"takes at most {MAX_COLUMNS} names")
    return [_column(name) for name in names]


def _column(name: str) -> Column:
    if name in FIELDS:
        cells = _NOT_CAPTURED.get(name, texts)
        return Column(title=name, needs=(name,), cells=cells, detail=name == "bodies_expire_at")
    if name in _DERIVED:
        needs, cells = _DERIVED[name]
        return Column(title=name, needs=needs, cells=cells)
    if name in ("variables", "traceback", "redacted"):
        return Column(title=name, needs=(name,), cells=texts if name == "traceback" else _json, detail=True)
    whole, _, part = name.partition(".")
    if whole == "label" and part:
        return Column(title=name, needs=("labels",), cells=_label(part))
    if whole == "run" and part in Run.__struct_fields__:
        return Column(title=name, needs=("run",), cells=_of_run(part))
    if whole in ("request", "response") and part in _PARTS:
        return Column(title=name, needs=(whole,), cells=_of_message(part), detail=True)
    raise QueryError("columns", f"has no column {name!r}; the names are those of an entry, such as label.environment")


# --- cells --------------------------------------------------------------------------------------------


def _outcomes(statuses: Sequence[str]) -> Sequence[str]:
    return [_OUTCOMES.get(status, "") for status in statuses]


def _ends(started: Sequence[datetime], durations: Sequence[float | None]) -> Sequence[str]:
    pairs = zip(started, durations, strict=True)
    return times([None if seconds is None else start + timedelta(seconds=seconds) for start, seconds in pairs])


def _status_labels(codes: Sequence[int | None]) -> Sequence[str]:
    return ["No answer" if code is None else quoted(status_label(code)) for code in codes]


def _json(values: Sequence[Any]) -> Sequence[str]:
    return ["" if value is None else json_cell(json_text(value)) for value in values]


def _label(name: str) -> Cells:
    def cells(values: Sequence[str | None]) -> Sequence[str]:
        return mixed([labels_of(text).get(name) for text in values])

    return cells


@lru_cache(1024)
def labels_of(text: str | None) -> dict[str, Any]:
    """Return labels from their JSON."""
    return msgspec.json.decode(text) if text else {}


def _of_run(name: str) -> Cells:
    def cells(values: Sequence[str | None]) -> Sequence[str]:
        return mixed([msgspec.json.decode(text)[name] if text else None for text in values])

    return cells


def _of_message(part: str) -> Cells:
    read = _PARTS[part]

    def cells(values: Sequence[Message | None]) -> Sequence[str]:
        return mixed([None if message is None else read(message) for message in values])

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
_NOT_CAPTURED: Final[dict[str, Cells]] = {
    **dict.fromkeys(("id", "kind", "status"), own_words),
    **dict.fromkeys(("seq", "attempt", "status_code", "first_byte", "duration"), numbers),
    **dict.fromkeys(("started_at", "expires_at", "bodies_expire_at"), times),
    **dict.fromkeys(("labels", "errors", "run"), json_texts),
    "has_errors": truths,
}
"""All other fields are texts that somebody else may have written."""


# --- ROOK's portal ------------------------------------------------------------------------------------


_ROOK_STATUS: Final = {
    200: "Successful", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No content",
    205: "Reset content", 206: "Partial content", 300: "Multiple choice", 301: "Moved Permanently", 302: "Found",
    303: "See Other", 304: "Not modified", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
}  # fmt: skip


def _rook_status(codes: Sequence[int | None]) -> Sequence[str]:
    known = {code: _status_in_words(code) for code in {*codes}}
    return [known[code] for code in codes]


def _status_in_words(code: int | None) -> str:
    return "No answer" if code is None else quoted(f"{code} - {_ROOK_STATUS.get(code) or status_label(code)}")


def _rook_sources(values: Sequence[str | None]) -> Sequence[str]:
    found = [labels_of(text).get("data_source") for text in values]
    return texts([", ".join(source) if isinstance(source, list) else source for source in found])


ROOK: Final = (
    Column(title="Date", needs=("started_at",), cells=lambda v: [moment.isoformat()[:10] for moment in v]),
    Column(title="Time", needs=("started_at",), cells=lambda v: [moment.isoformat()[11:19] for moment in v]),
    Column(title="Type", needs=("log_type",), cells=texts),
    Column(title="Pillar", needs=("labels",), cells=_label("category")),
    Column(title="User ID", needs=("user_id",), cells=texts),
    Column(title="Status", needs=("status_code",), cells=_rook_status),
    Column(title="Source", needs=("labels",), cells=_rook_sources),
)
"""The columns of ROOK's portal, in its words and its order; times are UTC."""
