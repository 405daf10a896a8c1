"""What the SQL store must know about SQLite: connections, transactions, the next ``seq``, the clock, the file."""

from __future__ import annotations

import os
import re
import sqlite3
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, Table, create_engine, event, text
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from integration_logger.errors import ConfigurationError, StoreError
from integration_logger.stores.sql.schema import entries

Row = tuple[Any, ...]

BUSY: Final = 10.0  # seconds to wait for another writer
_SHRINK_PAGES: Final = 1000  # given back in one transaction, so that writers wait for milliseconds only
_CLOCK: Final = text("SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)")
_DATA_ERRORS: Final = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError)


class SQLite:
    """One database file."""

    def __init__(self, url: str) -> None:
        self.path = read_path(url)
        self.url = f"sqlite:///{self.path}"
        self._engine = self._connect()
        _databases.add(self)

    def _connect(self) -> Engine:
        arguments = {"timeout": BUSY, "isolation_level": None, "check_same_thread": False}
        engine = create_engine(f"sqlite:///{self.path}", poolclass=QueuePool, connect_args=arguments)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def create(self) -> None:
        """Create the file where there is none, readable by its owner alone."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT, 0o600))
            self._set_modes()
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error

    def _set_modes(self) -> None:
        """Set what is kept in the file itself; another process that starts at the same time may hold it."""
        deadline = time.monotonic() + BUSY
        while True:
            try:
                with _translated(), self._engine.connect() as connection:
                    # Cursors of the driver: these are set outside a transaction, the first two before any table.
                    driver: Any = connection.connection.driver_connection
                    driver.execute("PRAGMA page_size = 8192")  # a tenth less space and time than 4096 for our rows
                    driver.execute("PRAGMA auto_vacuum = INCREMENTAL")
                    driver.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if time.monotonic() > deadline:
                    raise StoreError(f"{self.path}: {error}") from error
                time.sleep(0.01)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees the database as it is now, and waits for nobody."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is the only one to write."""
        with _translated(), self._engine.execution_options(write=True).begin() as connection:
            yield connection

    # What runs for every entry goes to the driver as text and tuples: that costs half of SQLAlchemy's way.

    def fetch(self, connection: Connection, statement: Select[Any], values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that takes the values in its order."""
        driver: Any = connection.connection.driver_connection
        found: list[tuple[Any, ...]] = driver.execute(_text_of(statement), values).fetchall()
        return found

    def insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert whole rows."""
        if rows:
            connection.exec_driver_sql(_insert_text(table), [*rows])

    def upsert(self, connection: Connection, table: Table, rows: Sequence[Row], add: Sequence[str] = ()) -> None:
        """Insert whole rows or replace those with their key; the columns named in ``add`` are added to."""
        if rows:
            connection.exec_driver_sql(_upsert_text(table, tuple(add)), [*rows])

    def last_seq(self, connection: Connection) -> int:
        """Return the highest ``seq`` that was ever given."""
        found = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (entries.name,))
        return found.scalar() or 0

    def now(self, connection: Connection) -> int:
        """Return the time of the database in microseconds since 1970."""
        return int(connection.execute(_CLOCK).scalar_one())

    def size(self, connection: Connection) -> int:
        """Return the bytes that the database takes."""
        return _pragma(connection, "page_count") * _pragma(connection, "page_size")

    def shrink(self) -> None:
        """Give free pages back to the file system."""
        with _translated(), self._engine.connect() as connection:
            # The driver's executescript: elsewhere the pragma is not stepped through and frees a single page.
            driver: Any = connection.connection.driver_connection
            while driver.execute("PRAGMA freelist_count").fetchone()[0]:
                driver.executescript(f"PRAGMA incremental_vacuum({_SHRINK_PAGES})")
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        self._engine.dispose()

    def forget(self) -> None:
        """Leave the connections of the parent process alone: SQLite's must not be carried across a fork."""
        _inherited.append(self._engine)
        self._engine = self._connect()


def read_path(url: str) -> Path:
    """Return the file that the URL names; a relative one from the folder the process is in now."""
    match = re.fullmatch(r"sqlite:///([^?#]+)", url)
    if not match or match[1] == ":memory:":
        raise ConfigurationError(
            f"{url!r}: write sqlite:///file.db for a relative path, sqlite:////folder/file.db for an absolute one, "
            "or memory: for a store that lives as long as the process"
        )
    return Path(match[1]).absolute()


@cache
def _text_of(statement: Select[Any]) -> str:
    return str(statement.compile(dialect=sqlite_dialect()))


@cache
def _insert_text(table: Table) -> str:
    marks = ", ".join("?" for _ in table.columns)
    return f"INSERT INTO {table.name} ({', '.join(table.columns.keys())}) VALUES ({marks})"  # noqa: S608 - our names


@cache
def _upsert_text(table: Table, add: tuple[str, ...]) -> str:
    keys = ", ".join(table.primary_key.columns.keys())
    others = [column.name for column in table.columns if not column.primary_key]
    changes = (f"{name} = {f'{table.name}.{name} + ' if name in add else ''}excluded.{name}" for name in others)
    return f"{_insert_text(table)} ON CONFLICT ({keys}) DO UPDATE SET {', '.join(changes)}"


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")  # a crash of the machine may lose the last instant, no more
    connection.execute("PRAGMA cache_size = -16000")  # KiB
    connection.execute("PRAGMA journal_size_limit = 67108864")


def _begin(connection: Connection) -> None:
    # A transaction that begins by reading cannot always be turned into a writing one: say it at the start.
    write = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the errors of SQLAlchemy and the driver into ours."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(str(error.orig), data_error=isinstance(error.orig, _DATA_ERRORS)) from error
    except SQLAlchemyError as error:
        raise StoreError(str(error)) from error


_databases: weakref.WeakSet[SQLite] = weakref.WeakSet()
_inherited: list[Engine] = []  # kept on purpose: to collect them would close the parent's connections


def _forget_all() -> None:
    for database in _databases:
        database.forget()


os.register_at_fork(after_in_child=_forget_all)
