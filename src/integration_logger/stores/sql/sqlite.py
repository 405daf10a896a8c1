"""What the SQL store must know about SQLite: connections, transactions, the next ``seq``, the clock, the file."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, Dialect, Engine, Select, Table, create_engine, event, text
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from integration_logger.errors import ConfigurationError, StoreError
from integration_logger.stores.sql.database import Row
from integration_logger.stores.sql.forks import ForkGate
from integration_logger.stores.sql.schema import entries, metadata

BUSY: Final = 10.0  # seconds to wait for another writer
READ: Final = 30.0  # for all that one transaction reads
_STEPS: Final = 50_000  # of the database's machine between two looks at the clock: about a millisecond
_SHRINK_PAGES: Final = 250  # given back in one transaction, so that writers wait for milliseconds only
_GAP: Final = 0.03  # seconds between two transactions of maintenance: longer than who waits for a lock sleeps
_CHECKPOINT_EVERY: Final = 4  # such transactions: each time costs the next one, whoever begins it, a sync
_CLOCK: Final = text("SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)")
_DATA_ERRORS: Final = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError)


class SQLite:
    """One database file."""

    tables: Sequence[Table] = (*metadata.tables.values(),)
    dialect: Dialect = sqlite_dialect()
    preparing: Sequence[str] = (
        "PRAGMA page_size = 8192",  # a tenth less space and time than 4096 for our rows
        "PRAGMA auto_vacuum = INCREMENTAL",
    )
    finishing: Sequence[str] = ()

    def __init__(self, url: str) -> None:
        self.path = read_path(url)
        self.url = f"sqlite:///{self.path}"
        self._engine = self._new_engine()
        self._writing = self._engine.execution_options(write=True)
        self._gate = ForkGate(self.close)
        self._turns = 0

    def _new_engine(self) -> Engine:
        engine = create_engine("sqlite://", poolclass=QueuePool, creator=self._connect, hide_parameters=True)
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "checkout", self._check_file)
        event.listen(engine, "begin", _begin)
        return engine

    def _connect(self) -> sqlite3.Connection:
        # mode=rw: a file that has been removed is not to come back empty and readable by everybody.
        uri = f"{self.path.as_uri()}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)

    def _prepare(self, connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")  # a crash of the machine may lose the last instant, no more
        connection.execute("PRAGMA cache_size = -16000")  # KiB
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA secure_delete = FAST")  # what is erased is overwritten, not only forgotten
        record.info["file"] = self._file()

    def _check_file(self, _: object, record: ConnectionPoolEntry, __: object) -> None:
        """Leave a file that was removed or replaced: what is written to it is lost."""
        if record.info["file"] != self._file():
            raise DisconnectionError

    def _file(self) -> int | None:
        try:
            return self.path.stat().st_ino
        except OSError:
            return None

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
        """Set what is kept in the file itself; outside a transaction, and the first two before there is a table."""
        with self._gate, _translated(), self._engine.connect() as connection:
            driver = _driver(connection)
            for statement in self.preparing:
                driver.execute(statement)
            _patiently(lambda: driver.execute("PRAGMA journal_mode = WAL"))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees the database as it is now, waits for nobody, and ends within a time."""
        with self._gate, _translated(), self._engine.begin() as connection, _bounded(_driver(connection)):
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is the only one to write."""
        try:
            with self._gate, _translated(), self._writing.begin() as connection:
                yield connection
        except StoreError as error:
            if not error.data_error:
                self.close()  # a connection that was made while the file could not be written stays without the right
            raise

    changing = write

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """A writing transaction of maintenance, after which the others have as much time as it took.

        They poll for the lock: who takes it again at once would starve them.
        """
        with _giving_way():
            with self.write() as connection:
                yield connection
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Move changes from the WAL to the file now and then, or a writer would have to see to that."""
        self._turns += 1
        if self._turns % _CHECKPOINT_EVERY == 0:
            with self._gate, _translated(), self._engine.connect() as connection:
                _driver(connection).execute("PRAGMA wal_checkpoint(PASSIVE)")

    # What runs for every entry goes to the driver as text and tuples: that costs half of SQLAlchemy's way.

    def stored(self, connection: Connection, ids: Sequence[bytes]) -> list[tuple[bytes, int, str | None]]:
        """Return id, ``seq`` and error type of those entries that are stored."""
        marks = ", ".join("?" * len(ids))
        text = f"SELECT id, seq, error_type FROM {entries.name} WHERE id IN ({marks})"  # noqa: S608 - our name
        return _driver(connection).execute(text, ids).fetchall()

    def fetch(self, connection: Connection, statement: Select[Any], values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that takes the values in its order."""
        return self.fetch_text(connection, _text_of(statement), values)

    def fetch_text(self, connection: Connection, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that is written already."""
        return _driver(connection).execute(text, values).fetchall()

    def insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert whole rows."""
        if rows:
            names, rows = _without_empty(table, rows)
            _driver(connection).executemany(_insert_text(table, names), rows)

    def upsert(self, connection: Connection, table: Table, rows: Sequence[Row], add: Sequence[str] = ()) -> None:
        """Insert whole rows or replace those with their key; the columns named in ``add`` are added to."""
        if rows:
            _driver(connection).executemany(_upsert_text(table, tuple(add)), rows)

    def take_seqs(self, connection: Connection, number: int) -> int:
        """Return the next ``seq``: rows that are inserted with numbers from there on count by themselves."""
        return self.last_seq(connection) + 1

    def last_seq(self, connection: Connection) -> int:
        """Return the highest ``seq`` that was ever given."""
        text = "SELECT seq FROM sqlite_sequence WHERE name = ?"
        found = _driver(connection).execute(text, (entries.name,)).fetchone()
        return found[0] if found else 0

    def now(self, connection: Connection) -> int:
        """Return the time of the database in microseconds since 1970."""
        return int(connection.execute(_CLOCK).scalar_one())

    def size(self, connection: Connection) -> int:
        """Return the bytes that the database takes."""
        return _pragma(connection, "page_count") * _pragma(connection, "page_size")

    def used(self, connection: Connection) -> int:
        """Return the bytes of pages that hold something."""
        return self.size(connection) - _pragma(connection, "freelist_count") * _pragma(connection, "page_size")

    def shrink(self) -> None:
        """Give free pages back to the file system, some at a time: a fork waits for one such step at most."""
        before = None
        while (free := self._shrink_some()) and free != before:
            before = free

    def _shrink_some(self) -> int:
        """Give some free pages back; return how many are left."""
        with _giving_way():
            with self._gate, _translated(), self._engine.connect() as connection:
                driver = _driver(connection)
                # executescript: elsewhere the pragma is not stepped through and frees a single page
                driver.executescript(f"PRAGMA incremental_vacuum({_SHRINK_PAGES})")
                free = _free_pages(driver)
            self._checkpoint()
        return free

    def close(self) -> None:
        self._engine.dispose()


def read_path(url: str) -> Path:
    """Return the file that the URL names; a relative one from the folder the process is in now."""
    match = re.fullmatch(r"sqlite:///([^?#]+)", url)
    if not match or match[1] == ":memory:":
        raise ConfigurationError(
            f"{url!r}: write sqlite:///file.db for a relative path, sqlite:////folder/file.db for an absolute one, "
            "or memory: for a store that lives as long as the process"
        )
    return Path(match[1]).absolute()


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


@contextmanager
def _bounded(driver: sqlite3.Connection) -> Iterator[None]:
    ends_at = time.monotonic() + READ
    driver.set_progress_handler(lambda: time.monotonic() > ends_at, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, _STEPS)


def _free_pages(driver: sqlite3.Connection) -> int:
    return int(driver.execute("PRAGMA freelist_count").fetchone()[0])


def _patiently(change: Callable[[], object]) -> None:
    """Do what SQLite refuses at once while another process is at it, instead of waiting as it does elsewhere."""
    deadline = time.monotonic() + BUSY
    while True:
        try:
            change()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@cache
def _text_of(statement: Select[Any]) -> str:
    return str(statement.compile(dialect=SQLite.dialect))


def _without_empty(table: Table, rows: Sequence[Row]) -> tuple[tuple[str, ...], list[Row]]:
    """Leave out the columns that no row has a value for: to bind a null costs the driver more than any value."""
    columns = zip(table.columns.keys(), zip(*rows, strict=True), strict=True)
    filled = {name: values for name, values in columns if any(values) or values.count(None) < len(values)}
    return tuple(filled), [*zip(*filled.values(), strict=True)]


@lru_cache(256)
def _insert_text(table: Table, names: tuple[str, ...]) -> str:
    marks = ", ".join("?" for _ in names)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our names


@cache
def _upsert_text(table: Table, add: tuple[str, ...]) -> str:
    keys = ", ".join(table.primary_key.columns.keys())
    others = [column.name for column in table.columns if not column.primary_key]
    changes = (f"{name} = {f'{table.name}.{name} + ' if name in add else ''}excluded.{name}" for name in others)
    return f"{_insert_text(table, tuple(table.columns.keys()))} ON CONFLICT ({keys}) DO UPDATE SET {', '.join(changes)}"


def _begin(connection: Connection) -> None:
    # A transaction that begins by reading cannot always be turned into a writing one: say it at the start.
    write = connection.get_execution_options().get("write")
    _driver(connection).execute("BEGIN IMMEDIATE" if write else "BEGIN")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


@contextmanager
def _giving_way() -> Iterator[None]:
    start = time.monotonic()
    yield
    time.sleep(max(time.monotonic() - start, _GAP))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the errors of SQLAlchemy and the driver into ours."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(str(error.orig), data_error=isinstance(error.orig, _DATA_ERRORS)) from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreError(str(error), data_error=isinstance(error, _DATA_ERRORS)) from error
