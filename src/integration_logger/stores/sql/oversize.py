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
from integration_logger.stores.sql.schema import blocks, entries, payloads, terms

OVERHEAD: Final = 250  # bytes of an entry beside texts and payload: numbers, its id in the index, its share of terms
_TEXTS: Final = ("transaction_id", "trace_id", "labels", "errors", "url", "route", "request", "response", "run")

_body: Final[ColumnElement[int]] = func.coalesce(func.length(payloads.c.data), 0)
_line: ColumnElement[Any] = func.coalesce(func.length(entries.c[_TEXTS[0]]), 0)
for _name in _TEXTS[1:]:
    _line = _line + func.coalesce(func.length(entries.c[_name]), 0)
_line = _line + OVERHEAD
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
    """
    with database.read() as connection:
        known, used = info(database, connection), database.used(connection)
        rows = known.entries - _audits(connection, known.newest_seq)
        newest = unfinished(known.newest_seq)
        expiring = [*connection.scalars(select(blocks.c.block).where(due(stamp)))]
    if not most.exceeded(rows, used):
        return 0
    for block in (*expiring, newest):
        with database.read() as connection:
            gone, freed = connection.execute(_expiring(block, stamp)).one()
        rows, used = rows - (gone or 0), used - (freed or 0)
    return most.below(rows, used, _oldest(database, stamp, newest))


def _audits(connection: Connection, last_seq: int) -> int:
    """Count the audit entries."""
    known = connection.scalar(select(func.sum(terms.c.entries)).where(terms.c.term == term("kind", "audit")))
    newest = entries.c.seq >= ends(unfinished(last_seq))[0]
    others = connection.scalar(select(func.count()).select_from(entries).where(newest, not_(_ordinary)))
    return int(known or 0) + int(others or 0)


def _of_block(statement: Select[*tuple[Any, ...]], block: int) -> Select[Any]:
    joined = statement.join_from(entries, payloads, payloads.c.seq == entries.c.seq, isouter=True)
    return joined.where(entries.c.seq.between(*ends(block)))


def _expiring(block: int, stamp: int) -> Select[Any]:
    """Select how many ordinary entries of a block expire, and how many bytes that and its bodies give."""
    expired, stripped = past(entries.c.expires_at, stamp), past(entries.c.bodies_expire_at, stamp)
    gone = func.count(case((and_(expired, _ordinary), 1)))
    freed = func.sum(case((expired, _line + _body), else_=_body))
    return _of_block(select(gone, freed), block).where(or_(expired, stripped))


def _oldest(database: Database, stamp: int, newest: int) -> Iterator[tuple[int, int]]:
    """Yield ``seq`` and bytes of the ordinary entries that do not expire, oldest first."""
    stripped = past(entries.c.bodies_expire_at, stamp)
    size = _line + case((stripped, 0), else_=_body)
    with database.read() as connection:
        numbers = [*connection.scalars(select(blocks.c.block).order_by(blocks.c.block))]
    for block in (*numbers, newest):
        kept = _of_block(select(entries.c.seq, size), block)
        kept = kept.where(_ordinary, not_(past(entries.c.expires_at, stamp))).order_by(entries.c.seq)
        with database.read() as connection:
            found = connection.execute(kept).all()
        yield from ((seq, length) for seq, length in found)
