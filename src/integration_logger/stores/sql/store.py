"""The store on SQL databases, put together from its parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, Self

import msgspec
from sqlalchemy import Connection, select

from integration_logger import codec
from integration_logger.entry import Entry, InFlight
from integration_logger.errors import ConfigurationError, StoreError
from integration_logger.query import Query, Scope
from integration_logger.retention import Retention
from integration_logger.stores.base import Facets, Info, Page, Purged, Stats, abandoned, erasable
from integration_logger.stores.bounds import Bounds
from integration_logger.stores.sql import figures, maintain, schema, streaming
from integration_logger.stores.sql.database import Database
from integration_logger.stores.sql.migration import is_current, script, upgrade
from integration_logger.stores.sql.payload import unpack
from integration_logger.stores.sql.rows import from_row, id_bytes, storable
from integration_logger.stores.sql.search import page
from integration_logger.stores.sql.sqlite import SQLite
from integration_logger.stores.sql.state import SQLState
from integration_logger.stores.sql.where import within
from integration_logger.stores.sql.write import add, prepare, prepare_in_flight

_WHOLE: Final = select(schema.entries, schema.payloads.c.data).join(
    schema.payloads, schema.payloads.c.seq == schema.entries.c.seq, isouter=True
)
_UNSTORABLE: Final = (UnicodeError, OverflowError, TypeError, ValueError)


class SQLStore:
    """Keeps entries in tables of its own: ``sqlite:///file.db``, ``postgresql://user:password@host/database``."""

    def __init__(self, url: str) -> None:
        self._database = database_of(url)
        self.state = SQLState(self._database)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Return the store that the URL names; nothing is opened yet."""
        return cls(url)

    def open(self) -> None:
        self._database.create()
        with self._database.read() as connection:
            current = is_current(connection)
        if not current:
            with self._database.changing() as connection:
                upgrade(self._database, connection)

    def close(self) -> None:
        self._database.close()

    def script(self) -> str:
        """Return the SQL that makes the tables in an empty database, for those who let nobody else do that."""
        return script(self._database)

    def write(
        self, entries: Sequence[Entry], *, in_flight: Iterable[InFlight] = (), ended: Collection[str] = ()
    ) -> None:
        begun = [*in_flight]
        if not entries and not begun and not ended:
            return
        try:
            self._write(entries, begun, ended)
        except (*_UNSTORABLE, StoreError) as error:
            if isinstance(error, StoreError) and not error.data_error:
                raise
            self._write_storable(entries, begun, ended)

    def _write_storable(self, entries: Sequence[Entry], begun: Sequence[InFlight], ended: Iterable[str]) -> None:
        whole = [msgspec.structs.replace(row, entry=storable(row.entry)) for row in begun]
        try:
            self._write([*map(storable, entries)], whole, ended)
        except _UNSTORABLE as error:
            raise StoreError(str(error), data_error=True) from error

    def _write(self, entries: Sequence[Entry], begun: Sequence[InFlight], ended: Iterable[str]) -> None:
        batch, rows = [*map(prepare, entries)], [*map(prepare_in_flight, begun)]
        with self._database.write() as connection:
            add(self._database, connection, batch, rows, map(id_bytes, ended))

    def close_abandoned(self, owners: Sequence[str]) -> int:
        left = select(schema.in_flight.c.entry).where(schema.in_flight.c.owner.in_(owners))
        with self._database.write() as connection:
            begun = [*map(codec.decode, connection.scalars(left))]
            add(self._database, connection, [prepare(storable(abandoned(entry))) for entry in begun])
        return len(begun)

    def owners(self) -> list[str]:
        found = select(schema.in_flight.c.owner).distinct().order_by(schema.in_flight.c.owner)
        with self._database.read() as connection:
            return [*connection.scalars(found)]

    def get(self, id: str, scope: Scope) -> Entry | None:
        try:
            key = id_bytes(id)
        except ValueError:
            return None
        with self._database.read() as connection:
            entry = _find(connection, key, scope)
        return entry if entry and scope.admits(entry) else None

    def search(self, query: Query) -> Page:
        with self._database.read() as connection:
            return page(connection, query, self._database.last_seq(connection))

    def stats(self, query: Query, bucket: float) -> Stats:
        with self._database.read() as connection:
            return figures.stats(connection, query, self._database.last_seq(connection), bucket)

    def facets(self, query: Query, fields: Sequence[str]) -> Facets:
        with self._database.read() as connection:
            return figures.facets(connection, query, self._database.last_seq(connection), fields)

    def stream(self, query: Query) -> Iterator[Entry]:
        return chain.from_iterable(self.batches(query))

    def batches(self, query: Query, *, whole: bool = True) -> Iterator[Sequence[Entry]]:
        return streaming.batches(self._database, query, whole=whole)

    def columns(self, query: Query, fields: Sequence[str]) -> Iterator[Sequence[Sequence[Any]]]:
        return streaming.columns(self._database, query, fields)

    def purge(
        self, now: datetime, *, max_rows: int | None = None, max_bytes: int | None = None, dry_run: bool = False
    ) -> Purged:
        return maintain.purge(self._database, now, Bounds(max_rows, max_bytes), dry_run=dry_run)

    def erase(self, query: Query, *, above: int = 0, dry_run: bool = False) -> Purged:
        return maintain.erase(self._database, erasable(query), above, dry_run=dry_run)

    def redate(self, retention: Retention) -> int:
        return maintain.redate(self._database, retention)

    def info(self) -> Info:
        with self._database.read() as connection:
            return figures.info(self._database, connection)


def database_of(url: str) -> Database:
    """Return the database that the URL names; nothing is opened yet."""
    if url.startswith("sqlite:"):
        return SQLite(url)
    try:
        from integration_logger.stores.sql.postgresql import PostgreSQL
    except ImportError:
        raise ConfigurationError("PostgreSQL needs psycopg: pip install 'integration-logger[postgresql]'") from None
    return PostgreSQL(url)


def _find(connection: Connection, id: bytes, scope: Scope) -> Entry | None:
    # bounded here, so that a foreign entry takes as long as none
    if row := connection.execute(_WHOLE.where(schema.entries.c.id == id, *within(scope))).first():
        return unpack(from_row(row[:-1]), row[-1])
    begun: bytes | None = connection.scalar(select(schema.in_flight.c.entry).where(schema.in_flight.c.id == id))
    return None if begun is None else codec.decode(begun)
