"""What the SQL store asks of a database: all that SQLite and PostgreSQL do each in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Dialect, Select, Table

Row = tuple[Any, ...]


class Database(Protocol):
    """One database with its connections. Whatever fails is a ``StoreError``."""

    url: str
    """Without its password."""
    tables: Sequence[Table]
    """What is created in it."""
    dialect: Dialect
    """How SQLAlchemy is to write its statements."""
    preparing: Sequence[str]
    """Statements before the first table is created."""
    finishing: Sequence[str]
    """Statements after the last."""

    def create(self) -> None:
        """Create the database itself, where that is ours to do."""
        ...

    def changing(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that is the only one to create or change tables."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that sees the database as it is now, and waits for nobody."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that is the only one to write."""
        ...

    def turn(self) -> AbstractContextManager[Connection]:
        """Begin a writing transaction of maintenance, which lets others have their turn, too."""
        ...

    def stored(self, connection: Connection, ids: Sequence[bytes]) -> list[tuple[bytes, int, str | None]]:
        """Return id, ``seq`` and error type of those entries that are stored."""
        ...

    def fetch(self, connection: Connection, statement: Select[Any], values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that takes the values in its order."""
        ...

    def fetch_text(self, connection: Connection, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that is written already."""
        ...

    def insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert whole rows."""
        ...

    def upsert(self, connection: Connection, table: Table, rows: Sequence[Row], add: Sequence[str] = ()) -> None:
        """Insert whole rows or replace those with their key; the columns named in ``add`` are added to."""
        ...

    def take_seqs(self, connection: Connection, number: int) -> int:
        """Return the first of so many ``seq`` numbers, which entries are about to be inserted with."""
        ...

    def last_seq(self, connection: Connection) -> int:
        """Return the highest ``seq`` that was ever given."""
        ...

    def now(self, connection: Connection) -> int:
        """Return the time of the database in microseconds since 1970."""
        ...

    def size(self, connection: Connection) -> int:
        """Return the bytes that the log takes."""
        ...

    def used(self, connection: Connection) -> int:
        """Return the bytes of those that hold something: what was freed and can be used again is none of them."""
        ...

    def shrink(self) -> None:
        """Give back what was freed, where that takes more than to delete."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
