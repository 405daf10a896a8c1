"""What the SQL store must know about PostgreSQL: transactions, the next ``seq``, the clock, the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from typing import Any, Final, cast
from weakref import WeakSet

import psycopg
from sqlalchemy import Connection, Dialect, Engine, Select, Table, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from integration_logger.errors import StoreError
from integration_logger.forks import in_child
from integration_logger.stores import safe_url
from integration_logger.stores.sql import sessions
from integration_logger.stores.sql.blocks import unfinished
from integration_logger.stores.sql.database import Row
from integration_logger.stores.sql.footprint import estimate
from integration_logger.stores.sql.schema import counter, entries, metadata, payloads
from integration_logger.stores.sql.sessions import Session, connect, give_up_inherited, read_options, store_error

_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE: Final = f"BEGIN; SELECT seq FROM {counter.name} FOR UPDATE"  # noqa: S608 - our name
_CHANGE: Final = "BEGIN; SELECT pg_advisory_xact_lock(7234851095)"
_CLOCK: Final = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
_WORTH_IT: Final = (
    "SELECT relname FROM pg_stat_user_tables"
    " WHERE relname = ANY(%s) AND relid = to_regclass(relname) AND n_dead_tup > 1000 + n_live_tup / 20"
)
_TYPES: Final = {"BIGINT": "int8", "TEXT": "text", "BYTEA": "bytea", "BOOLEAN": "bool", "INTEGER": "int4"}


class PostgreSQL:
    """One database, or one schema of it, on a server."""

    tables: Sequence[Table] = (*metadata.tables.values(), counter)
    dialect: Dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
    preparing: Sequence[str] = ()
    finishing: Sequence[str] = (
        f"INSERT INTO {counter.name} (seq) SELECT coalesce(max(seq), 0) FROM {entries.name}"  # noqa: S608 - our names
        f" HAVING NOT EXISTS (SELECT FROM {counter.name})",
        f"ALTER TABLE {payloads.name} ALTER COLUMN data SET STORAGE EXTERNAL",  # it is compressed already
    )

    def __init__(self, url: str) -> None:
        self.url = safe_url(url)
        self._options = read_options(url)
        self._begin()
        _databases.add(self)

    def _begin(self) -> None:
        self._engine = self._new_engine()
        self._reading, self._writing, self._changing = (
            self._engine.execution_options(begin=text) for text in (_READ, _WRITE, _CHANGE)
        )

    def _new_engine(self) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_pre_ping=True,
            pool_timeout=sessions.LOCK,
            use_native_hstore=False,
            hide_parameters=True,  # the host may log what SQLAlchemy does
        )
        event.listen(engine, "begin", _begin_transaction)
        return engine

    def _connect(self) -> Session:
        return connect(self._options)

    def create(self) -> None:
        """Create nothing, for databases are made by who runs the server; refuse one that cannot hold every text."""
        with self.read() as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise StoreError(f"the database has the encoding {encoding}: make one with ENCODING 'UTF8'")

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with self._translated(), engine.begin() as connection:
            try:
                yield connection
            except psycopg.Error:
                if _driver(connection).closed:
                    connection.invalidate()
                raise

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that sees the database as it is now, and waits for nobody."""
        return self._transaction(self._reading)

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that is the only one to write."""
        return self._transaction(self._writing)

    turn = write  # the server lets those who wait for a lock have it in their order

    def changing(self) -> AbstractContextManager[Connection]:
        """A transaction that is the only one to create or change tables."""
        return self._transaction(self._changing)

    def stored(self, connection: Connection, ids: Sequence[bytes]) -> list[tuple[bytes, int, str | None]]:
        """Return id, ``seq`` and error type of those entries that are stored."""
        text = f"SELECT id, seq, error_type FROM {entries.name} WHERE id = ANY(%b)"  # noqa: S608 - our name
        return _driver(connection).execute(text, (list(ids),)).fetchall()

    def fetch(self, connection: Connection, statement: Select[Any], values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that takes the values in its order."""
        return self.fetch_text(connection, _text_of(statement), values)

    def fetch_text(self, connection: Connection, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that is written already."""
        return _driver(connection).execute(text, values, binary=True).fetchall()

    def insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert whole rows."""
        if rows:
            text, types = _copy_text(table)
            with _driver(connection).cursor().copy(text) as copy:
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)

    def upsert(self, connection: Connection, table: Table, rows: Sequence[Row], add: Sequence[str] = ()) -> None:
        """Insert whole rows or replace those with their key; the columns named in ``add`` are added to."""
        if rows:
            text, keys = _upsert_text(table, tuple(add))
            last = {tuple(row[place] for place in keys): row for row in rows}  # one statement takes a key once
            columns = [[*column] for column in zip(*last.values(), strict=True)]
            _driver(connection).execute(text, columns)

    def take_seqs(self, connection: Connection, number: int) -> int:
        """Return the first of so many ``seq`` numbers, which entries are about to be inserted with."""
        text = f"UPDATE {counter.name} SET seq = seq + %s RETURNING seq"  # noqa: S608 - our name
        found = _driver(connection).execute(text, (number,)).fetchone()
        if found is None:
            raise StoreError(f"the table {counter.name} is empty")
        return int(found[0]) - number + 1

    def last_seq(self, connection: Connection) -> int:
        """Return the highest ``seq`` that was ever given."""
        found = _driver(connection).execute(f"SELECT seq FROM {counter.name}").fetchone()  # noqa: S608 - our name
        return found[0] if found else 0

    def now(self, connection: Connection) -> int:
        """Return the time of the database in microseconds since 1970."""
        return int(connection.exec_driver_sql(_CLOCK).scalar_one())

    def size(self, connection: Connection) -> int:
        """Return the bytes that the tables take."""
        sizes = " + ".join(f"pg_total_relation_size('{table.name}')" for table in self.tables)
        return int(connection.exec_driver_sql(f"SELECT {sizes}").scalar_one())

    def used(self, connection: Connection) -> int:
        """Return an estimate: what was deleted stays in the size of the tables, to be used again."""
        return min(self.size(connection), estimate(connection, unfinished(self.last_seq(connection))))

    def shrink(self) -> None:
        """Have what was freed used again, and given back where a table ends with it; the server does the rest later."""
        with suppress(StoreError), self._translated(), self._engine.connect() as connection:
            driver = _driver(connection)
            for (name,) in driver.execute(_WORTH_IT, ([table.name for table in self.tables],)).fetchall():
                driver.execute(f"VACUUM {name}")

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the errors of SQLAlchemy and the driver into ours, without what they quote."""
        try:
            yield
        except DBAPIError as error:
            raise store_error(cast(Exception, error.orig), self._options) from None
        except (SQLAlchemyError, psycopg.Error) as error:
            raise store_error(error, self._options) from None


def _driver(connection: Connection) -> Session:
    return cast(Session, connection.connection.driver_connection)


def _begin_transaction(connection: Connection) -> None:
    _driver(connection).execute(connection.get_execution_options()["begin"])


@cache
def _text_of(statement: Select[Any]) -> str:
    return str(statement.compile(dialect=PostgreSQL.dialect))


@cache
def _types(table: Table) -> tuple[str, ...]:
    return tuple(_TYPES[str(column.type.compile(PostgreSQL.dialect)).split()[0]] for column in table.columns)


@cache
def _copy_text(table: Table) -> tuple[str, tuple[str, ...]]:
    return f"COPY {table.name} ({', '.join(table.columns.keys())}) FROM STDIN (FORMAT BINARY)", _types(table)


@cache
def _upsert_text(table: Table, add: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    names = table.columns.keys()
    keys = table.primary_key.columns.keys()
    arrays = ", ".join(f"%s::{type}[]" for type in _types(table))
    changes = ", ".join(
        f"{name} = {f'{table.name}.{name} + ' if name in add else ''}excluded.{name}"
        for name in names
        if name not in keys
    )
    text = (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT * FROM unnest({arrays})"  # noqa: S608 - our names
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    )
    return text, tuple(map(names.index, keys))


_databases: WeakSet[PostgreSQL] = WeakSet()


def _after_fork() -> None:
    give_up_inherited()
    for database in [*_databases]:
        database._begin()


in_child(_after_fork)
