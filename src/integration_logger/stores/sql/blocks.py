"""Summaries of blocks of entries: they stand in for an index on every filter.

Every thousand ``seq`` numbers are a block. The transaction that fills one writes down which values its entries
have and how often (``terms``), and the range of its times (``blocks``). A search reads the newest, unfinished
block and of the others only those that can hold a match, so a value that is rare, that occurs nowhere, or that
all but a few have, is found or ruled out in milliseconds. Summaries are appended in order and cost a fraction
of indexes, whose scattered keys leave the cache as the log grows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, or_, select

from integration_logger.filters import TEXT_FIELDS, Condition
from integration_logger.query import Names, Query, Scope
from integration_logger.stores.counting import status_class
from integration_logger.stores.sql.database import Database, Row
from integration_logger.stores.sql.rows import DERIVED, OWN, duration_bound, microseconds, own_id, read_labels
from integration_logger.stores.sql.schema import blocks, entries, payloads, terms

BLOCK: Final = 1000  # entries; one transaction of a purge deletes as many at most
_CHUNK: Final = 50  # blocks looked up at once: most pages are full after a few

STATUSES_BY_OUTCOME: Final = {"success": "completed", "error": "failed"}


@lru_cache(4096)
def term(field: str, value: str) -> int:
    """Return the number that stands for a filter and its value."""
    return int.from_bytes(blake2b(f"{field}={value}".encode(), digest_size=6).digest(), "big")


def bounds(block: int) -> tuple[int, int]:
    """Return the first and the last ``seq`` of a block."""
    return block * BLOCK, block * BLOCK + BLOCK - 1


def block_of(seq: int) -> int:
    """Return the block that a ``seq`` is in."""
    return seq // BLOCK


def unfinished(last_seq: int) -> int:
    """Return the number of the block that the next entry goes to: the one without a summary."""
    return block_of(last_seq + 1)


# --- writing ------------------------------------------------------------------------------------------

_PLAIN: Final = ("kind", *TEXT_FIELDS)
_TIMES: Final = ("started_at", "duration", "expires_at", "bodies_expire_at")
_in_block = entries.c.seq.between(bindparam("low"), bindparam("high"))
_READ: Final = (*_PLAIN, *_TIMES, "status", "has_errors", "status_code", "labels")
_summarised: Final = select(*(entries.c[name] for name in _READ)).where(_in_block)
_read_columns: Final[Callable[[Row], Row]] = itemgetter(*map(entries.c.keys().index, _READ))
_forget_terms: Final = delete(terms).where(terms.c.block == bindparam("number"))
_forget_block: Final = delete(blocks).where(blocks.c.block == bindparam("number"))
_earliest_bodies: Final = (
    select(func.min(entries.c.bodies_expire_at)).join(payloads, payloads.c.seq == entries.c.seq).where(_in_block)
)


def summarise(database: Database, connection: Connection, block: int, new: Sequence[Row] = ()) -> None:
    """Write the summary of a finished block anew, from the entries that it has now.

    ``new`` are the newest rows, in order: what is among them need not be read again.
    """
    low, high = bounds(block)
    connection.execute(_forget_terms, {"number": block})
    connection.execute(_forget_block, {"number": block})
    first = new[0][-1] if new else high + 1
    rows = database.fetch(connection, _summarised, (low, first - 1)) if low < first else []
    rows += map(_read_columns, new[max(low - first, 0) : high + 1 - first])
    if not rows:
        return
    columns: dict[str, Sequence[Any]] = dict(zip(_READ, zip(*rows, strict=True), strict=True))
    bodies_expire_at = None
    if any(columns["bodies_expire_at"]):
        bodies_expire_at = connection.scalar(_earliest_bodies, {"low": low, "high": high})
    durations = [-1 if duration is None else duration for duration in columns["duration"]]
    started = columns["started_at"]
    expires_at = min((moment for moment in columns["expires_at"] if moment is not None), default=None)
    times = (min(started), max(started), min(durations), max(durations), expires_at, bodies_expire_at)
    database.insert(connection, blocks, [(block, len(rows), *times)])
    counts = sorted(_count_terms(columns).items())
    database.insert(connection, terms, [(block, number, count) for number, count in counts])


def _count_terms(columns: dict[str, Sequence[Any]]) -> Counter[int]:
    """Count the values of each filter; a hundred equal ones are looked at once."""
    counts: Counter[int] = Counter()
    for name in _PLAIN:
        for value, count in Counter(columns[name]).items():
            if value is not None and not (value == OWN and name in DERIVED):
                counts[term(name, value)] = count
    for has_errors, count in Counter(columns["has_errors"]).items():
        counts[term("has_errors", "true" if has_errors else "false")] = count
    for (status, code), count in Counter(zip(columns["status"], columns["status_code"], strict=True)).items():
        counts[term("status", status)] += count
        for value in _status_codes(status, code):
            counts[term("status_code", value)] += count
    for labels, count in Counter(columns["labels"]).items():
        for name, value in _label_values(labels):
            counts[term(f"label.{name}", value)] += count
    return counts


def _status_codes(status: str, code: int | None) -> tuple[str, ...]:
    if code is None:
        return () if status == "processing" else ("none",)
    return str(code), status_class(code)


def _label_values(labels: str | None) -> set[tuple[str, str]]:
    found = read_labels(labels) if labels else {}
    return {(name, v) for name, value in found.items() for v in ([value] if isinstance(value, str) else value)}


# --- reading ------------------------------------------------------------------------------------------


def ranges(connection: Connection, query: Query, last_seq: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of ``seq``, lowest and highest, in which matches may be, in the order of the query."""
    low, high = 0, last_seq
    if query.cursor is not None and query.order == "asc":
        low = query.cursor + 1
    elif query.cursor is not None:
        high = min(query.cursor - 1, last_seq)
    for block in _blocks(connection, query, low, high, unfinished(last_seq)):
        first, last = bounds(block)
        yield max(low, first), min(high, last)


