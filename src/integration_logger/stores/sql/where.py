"""A query as conditions on the columns of ``entries``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, and_, false, func, literal, not_, or_

from integration_logger.query import Query, Scope
from integration_logger.stores.sql import functions
from integration_logger.stores.sql.blocks import STATUSES_BY_OUTCOME
from integration_logger.stores.sql.rows import (
    DERIVED,
    OWN,
    comparable,
    duration_bound,
    label_json,
    microseconds,
    own_id,
)
from integration_logger.stores.sql.schema import entries

_column = entries.c


def is_exact(query: Query) -> bool:
    """Tell whether ``where`` finds the matches alone; else ``Query.matches`` must decide about what it finds."""
    return not (query.text or query.not_text or any(c.field.startswith("label.") for c in query.conditions))


def within(scope: Scope) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that every entry of the scope's tenants and applications fulfils, and no other."""
    for column, names in ((_column.tenant, scope.tenants), (_column.application, scope.applications)):
        if isinstance(names, frozenset):
            yield column.in_(comparable(names))


def where(query: Query) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that every match fulfils."""
    yield from within(query.scope)
    if not (query.scope.audit and query.wants_audit):
        yield _column.kind != "audit"
    if query.since is not None:
        yield _column.started_at >= microseconds(query.since)
    if query.till is not None:
        yield _column.started_at < microseconds(query.till)
    for condition in query.conditions:
        holds = or_(*(_test(condition.field, value, condition.negated) for value in condition.values))
        yield not_(func.coalesce(holds, false())) if condition.negated else holds
    for word in query.text:
        if "\n" not in word:
            yield _may_contain(word.lower())


def _test(field: str, value: str, negated: bool) -> ColumnElement[bool]:
    if not comparable([value]):
        return false()
    if field == "outcome":
        return _column.status == STATUSES_BY_OUTCOME[value]
    if field == "has_errors":
        return _column.has_errors.is_(value == "true")
    if field == "status_code":
        return _test_status_code(value)
    if field == "min_duration":
        return _column.duration >= duration_bound(field, value)
    if field == "max_duration":
        return _column.duration <= duration_bound(field, value)
    if field in DERIVED:
        return or_(_column[field] == value, and_(_column[field] == OWN, _column.id == own_id(field, value)))
    if field.startswith("label."):
        return _test_label(field.removeprefix("label."), value, negated)
    return _column[field] == value


def _test_status_code(value: str) -> ColumnElement[bool]:
    if value == "none":
        return and_(_column.status_code.is_(None), _column.status != "processing")
    if value.endswith("xx"):
        lowest = int(value[0]) * 100
        return _column.status_code.between(lowest, lowest + 99)
    return _column.status_code == int(value)


def _test_label(name: str, value: str, negated: bool) -> ColumnElement[bool]:
    """Compare a label in the JSON of them all. One with several values passes either way: ``is_exact`` says so.

    Names and values have their quotes escaped, so what stands between a brace or comma and the value's last
    quote occurs nowhere else.
    """
    key = label_json(name)
    wanted = [f"{key}:{label_json(value)}"] + ([] if negated else [f"{key}:["])
    return or_(*(functions.contains(_column.labels, f"{mark}{pair}") for pair in wanted for mark in "{,"))


# --- free text ----------------------------------------------------------------------------------------

_SEARCHED: Final = ("method", "url", "route", "operation", "integration", "errors", "labels")
_haystack: ColumnElement[str] = literal("")
for _name in _SEARCHED:
    _haystack = _haystack + func.coalesce(_column[_name], "") + "\n"


def _may_contain(word: str) -> ColumnElement[bool]:
    found = functions.folded_like(_haystack, f"%{_pattern(word)}%")
    digits = word.replace("-", "")
    if not re.fullmatch("[0-9a-f]*", digits):
        return found
    return or_(found, functions.folded_like(functions.hex_digits(_column.id), f"%{digits}%"))


def _pattern(word: str) -> str:
    """Return a pattern for all that Python lower-cases to this word, and a little more.

    The database folds ASCII alone, JSON escapes quotes, and ``k`` and ``i`` come from other letters, too.
    """
    return "".join(map(_pattern_of, word))


def _pattern_of(letter: str) -> str:
    if letter in "ki":
        return "_"
    if letter in '"\\' or not letter.isascii() or not letter.isprintable():
        return "%"
    return f"\\{letter}" if letter in "%_" else letter
