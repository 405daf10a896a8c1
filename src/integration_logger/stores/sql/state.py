"""State on the table beside the entries: each change is one transaction, all times are the database's."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select

from integration_logger.stores.sql.database import Database
from integration_logger.stores.sql.schema import state
from integration_logger.stores.state import ABSENT, Absent

_columns: Final = state.c


def _is(sort: str, key: str) -> ColumnElement[bool]:
    return and_(_columns.sort == sort, _columns.key == key)


class SQLState:
    """State in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> bytes | None:
        with self._database.read() as connection:
            return _value(connection, key)

    def put(self, key: str, value: bytes, *, expected: bytes | Absent | None = None) -> bool:
        with self._database.write() as connection:
            if expected is not None and expected != (ABSENT if (now := _value(connection, key)) is None else now):
                return False
            self._database.upsert(connection, state, [("value", key, value, None, None, None)])
            return True

    def delete(self, key: str, *, expected: bytes | None = None) -> None:
        with self._database.write() as connection:
            if expected is None or _value(connection, key) == expected:
                connection.execute(delete(state).where(_is("value", key)))

    def list(self, prefix: str) -> dict[str, bytes]:
        named = func.substr(_columns.key, 1, len(prefix)) == prefix
        found = select(_columns.key, _columns.value).where(_columns.sort == "value", named).order_by(_columns.key)
        with self._database.read() as connection:
            return {row.key: row.value for row in connection.execute(found)}

    def claim(self, key: str, seconds: float) -> bool:
        with self._database.write() as connection:
            now = self._database.now(connection)
            end = connection.scalar(select(_columns.ends_at).where(_is("claim", key)))
            if end is not None and end > now:
                return False
            self._database.upsert(connection, state, [("claim", key, None, None, None, now + round(seconds * 1e6))])
            return True

    def release(self, key: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(state).where(_is("claim", key)))

    def lease(self, key: str, owner: str, seconds: float) -> int | None:
        with self._database.write() as connection:
            now = self._database.now(connection)
            held = select(_columns.owner, _columns.token, _columns.ends_at).where(_is("lease", key))
            holder, token, end = connection.execute(held).one_or_none() or (owner, 1, now)
            if holder != owner and end > now:
                return None
            token += holder != owner
            self._database.upsert(connection, state, [("lease", key, None, owner, token, now + round(seconds * 1e6))])
            return int(token)


def _value(connection: Connection, key: str) -> bytes | None:
    found: bytes | None = connection.scalar(select(_columns.value).where(_is("value", key)))
    return found
