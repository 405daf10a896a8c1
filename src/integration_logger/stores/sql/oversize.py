"""Which entries go because the store holds more than it may: found by reading alone, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, not_, or_, select

from integration_logger.stores.bounds import Bounds
from integration_logger.stores.sql.blocks import bounds as ends
from integration_logger.stores.sql.blocks import term, unfinished
from integration_logger.stores.sql.database import Database
from integration_logger.stores.sql.figures import info
from integration_logger.stores.sql.footprint import BODY, LINE, WITH_BODIES
from integration_logger.stores.sql.schema import blocks, entries, terms

_ordinary: Final = entries.c.kind != "audit"


def past(column: ColumnElement[int | None], stamp: int) -> ColumnElement[bool]:
    """Return the condition that a date has come; without a date it never does."""
    return and_(column.is_not(None), column <= stamp)


def due(stamp: int) -> ColumnElement[bool]:
    """Return the condition that a finished block has something to expire."""
    return or_(past(blocks.c.expires_at, stamp), past(blocks.c.bodies_expire_at, stamp))


def oversize_below(database: Database, stamp: int, most: Bounds) -> int:
    """Return the ``seq`` below which entries go that have not expired, so that the rest is within the bounds.

    The space of a row is an estimate, and what has been freed but not given back is no part of what is in use.
    All is read in one transaction: what another purge deletes meanwhile must not be counted as still to go.
    """
    with database.read() as connection:
        known, used = info(database, connection), database.used(connection)
        if not most.exceeded(known.entries, used):
            return 0
        newest = unfinished(known.newest_seq)
        rows = known.entries - _audits(connection, newest)
        for block in (*connection.scalars(select(blocks.c.block).where(due(stamp))).all(), newest):
            gone, freed = connection.execute(_expiring(block, stamp)).one()
            rows, used = rows - gone, used - int(freed or 0)
        return most.below(rows, used, _oldest(connection, stamp, newest))


def _audits(connection: Connection, newest: int) -> int:
    """Count the audit entries."""
    known = connection.scalar(select(func.sum(terms.c.entries)).where(terms.c.term == term("kind", "audit")))
    youngest = entries.c.seq >= ends(newest)[0]
    others = connection.scalar(select(func.count()).select_from(entries).where(youngest, not_(_ordinary)))
    return int(known or 0) + int(others or 0)


def _of_block(block: int, *columns: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    return select(*columns).select_from(WITH_BODIES).where(entries.c.seq.between(*ends(block)))


def _expiring(block: int, stamp: int) -> Select[*tuple[Any, ...]]:
    """Select how many ordinary entries of a block expire, and how many bytes that and its bodies give."""
    expired, stripped = past(entries.c.expires_at, stamp), past(entries.c.bodies_expire_at, stamp)
    gone = func.count(case((and_(expired, _ordinary), 1)))
    freed = func.sum(case((expired, LINE + BODY), else_=BODY))
    return _of_block(block, gone, freed).where(or_(expired, stripped))


def _oldest(connection: Connection, stamp: int, newest: int) -> Iterator[tuple[int, int]]:
    """Yield ``seq`` and bytes of the ordinary entries that do not expire, oldest first."""
    stripped = past(entries.c.bodies_expire_at, stamp)
    size = LINE + case((stripped, 0), else_=BODY)
    numbers = connection.scalars(select(blocks.c.block).order_by(blocks.c.block)).all()
    for block in (*numbers, newest):
        kept = _of_block(block, entries.c.seq, size)
        kept = kept.where(_ordinary, not_(past(entries.c.expires_at, stamp))).order_by(entries.c.seq)
        yield from ((seq, length) for seq, length in connection.execute(kept).all())
