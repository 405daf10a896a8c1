"""What entries take in a database, as far as that can be told from the rows."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from integration_logger.stores.sql.blocks import bounds
from integration_logger.stores.sql.schema import blocks, entries, payloads

OVERHEAD: Final = 250  # bytes of an entry beside texts and payload: numbers, its id in the index, its share of terms
_SAMPLE: Final = 16  # blocks that an estimate looks at
_TEXTS: Final = ("transaction_id", "trace_id", "labels", "errors", "url", "route", "request", "response", "run")


def _length(column: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(func.length(column), 0)


def _line() -> ColumnElement[Any]:
    total = _length(entries.c[_TEXTS[0]])
    for name in _TEXTS[1:]:
        total = total + _length(entries.c[name])
    return total + OVERHEAD


LINE: Final = _line()
"""Bytes of an entry without its payload."""
BODY: Final = _length(payloads.c.data)
"""Bytes of its payload."""
WITH_BODIES: Final = entries.outerjoin(payloads, payloads.c.seq == entries.c.seq)


def estimate(connection: Connection, newest: int) -> int:
    """Return the bytes of all entries, judged by some blocks from the first to ``newest``, the unfinished one."""
    summaries = connection.execute(select(blocks.c.block, blocks.c.entries).order_by(blocks.c.block)).all()
    chosen = [block for block, _ in summaries[:: len(summaries) // _SAMPLE + 1]]
    measure = select(func.count(), func.sum(LINE + BODY)).select_from(WITH_BODIES)
    measured = [connection.execute(measure.where(entries.c.seq.between(*bounds(n)))).one() for n in (*chosen, newest)]
    looked_at, size = sum(count for count, _ in measured), sum(found or 0 for _, found in measured)
    rows = sum(number for _, number in summaries) + measured[-1][0]
    return round(int(size) * rows / looked_at) if looked_at else 0
