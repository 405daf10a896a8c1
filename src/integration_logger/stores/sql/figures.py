"""Counts: by time, by value, and of the store as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Column, ColumnElement, Connection, bindparam, cast, func, select

from integration_logger.filters import field_values
from integration_logger.query import Query, Scope
from integration_logger.stores.base import EXAMINED, Facets, Info, Stats
from integration_logger.stores.counting import Tally, buckets, by_frequency, percentiles, status_class
from integration_logger.stores.sql import search
from integration_logger.stores.sql.blocks import STATUSES_BY_OUTCOME, bounds, ranges, unfinished
from integration_logger.stores.sql.database import Database
from integration_logger.stores.sql.rows import DERIVED, comparable, from_columns, microseconds, moment
from integration_logger.stores.sql.schema import VERSION, blocks, entries, minutes
from integration_logger.stores.sql.search import Budget, collect, stretches
from integration_logger.stores.sql.where import is_exact, where
from integration_logger.stores.sql.write import ANY, name_key

_OUTCOMES: Final = {status: outcome for outcome, status in STATUSES_BY_OUTCOME.items()}
_MINUTE: Final = 60_000_000  # microseconds
_WITHIN: Final = entries.c.seq.between(bindparam("low"), bindparam("high"))


def stats(connection: Connection, query: Query, last_seq: int, seconds: float) -> Stats:
    """Count by stretches of time; durations of the newest matches."""
    query = msgspec.structs.replace(query, cursor=None, order="desc")
    counting = Budget(search.SECONDS)
    counted = buckets(_tallies(connection, query, last_seq, counting), seconds)
    durations = [*islice(_durations(connection, query, last_seq, Budget(search.SECONDS)), EXAMINED)]
    spread = percentiles([duration for duration in durations if duration is not None])
    return Stats(buckets=counted, complete=not counting.spent, **spread)


def facets(connection: Connection, query: Query, last_seq: int, fields: Sequence[str]) -> Facets:
    """Count values over the newest matches."""
    query = msgspec.structs.replace(query, cursor=None, order="desc")
    if is_exact(query) and DERIVED.keys().isdisjoint(fields):
        return _facets_of_columns(connection, query, last_seq, fields)
    newest, rest = collect(connection, query, last_seq, EXAMINED, seconds=search.SECONDS)
    values = {field: Counter(v for e in newest for v in field_values(e, field)) for field in fields}
    counts = {field: by_frequency(counted) for field, counted in values.items()}
    return Facets(counts=counts, covered=len(newest), complete=rest is None)


def _facets_of_columns(connection: Connection, query: Query, last_seq: int, fields: Sequence[str]) -> Facets:
    """Count equal values first, then ask what they are to the filter: a fifth of the time."""
    columns = [_column_of(field) for field in fields]
    budget = Budget(search.SECONDS)
    found = [*islice(_rows(connection, query, last_seq, [entries.c.status, *columns], budget), EXAMINED + 1)]
    newest = found[:EXAMINED]
    counts = {}
    for place, (field, column) in enumerate(zip(fields, columns, strict=True), 1):
        values: Counter[str] = Counter()
        for (status, stored), count in Counter((row[0], row[place]) for row in newest).items():
            for value in field_values(from_columns({"status": status, column.name: stored}), field):
                values[value] += count
        counts[field] = by_frequency(values)
    return Facets(counts=counts, covered=len(newest), complete=len(found) == len(newest) and not budget.spent)


def _column_of(field: str) -> Column[Any]:
    if field == "outcome":
        return entries.c.status
    return entries.c.labels if field.startswith("label.") else entries.c[field]


def _rows(
    connection: Connection, query: Query, last_seq: int, columns: Sequence[Column[Any]], budget: Budget
) -> Iterator[Sequence[Any]]:
    """Yield some columns of the matches of an exact query."""
    order = entries.c.seq.desc() if query.order == "desc" else entries.c.seq.asc()
    statement = select(*columns).where(_WITHIN, *where(query)).order_by(order)
    for low, high in budget.within(ranges(connection, query, last_seq)):
        with connection.execute(statement, {"low": low, "high": high}) as rows:
            yield from rows


def _durations(connection: Connection, query: Query, last_seq: int, budget: Budget) -> Iterator[float | None]:
    if not is_exact(query):
        for found, _ in stretches(connection, query, last_seq, budget=budget):
            yield from (entry.duration for entry in found)
        return
    for (stamp,) in _rows(connection, query, last_seq, [entries.c.duration], budget):
        yield None if stamp is None else stamp / 1e6


def _tallies(connection: Connection, query: Query, last_seq: int, budget: Budget) -> Iterator[Tally]:
    """Count by the roll-up where it can answer, and the minutes at both ends one by one."""
    first = None if query.since is None else -(-microseconds(query.since) // _MINUTE)
    end = None if query.till is None else microseconds(query.till) // _MINUTE
    filtered = query.conditions or query.text or query.not_text
    if filtered or (first is not None and end is not None and first >= end):
        yield from _scanned(connection, query, last_seq, budget)
        return
    yield from _rolled_up(connection, query.scope, first, end)
    if first is not None:
        yield from _scanned(connection, msgspec.structs.replace(query, till=moment(first * _MINUTE)), last_seq, budget)
    if end is not None:
        yield from _scanned(connection, msgspec.structs.replace(query, since=moment(end * _MINUTE)), last_seq, budget)


def _rolled_up(connection: Connection, scope: Scope, first: int | None, end: int | None) -> Iterator[Tally]:
    columns = minutes.c
    found = select(columns.minute, columns.status, columns.status_class, _sum(columns.entries))
    found = found.where(*_of_scope(scope)).group_by(columns.minute, columns.status, columns.status_class)
    if first is not None:
        found = found.where(columns.minute >= first)
    if end is not None:
        found = found.where(columns.minute < end)
    for minute, status, of_class, count in connection.execute(found):
        yield Tally(minute * 60, _OUTCOMES.get(status), of_class, count)


def _sum(column: Column[int]) -> ColumnElement[int]:
    return cast(func.sum(column), BigInteger)  # PostgreSQL's are decimal numbers


def _of_scope(scope: Scope) -> Iterator[ColumnElement[bool]]:
    limits = ((minutes.c.tenant, scope.tenants), (minutes.c.application, scope.applications))
    limited = any(isinstance(names, frozenset) for _, names in limits)
    for column, names in limits:
        if isinstance(names, frozenset):
            yield column.in_(sorted(map(name_key, comparable(names))))
        else:
            yield column != ANY if limited else column == ANY


def _scanned(connection: Connection, query: Query, last_seq: int, budget: Budget) -> Iterator[Tally]:
    if not is_exact(query):
        for found, _ in stretches(connection, query, last_seq, budget=budget):
            yield from (Tally(e.started_at.timestamp(), e.outcome, status_class(e.status_code)) for e in found)
        return
    columns = [entries.c.started_at, entries.c.status, entries.c.status_code]
    rows = _rows(connection, query, last_seq, columns, budget)
    counts = Counter((started_at // _MINUTE, status, code) for started_at, status, code in rows)
    for (minute, status, code), count in counts.items():
        yield Tally(minute * 60, _OUTCOMES.get(status), status_class(code), count)


# --- the store as a whole -----------------------------------------------------------------------------


def info(database: Database, connection: Connection) -> Info:
    """Return counts and sizes: of finished blocks from their summaries, of the newest one by counting."""
    last_seq = database.last_seq(connection)
    newest = entries.c.seq.between(*bounds(unfinished(last_seq)))
    known, oldest = connection.execute(select(_sum(blocks.c.entries), func.min(blocks.c.first_started))).one()
    others, youngest = connection.execute(
        select(func.count(), func.min(entries.c.started_at)).select_from(entries).where(newest)
    ).one()
    started = [stamp for stamp in (oldest, youngest) if stamp is not None]
    return Info(
        url=database.url,
        version=VERSION,
        entries=(known or 0) + others,
        bytes=database.size(connection),
        oldest=moment(min(started)) if started else None,
        newest_seq=last_seq,
    )
