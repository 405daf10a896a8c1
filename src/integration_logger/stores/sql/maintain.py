"""Purging, erasing and re-dating: block by block, each in a short transaction of its own.

Whatever is deleted, writers wait for the thousand entries of one block at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, delete, or_, select, update

from integration_logger.query import Query
from integration_logger.retention import Retention
from integration_logger.stores.base import Purged
from integration_logger.stores.sql.blocks import BLOCK, block_of, bounds, unfinished
from integration_logger.stores.sql.database import Database
from integration_logger.stores.sql.rows import from_row, id_bytes, microseconds
from integration_logger.stores.sql.schema import blocks, entries, in_flight
from integration_logger.stores.sql.search import collect, in_flight_matches
from integration_logger.stores.sql.write import refresh, remove, strip


def purge(database: Database, now: datetime) -> Purged:
    """Delete what has expired by ``now``."""
    stamp = microseconds(now)
    due = select(blocks.c.block).where(or_(blocks.c.expires_at <= stamp, blocks.c.bodies_expire_at <= stamp))
    with database.read() as connection:
        before = database.size(connection)
        numbers = [*connection.scalars(due.order_by(blocks.c.block)), unfinished(database.last_seq(connection))]
    counts = [_purge_block(database, block, stamp) for block in numbers]
    return _purged(database, before, counts)


def _purge_block(database: Database, block: int, stamp: int) -> tuple[int, int]:
    within = entries.c.seq.between(*bounds(block))
    with database.turn() as connection:
        gone, bodies = remove(database, connection, block, within & (entries.c.expires_at <= stamp))
        stripped = strip(connection, within & (entries.c.bodies_expire_at <= stamp))
        if stripped:
            refresh(database, connection, block)
    return gone, bodies + stripped


def erase(database: Database, query: Query) -> Purged:
    """Delete what matches."""
    with database.read() as connection:
        before = database.size(connection)
    counts = [_erase_in_flight(database, query)]
    cursor: int | None = None
    while True:
        rest = msgspec.structs.replace(query, cursor=cursor, order="desc")
        with database.read() as connection:
            found, cursor = collect(connection, rest, database.last_seq(connection), BLOCK)
        seqs = [entry.seq or 0 for entry in found]
        counts += [_erase_block(database, block, [*some]) for block, some in groupby(seqs, block_of)]
        if cursor is None:
            return _purged(database, before, counts)


def _erase_block(database: Database, block: int, seqs: Sequence[int]) -> tuple[int, int]:
    with database.turn() as connection:
        return remove(database, connection, block, entries.c.seq.in_(seqs))


def _erase_in_flight(database: Database, query: Query) -> tuple[int, int]:
    with database.turn() as connection:
        ids = [id_bytes(entry.id) for entry in in_flight_matches(connection, query)]
        connection.execute(delete(in_flight).where(in_flight.c.id.in_(ids)))
    return len(ids), 0


def _purged(database: Database, before: int, counts: Sequence[tuple[int, int]]) -> Purged:
    database.shrink()
    with database.read() as connection:
        after = database.size(connection)
    gone, bodies = map(sum, zip(*counts, strict=True))
    return Purged(entries=gone, bodies=bodies, bytes_before=before, bytes_after=after)


def redate(database: Database, retention: Retention) -> int:
    """Set expiry anew; return how many entries changed."""
    with database.read() as connection:
        numbers = [*connection.scalars(select(blocks.c.block)), unfinished(database.last_seq(connection))]
    return sum(_redate_block(database, block, retention) for block in numbers)


_set_dates: Final = (
    update(entries)
    .where(entries.c.seq == bindparam("of"))
    .values(expires_at=bindparam("expires"), bodies_expire_at=bindparam("bodies"))
)


def _redate_block(database: Database, block: int, retention: Retention) -> int:
    with database.turn() as connection:
        changed = _changed(connection, block, retention)
        if changed:
            connection.execute(_set_dates, changed)
            refresh(database, connection, block)
    return len(changed)


def _changed(connection: Connection, block: int, retention: Retention) -> list[dict[str, int | None]]:
    rows = connection.execute(select(entries).where(entries.c.seq.between(*bounds(block))))
    pairs = ((entry, retention.date(entry)) for entry in map(from_row, rows))
    return [
        {"of": new.seq, "expires": _stamp(new.expires_at), "bodies": _stamp(new.bodies_expire_at)}
        for old, new in pairs
        if new != old
    ]


def _stamp(when: datetime | None) -> int | None:
    return None if when is None else microseconds(when)
