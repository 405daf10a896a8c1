"""Pages, streams and figures, each within the transaction of its caller."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, select

from integration_logger import codec
from integration_logger.entry import Entry
from integration_logger.query import Query
from integration_logger.stores.base import MAX_IN_FLIGHT, Page, without_payload
from integration_logger.stores.sql.blocks import ranges
from integration_logger.stores.sql.rows import from_row
from integration_logger.stores.sql.schema import entries, in_flight
from integration_logger.stores.sql.where import is_exact, where

SECONDS: Final = 1.0  # that one page may search, or one figure be counted; what was found by then is returned


class Budget:
    """Time to look at one stretch after the other, the first in any case."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self.spent = False
        """There was no time for another stretch."""

    def within(self, found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield stretches as long as there is time."""
        for place, stretch in enumerate(found):
            if place and time.monotonic() > self._ends_at:
                self.spent = True
                return
            yield stretch


def page(connection: Connection, query: Query, last_seq: int) -> Page:
    """Return one page."""
    found, cursor = collect(connection, query, last_seq, query.limit, seconds=SECONDS)
    first_page = query.cursor is None and query.order == "desc"
    end = last_seq if query.order == "asc" else None
    return Page(
        entries=tuple(found),
        in_flight=tuple(in_flight_matches(connection, query)[:MAX_IN_FLIGHT]) if first_page else (),
        next_cursor=end if cursor is None else cursor,
        has_more=cursor is not None,
    )


def collect(
    connection: Connection,
    query: Query,
    last_seq: int,
    limit: int,
    *,
    seconds: float | None = None,
) -> tuple[list[Entry], int | None]:
    """Return up to ``limit`` matches, and the cursor to continue from, None where nothing is left."""
    deadline = None if seconds is None else time.monotonic() + seconds
    found: list[Entry] = []
    for some, end in stretches(connection, query, last_seq, limit):
        found += some
        if len(found) > limit:
            return found[:limit], found[limit - 1].seq
        if deadline is not None and time.monotonic() > deadline:
            return found, end
    return found, None


def stretches(
    connection: Connection, query: Query, last_seq: int, limit: int | None = None, *, budget: Budget | None = None
) -> Iterator[tuple[list[Entry], int]]:
    """Yield the matches of one stretch of ``seq`` after the other, up to ``limit`` and one of each, and its end."""
    statement, exact = _statement(query, limit), is_exact(query)
    most = None if limit is None else limit + 1
    possible = ranges(connection, query, last_seq)
    for low, high in budget.within(possible) if budget else possible:
        with connection.execute(statement, {"low": low, "high": high}) as rows:
            read = map(from_row, rows)
            found = [*islice(read if exact else filter(query.matches, read), most)]
        yield found, low if query.order == "desc" else high


def _statement(query: Query, limit: int | None) -> Select[Any]:
    order = entries.c.seq.desc() if query.order == "desc" else entries.c.seq.asc()
    within = entries.c.seq.between(bindparam("low"), bindparam("high"))
    statement = select(entries).where(within, *where(query)).order_by(order)
    # Where Query.matches has the last word, a limit could cut matches off.
    return statement.limit(limit + 1) if limit is not None and is_exact(query) else statement


def in_flight_matches(connection: Connection, query: Query) -> list[Entry]:
    """Return the calls in flight that match, the newest first."""
    rows = connection.scalars(select(in_flight.c.entry))
    found = [without_payload(entry) for entry in map(codec.decode, rows) if query.matches(entry)]
    return sorted(found, key=lambda entry: (entry.started_at, entry.id), reverse=True)
