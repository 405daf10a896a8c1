"""The filters of a query: which there are, what values they take, and how they compare with an entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from integration_logger.entry import KINDS, STATUSES, Entry
from integration_logger.values import Value, one_of, shaped, text

MAX_VALUE: Final = 1000
"""Characters of one value or word."""


class Condition(msgspec.Struct, frozen=True):
    """One filter: the field has one of the values, or, negated, none of them (null included)."""

    field: str
    values: tuple[str, ...]
    negated: bool = False

    def holds(self, entry: Entry) -> bool:
        """Tell whether the entry passes."""
        test = FIELDS[field_kind(self.field)].test
        return any(test(entry, self.field, value) for value in self.values) != self.negated


class FieldType(msgspec.Struct, frozen=True):
    """How the values of a filter are read and compared."""

    value: Value
    test: Callable[[Entry, str, str], bool]


def _test_status_code(entry: Entry, _: str, value: str) -> bool:
    code = entry.status_code
    if value == "none":
        return code is None and entry.status != "processing"
    if value.endswith("xx"):
        return code is not None and code // 100 == int(value[0])
    return code == int(value)


def _test_label(entry: Entry, field: str, value: str) -> bool:
    found = entry.labels.get(field.removeprefix("label."))
    return found == value or (isinstance(found, list) and value in found)


def _test_column(entry: Entry, field: str, value: str) -> bool:
    found: Any = getattr(entry, field)
    return bool(found == value)


_CODE: Final = shaped(r"^(?:none|[1-9](?:xx|[0-9]{2}))$", "a code such as 404, a class such as 5xx, or none")
_SECONDS: Final = shaped(r"^[0-9]{1,9}(?:\.[0-9]{1,9})?$", "a number of seconds")
TEXT: Final = text(MAX_VALUE)
"""Any value, or a word."""

FIELDS: Final[dict[str, FieldType]] = {
    "kind": FieldType(one_of(KINDS), _test_column),
    "status": FieldType(one_of(STATUSES), _test_column),
    "outcome": FieldType(one_of(["success", "error"]), _test_column),
    "has_errors": FieldType(one_of(["true", "false"]), lambda e, _, v: e.has_errors == (v == "true")),
    "status_code": FieldType(_CODE, _test_status_code),
    "min_duration": FieldType(_SECONDS, lambda e, _, v: e.duration is not None and e.duration >= float(v)),
    "max_duration": FieldType(_SECONDS, lambda e, _, v: e.duration is not None and e.duration <= float(v)),
    "label": FieldType(TEXT, _test_label),
    "text": FieldType(TEXT, _test_column),
}

TEXT_FIELDS: Final = (
    "method", "tenant", "application", "integration", "operation", "log_type", "user_id",
    "host", "route", "error_type", "parent_id", "transaction_id", "trace_id",
)  # fmt: skip
"""Filters that compare a column with the given text, exactly."""

FILTERS: Final = (*(f for f in FIELDS if f not in ("label", "text")), *TEXT_FIELDS)
"""Every filter by name; ``label.NAME`` comes on top."""

FACETS: Final = (
    "kind", "status", "outcome", "has_errors", "status_code", "method", "tenant", "application", "integration",
    "operation", "log_type", "user_id", "host", "route", "error_type",
)  # fmt: skip
"""Filters whose values are worth counting; ids are not. ``label.NAME`` comes on top."""


def field_kind(field: str) -> str:
    """Return the key in ``FIELDS`` that says how a filter compares."""
    if field in FIELDS:
        return field
    return "label" if field.startswith("label.") else "text"


def field_values(entry: Entry, field: str) -> tuple[str, ...]:
    """Return the values of a filter that find this entry, as facets count them; empty where it has none."""
    if field == "status_code" and entry.status_code is None and entry.status != "processing":
        return ("none",)
    found = entry.labels.get(field.removeprefix("label.")) if field_kind(field) == "label" else getattr(entry, field)
    if isinstance(found, list):
        return tuple(dict.fromkeys(found))
    if isinstance(found, bool):
        return ("true" if found else "false",)
    return () if found is None else (str(found),)
