"""Every match, batch by batch: for exports, and for whoever reads a log from end to end.

Each batch is a short transaction of its own that goes on from the ``seq`` of the last. So a reader may be slow, or
stop, without a transaction that keeps the database from tidying up, or that the server ends for being idle.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Integer, Select, bindparam, select

from integration_logger.entry import Entry
from integration_logger.query import Query
from integration_logger.stores.columns import column
from integration_logger.stores.sql.blocks import ranges
from integration_logger.stores.sql.database import Database, Row
from integration_logger.stores.sql.payload import unpack
from integration_logger.stores.sql.rows import column_of, from_row, id_text
from integration_logger.stores.sql.schema import entries, payloads
from integration_logger.stores.sql.where import is_exact, where

SECONDS: Final = 0.25  # after which a batch comes, however little was found
ROWS: Final = 500  # in a batch without payloads: 2000 do not fit beside the processor, and take half as long again
WHOLE: Final = 1000  # read at once with them
FEW: Final = 25  # of those that are unpacked at a time: what is used up at once costs the garbage collector nothing
FIRST: Final = 20  # in the first of those, until it is known how much an entry holds
BYTES: Final = 4 * 1024 * 1024  # of payloads, unpacked, that a batch is to hold

_LISTED: Final = select(entries.c.seq, entries)
_WITH_PAYLOAD: Final = select(entries.c.seq, payloads.c.data, entries).join(
    payloads, payloads.c.seq == entries.c.seq, isouter=True
)


class _Reading:
    """A query on its way through the log."""

    def __init__(self, database: Database, query: Query, selected: Select[Any]) -> None:
        self._database = database
        self._query = query
        order = entries.c.seq.desc() if query.order == "desc" else entries.c.seq.asc()
        within = entries.c.seq.between(bindparam("low"), bindparam("high"))
        statement = selected.where(within, *where(query)).order_by(order).limit(bindparam("most", type_=Integer))
        compiled = statement.compile(dialect=database.dialect)
        written = compiled.construct_expanded_state({"low": 0, "high": 0, "most": 0})
        self._text, self._values, self._places = written.statement, written.parameters, written.positiontup or ()
        self.ended = False

    def next(self, most: int) -> list[Row]:
        """Return the next rows, the ``seq`` first in each; none where nothing was found in time, or nothing is left."""
        with self._database.read() as connection:
            return self._read(connection, most, time.monotonic() + SECONDS)

    def _read(self, connection: Connection, most: int, deadline: float) -> list[Row]:
        found: list[Row] = []
        for low, high in ranges(connection, self._query, self._database.last_seq(connection)):
            room = most - len(found)
            values = {**self._values, "low": low, "high": high, "most": room}
            rows = self._database.fetch_text(connection, self._text, [values[name] for name in self._places])
            found += rows
            if len(rows) == room:
                return self._on_from(rows[-1][0], found)
            if time.monotonic() > deadline:
                return self._on_from(low if self._query.order == "desc" else high, found)
        self.ended = True
        return found

    def _on_from(self, seq: int, found: list[Row]) -> list[Row]:
        self._query = msgspec.structs.replace(self._query, cursor=seq)
        return found


def batches(database: Database, query: Query, *, whole: bool) -> Iterator[Sequence[Entry]]:
    """Yield the entries; as many at a time as memory bears."""
    reading = _Reading(database, query, _WITH_PAYLOAD if whole else _LISTED)
    read, most, exact = (_whole, FIRST, is_exact(query)) if whole else (_listed, ROWS, is_exact(query))
    while not reading.ended:
        rows, size = reading.next(most), 0
        for few in _in_few(rows) if whole else (rows,):
            found = [read(row) for row in few]
            size += _bytes(found)
            yield found if exact else [entry for entry in found if query.matches(entry)]
        if whole and rows:
            most = max(1, min(WHOLE, len(rows) * BYTES // (size + 1)))


def _in_few(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield the rows, some at a time; none once where there are none."""
    for start in range(0, max(len(rows), 1), FEW):
        yield rows[start : start + FEW]


def _listed(row: Row) -> Entry:
    return from_row(row[1:])


def _whole(row: Row) -> Entry:
    return unpack(from_row(row[2:]), row[1])


def _bytes(found: Sequence[Entry]) -> int:
    return sum(len(half.body or b"") for entry in found for half in (entry.request, entry.response) if half)


def columns(database: Database, query: Query, fields: Sequence[str]) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield the values of some fields; no entry is made where the database knows the matches."""
    if not is_exact(query):
        for batch in batches(database, query, whole=False):
            yield [column(batch, field) for field in fields]
        return
    names = [*dict.fromkeys(("seq", "id", *fields))]
    reading = _Reading(database, query, select(*(entries.c[name] for name in names)))
    while not reading.ended:
        rows = reading.next(ROWS)
        found = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
        ids = [id_text(id) for id in found["id"]]
        yield [ids if name == "id" else column_of(name, found[name], ids) for name in fields]
