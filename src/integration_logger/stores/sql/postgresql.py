"""What the SQL store must know about PostgreSQL: connections, transactions, the next ``seq``, the clock, errors."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit
from weakref import WeakSet

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Dialect, Engine, Select, Table, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from integration_logger.errors import ConfigurationError, StoreError
from integration_logger.forks import in_child
from integration_logger.stores import safe_url
from integration_logger.stores.sql.blocks import unfinished
from integration_logger.stores.sql.database import Row
from integration_logger.stores.sql.footprint import estimate
from integration_logger.stores.sql.schema import counter, entries, metadata, payloads

CONNECT: Final = 5  # seconds to wait for a connection
LOCK: Final = 10  # for another writer
STATEMENT: Final = 30  # for the end of a statement
ANSWER: Final = (
    40  # for any answer at all: a server that was suspended keeps its connections, and no timeout of its own
)
IDLE: Final = 60  # that a transaction may be idle: the process is suspended, and others wait for its lock

_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE: Final = f"BEGIN; SELECT seq FROM {counter.name} FOR UPDATE"  # noqa: S608 - our name
_CHANGE: Final = "BEGIN; SELECT pg_advisory_xact_lock(7234851095)"
_CLOCK: Final = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
_WORTH_IT: Final = (
    "SELECT relname FROM pg_stat_user_tables"
    " WHERE relname = ANY(%s) AND relid = to_regclass(relname) AND n_dead_tup > 1000 + n_live_tup / 20"
)
_TYPES: Final = {"BIGINT": "int8", "TEXT": "text", "BYTEA": "bytea", "BOOLEAN": "bool", "INTEGER": "int4"}

T = TypeVar("T")


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
            pool_timeout=LOCK,
            use_native_hstore=False,
            hide_parameters=True,  # the host may log what SQLAlchemy does
        )
        event.listen(engine, "begin", _begin_transaction)
        return engine

    def _connect(self) -> psycopg.Connection[Any]:
        connection = _Connection.connect(**self._options, autocommit=True, prepare_threshold=None)
        _connections.add(connection)
        connection.execute(
            "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', %s, false)",
            [f"{seconds}s" for seconds in (STATEMENT, LOCK, IDLE)],
        )
        return connection

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
        return _driver(connection).execute(_text_of(statement), values).fetchall()

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
            raise self._error(cast(Exception, error.orig)) from None
        except (SQLAlchemyError, psycopg.Error) as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> StoreError:
        code = error.sqlstate if isinstance(error, psycopg.Error) else None
        if isinstance(error, psycopg.Error) and code is not None:
            refused = code[:2] in _DATA_CLASSES
            # what is refused is quoted: only the kind of error may be told
            text = f"{type(error).__name__} ({code})" if refused else f"{error.diag.message_primary} ({code})"
            return StoreError(text, data_error=refused)
        text = str(error)
        for secret in ("password", "sslpassword"):
            if hidden := self._options.get(secret):
                text = text.replace(hidden, "***")
        return StoreError(text, data_error=isinstance(error, psycopg.DataError))


_DATA_CLASSES: Final = ("22", "23", "54")
"""Of error codes: values that do not fit, that a constraint refuses, that are too large."""


def read_options(url: str) -> dict[str, Any]:
    """Return what the driver takes; the URL is one of libpq's, and may say anything that those can."""
    plain = re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", url)
    try:
        given = conninfo_to_dict(plain)
    except psycopg.Error:
        given = {}
    parts = urlsplit(plain)
    if not given or "@" in parts.path or "@" in str(given.get("host", "")):
        raise ConfigurationError(
            f"{safe_url(url)!r} cannot be read: write postgresql://user:password@host:5432/database, "
            "with %40 for @, %3A for :, %2F for / and %3F for ? in each of the words"
        )
    ours = {
        "connect_timeout": CONNECT,
        "application_name": "integration-logger",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
    return {**ours, **given, "client_encoding": "utf8"}


class _Connection(psycopg.Connection[Any]):
    """A connection that does not wait for ever: one to a suspended server looks as if all were well."""

    def __del__(self, *_: object) -> None:
        """Say nothing: connections of the pool end with the process, and inherited ones are the parent's."""

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:
        return super().wait(self._impatient(gen), *args, **options)

    def _impatient(self, gen: PQGen[T]) -> PQGen[T]:
        deadline = time.monotonic() + ANSWER
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server has not answered for {ANSWER} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            return cast(T, end.value)


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    return cast(psycopg.Connection[Any], connection.connection.driver_connection)


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
_connections: WeakSet[_Connection] = WeakSet()
_inherited: Final[list[_Connection]] = []
"""Connections of the parent, never let go of in its forked children: that would close what they no longer have."""


def _after_fork() -> None:
    """In a forked child: begin anew, and leave its sessions to the parent.

    Their sockets are given up, because a session ends with the last process that has its socket: if the parent were
    killed in a transaction, the locks would outlive it. Nobody is told, and the numbers of the sockets stay taken,
    so that nothing can be written into something else by what still believes in them.
    """
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for connection in [*_connections]:
        _inherited.append(connection)
        with suppress(psycopg.Error):
            os.dup2(null, connection.fileno(), inheritable=False)
    os.close(null)
    _connections.clear()
    for database in [*_databases]:
        database._begin()


in_child(_after_fork)
