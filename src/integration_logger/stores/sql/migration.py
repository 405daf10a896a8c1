"""Creating the tables, and the SQL that does it for those who let nobody else."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, inspect, select
from sqlalchemy.schema import CreateTable

from integration_logger.errors import StoreError
from integration_logger.stores.sql.database import Database
from integration_logger.stores.sql.schema import VERSION, version


def is_current(connection: Connection) -> bool:
    """Tell whether the tables are there as this version needs them; raise ``StoreError`` where they are newer."""
    if not inspect(connection).has_table(version.name):
        return False
    found = connection.scalar(select(version.c.version)) or 0
    if found > VERSION:
        raise StoreError(f"written by a newer integration-logger (schema {found}, here {VERSION}): upgrade it")
    return found == VERSION


def upgrade(database: Database, connection: Connection) -> None:
    """Create the tables, unless somebody else has done so by now; those that were emptied are made ready again."""
    if not is_current(connection):
        for statement in _statements(database):
            connection.exec_driver_sql(statement)


def _statements(database: Database) -> Iterator[str]:
    for table in database.tables:
        yield str(CreateTable(table, if_not_exists=True).compile(dialect=database.dialect)).strip()
    yield from database.finishing
    yield f"INSERT INTO {version.name} (version) VALUES ({VERSION})"  # noqa: S608 - our names


def script(database: Database) -> str:
    """Return what ``upgrade`` does to an empty database, as a script for its own shell."""
    lines = [*database.preparing, "BEGIN", *_statements(database), "COMMIT"]
    return "".join(f"{line};\n" for line in lines)