def _blocks(connection: Connection, query: Query, low: int, high: int, newest: int) -> Iterator[int]:
    if low > high:
        return
    reaches_newest = block_of(high) >= newest
    if reaches_newest and query.order == "desc":
        yield newest
    yield from _finished(connection, query, block_of(low), min(block_of(high), newest - 1))
    if reaches_newest and query.order == "asc":
        yield newest


def _finished(connection: Connection, query: Query, low: int, high: int) -> Iterator[int]:
    order = blocks.c.block.desc() if query.order == "desc" else blocks.c.block.asc()
    statement = select(blocks.c.block).where(*_possible(query)).order_by(order).limit(_CHUNK)
    while low <= high:
        found = connection.scalars(statement.where(blocks.c.block.between(low, high))).all()
        yield from found
        if len(found) < _CHUNK:
            return
        low, high = (low, found[-1] - 1) if query.order == "desc" else (found[-1] + 1, high)


def _possible(query: Query) -> Iterator[ColumnElement[bool]]:
    """Yield what must hold for a block to have a match; text aside, which no summary knows."""
    for condition in (*query.conditions, *_scope_conditions(query.scope)):
        yield _may_hold(condition)
    if query.since is not None:
        yield blocks.c.last_started >= microseconds(query.since)
    if query.till is not None:
        yield blocks.c.first_started < microseconds(query.till)


def _scope_conditions(scope: Scope) -> Iterator[Condition]:
    limits: Iterable[tuple[str, Names]] = (("tenant", scope.tenants), ("application", scope.applications))
    for field, names in limits:
        if isinstance(names, frozenset):
            yield Condition(field, tuple(sorted(names)))


def _may_hold(condition: Condition) -> ColumnElement[bool]:
    if condition.field in ("min_duration", "max_duration"):
        return _may_last(condition)
    here = (terms.c.block == blocks.c.block, terms.c.term.in_(_condition_terms(condition)))
    if not condition.negated:
        found = exists().where(*here)
        return or_(found, _has_own(condition)) if condition.field in DERIVED else found
    # An entry may have several values of one label, of everything else it has one.
    reach = func.max if condition.field.startswith("label.") else func.sum
    having = select(func.coalesce(reach(terms.c.entries), 0)).where(*here).scalar_subquery()
    return having < blocks.c.entries


def _has_own(condition: Condition) -> ColumnElement[bool]:
    """Tell of a block whether it has the entry whose value is derived from its id: there is no term for it."""
    ids = [own_id(condition.field, value) for value in condition.values]
    own = select(entries.c.seq // BLOCK).where(entries.c.id.in_([id for id in ids if id]))
    return blocks.c.block.in_(own)


def _condition_terms(condition: Condition) -> list[int]:
    field, values = condition.field, set(condition.values)
    if field == "outcome":
        field, values = "status", {STATUSES_BY_OUTCOME[value] for value in values}
    if field == "status_code":
        values = {v for v in values if v.endswith("xx") or f"{v[0]}xx" not in values}
    return sorted(term(field, value) for value in values)


def _may_last(condition: Condition) -> ColumnElement[bool]:
    limits = [duration_bound(condition.field, value) for value in condition.values]
    shortest, longest = blocks.c.min_duration, blocks.c.max_duration
    if condition.field == "min_duration":
        return shortest < min(limits) if condition.negated else longest >= min(limits)
    return or_(longest > max(limits), shortest < 0) if condition.negated else shortest <= max(limits)
