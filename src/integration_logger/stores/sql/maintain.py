"""Purging, erasing and re-dating: block by block, each in a short transaction of its own.

Whatever is deleted, writers wait for the thousand entries of one block at most, or for a few megabytes of bodies.
What is to change is found before the transaction, which then only changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from time import monotonic, sleep
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, not_, or_, select, update

from integration_logger.query import Query
from integration_logger.retention import MATCHABLE, Retention
from integration_logger.stores.base import Purged
from integration_logger.stores.bounds import Bounds
from integration_logger.stores.sql.blocks import BLOCK, block_of, bounds, unfinished
from integration_logger.stores.sql.database import Database, Row
from integration_logger.stores.sql.footprint import WITH_BODIES
from integration_logger.stores.sql.oversize import due, oversize_below, past
from integration_logger.stores.sql.rows import from_columns, id_bytes, microseconds
from integration_logger.stores.sql.schema import blocks, entries, in_flight, payloads
from integration_logger.stores.sql.search import collect, in_flight_matches
from integration_logger.stores.sql.write import refresh, remove, strip

_BODIES: Final = 4 * 1024**2  # bytes of payloads that one transaction deletes


class _Plan(NamedTuple):
    """What goes, decided before anything does: a dry run counts by it, a real one deletes by it."""

    expired: ColumnElement[bool]
    over: ColumnElement[bool]
    stripped: ColumnElement[bool]
    blocks: Sequence[int]

    @property
    def gone(self) -> ColumnElement[bool]:
        return or_(self.expired, self.over)


class _Counts(NamedTuple):
    entries: int = 0
    bodies: int = 0
    excess: int = 0


def purge(database: Database, now: datetime, most: Bounds, *, dry_run: bool) -> Purged:
    """Delete what has expired by ``now``, and the oldest of what is too much then."""
    plan = _plan(database, microseconds(now), most)
    with database.read() as connection:
        before = database.size(connection)
    if dry_run:
        return _sum((_count(database, plan, block)[0] for block in plan.blocks), before, before)
    return _purged(database, before, [_purge_block(database, plan, block) for block in plan.blocks])


def _plan(database: Database, stamp: int, most: Bounds) -> _Plan:
    below = oversize_below(database, stamp, most)
    touched = or_(due(stamp), blocks.c.block * BLOCK < below)
    with database.read() as connection:
        numbers = [*connection.scalars(select(blocks.c.block).where(touched).order_by(blocks.c.block))]
        numbers.append(unfinished(database.last_seq(connection)))
    expired = past(entries.c.expires_at, stamp)
    over = and_(entries.c.seq < below, entries.c.kind != "audit", not_(expired))
    return _Plan(expired, over, past(entries.c.bodies_expire_at, stamp), numbers)


def _count(database: Database, plan: _Plan, block: int) -> tuple[_Counts, int]:
    """Return what the plan takes of a block, and the bytes of those bodies."""
    found = select(
        func.count(case((plan.gone, 1))),
        func.count(payloads.c.seq),
        func.count(case((plan.over, 1))),
        func.sum(func.length(payloads.c.data)),
    ).select_from(WITH_BODIES)
    with database.read() as connection:
        row = connection.execute(found.where(_within(block), or_(plan.gone, plan.stripped))).one()
    return _Counts(*row[:3]), row[3] or 0


def _within(block: int) -> ColumnElement[bool]:
    return entries.c.seq.between(*bounds(block))


def _purge_block(database: Database, plan: _Plan, block: int) -> _Counts:
    counts, size = _count(database, plan, block)
    if counts == _Counts():
        return counts
    early = _strip_in_parts(database, block, or_(plan.gone, plan.stripped), size)
    with database.turn() as connection:
        gone, bodies = remove(database, connection, block, and_(_within(block), plan.gone))
        stripped = strip(connection, and_(_within(block), plan.stripped))
        if stripped or early:
            refresh(database, connection, block)
    return _Counts(gone, early + bodies + stripped, min(counts.excess, gone))


def _strip_in_parts(database: Database, block: int, chosen: ColumnElement[bool], size: int) -> int:
    """Delete large bodies ahead of their entries, a part of them at a time; return how many."""
    if size <= _BODIES:
        return 0
    low, high = bounds(block)
    step = max(1, BLOCK * _BODIES // size)
    stripped = 0
    for first in range(low, high + 1, step):
        with database.turn() as connection:
            part = entries.c.seq.between(first, min(first + step - 1, high))
            stripped += strip(connection, and_(part, chosen))
    return stripped


def erase(database: Database, query: Query, above: int, *, dry_run: bool) -> Purged:
    """Delete what matches above a ``seq``, the oldest first."""
    with database.read() as connection:
        before = database.size(connection)
    take = _count_block if dry_run else _erase_block
    counts = [_erase_in_flight(database, query, dry_run=dry_run)]
    cursor: int | None = above
    while cursor is not None:
        rest = msgspec.structs.replace(query, cursor=cursor)
        with database.read() as connection:
            found, cursor = collect(connection, rest, database.last_seq(connection), BLOCK)
        seqs = [entry.seq or 0 for entry in found]
        counts += [take(database, block, [*some]) for block, some in groupby(seqs, block_of)]
    return _sum(counts, before, before) if dry_run else _purged(database, before, counts)


def _count_block(database: Database, _: int, seqs: Sequence[int]) -> _Counts:
    bodies = select(func.count()).select_from(payloads).where(payloads.c.seq.in_(seqs))
    with database.read() as connection:
        return _Counts(len(seqs), connection.scalar(bodies) or 0)


def _erase_block(database: Database, block: int, seqs: Sequence[int]) -> _Counts:
    chosen = entries.c.seq.in_(seqs)
    with database.read() as connection:
        size = connection.scalar(select(func.sum(func.length(payloads.c.data))).where(payloads.c.seq.in_(seqs))) or 0
    early = _strip_in_parts(database, block, chosen, size)
    with database.turn() as connection:
        gone, bodies = remove(database, connection, block, chosen)
    return _Counts(gone, early + bodies)


def _erase_in_flight(database: Database, query: Query, *, dry_run: bool) -> _Counts:
    with database.read() as connection:
        ids = [id_bytes(entry.id) for entry in in_flight_matches(connection, query)]
    if ids and not dry_run:
        with database.turn() as connection:
            connection.execute(delete(in_flight).where(in_flight.c.id.in_(ids)))
    return _Counts(len(ids))


def _purged(database: Database, before: int, counts: Iterable[_Counts]) -> Purged:
    database.shrink()
    with database.read() as connection:
        return _sum(counts, before, database.size(connection))


def _sum(counts: Iterable[_Counts], before: int, after: int) -> Purged:
    gone, bodies, excess = map(sum, zip(_Counts(), *counts, strict=True))
    return Purged(entries=gone, bodies=bodies, excess=excess, bytes_before=before, bytes_after=after)


# --- changed rules ------------------------------------------------------------------------------------


def redate(database: Database, retention: Retention) -> int:
    """Set expiry anew; return how many entries changed."""
    with database.read() as connection:
        numbers = [*connection.scalars(select(blocks.c.block)), unfinished(database.last_seq(connection))]
    return sum(_redate_block(database, block, retention) for block in numbers)


_DATED: Final = [
    name for name in ("seq", "started_at", "expires_at", "bodies_expire_at", *MATCHABLE) if name in entries.c
]
_dated: Final = select(*(entries.c[name] for name in _DATED)).where(
    entries.c.seq.between(bindparam("low"), bindparam("high"))
)
_set_dates: Final = (
    update(entries)
    .where(entries.c.seq == bindparam("of"))
    .values(expires_at=bindparam("expires"), bodies_expire_at=bindparam("bodies"))
)


def _redate_block(database: Database, block: int, retention: Retention) -> int:
    start = monotonic()
    with database.read() as connection:
        rows = database.fetch(connection, _dated, bounds(block))
    changed = [*_changed(rows, retention)]
    if changed:
        with database.turn() as connection:
            connection.execute(_set_dates, changed)
            refresh(database, connection, block)
    else:
        sleep(monotonic() - start)  # for the threads of the host
    return len(changed)


def _changed(rows: Sequence[Row], retention: Retention) -> Iterator[dict[str, int | None]]:
    for row in rows:
        old = from_columns(dict(zip(_DATED, row, strict=True)))
        new = retention.date(old)
        if new != old:
            yield {"of": new.seq, "expires": _stamp(new.expires_at), "bodies": _stamp(new.bodies_expire_at)}


def _stamp(when: datetime | None) -> int | None:
    return None if when is None else microseconds(when)
