"""How the command line reads a store: opening, asking, following."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy.engine import make_url

from integration_logger.entry import Entry
from integration_logger.errors import StoreError
from integration_logger.query import EVERYTHING, MAX_LIMIT, Query
from integration_logger.stores import store_from_url
from integration_logger.stores.base import Store

POLL = 0.5
"""Seconds between two looks of ``follow``."""


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite store, None for all others."""
    name = make_url(url).database if url.startswith("sqlite:///") else None
    return Path(name).absolute() if name and name != ":memory:" else None


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """Open a store that exists: a mistyped name must not make an empty one."""
    with closing(store_from_url(url)) as store:
        path = sqlite_file(url)
        if path is not None and not path.is_file():
            raise StoreError(f"there is no file {path}: give the URL that the application writes to")
        store.open()
        yield store


def read_query(text: str, since: str) -> Query:
    """Return what the filters on the command line ask for; ``since`` is a time or an age such as ``15m``."""
    if age := re.fullmatch(r"(\d{1,6})([smhd])", since, re.ASCII):
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[age[2]]
        since = (datetime.now(UTC) - timedelta(**{unit: int(age[1])})).isoformat()
    return Query.parse([("q", text), ("since", since)], EVERYTHING)


def follow(store: Store, query: Query, lines: int) -> Iterator[Entry]:
    """Yield the last so many matches and then each new one, for ever; none is missed and none comes twice."""
    cursor = store.info().newest_seq
    last = store.search(msgspec.structs.replace(query, limit=max(lines, 1))).entries[:lines]
    yield from reversed(last)
    cursor = max([cursor, *(entry.seq or 0 for entry in last)])
    while True:
        page = store.search(msgspec.structs.replace(query, order="asc", cursor=cursor, limit=MAX_LIMIT))
        yield from page.entries
        cursor = page.next_cursor or cursor
        if not page.has_more:
            time.sleep(POLL)
