"""``migrate``: tables for those who may make them, and SQL for all others."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from integration_logger.errors import StoreError
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores import open_store, store_from_url
from tests import postgresql
from tests.cli.commands import run
from tests.factories import make_entry


@pytest.fixture
def empty() -> Iterator[str]:
    """The URL of a database without tables."""
    with postgresql.fresh_database("TEMPLATE template1") as url:
        yield url


def test_tables_are_created(empty: str, tmp_path: Path) -> None:
    """It says what is there now, without the password, and doing it again changes nothing."""
    for url in (empty, f"sqlite:///{tmp_path}/log.db"):
        for _ in range(2):
            done = run("migrate", url)
            assert done.exit_code == 0
            assert done.output.endswith(" has the tables of version 1\n")
            assert postgresql.PASSWORD not in done.output
        with closing(store_from_url(url)) as store:
            store.write([make_entry()])


def test_nobody_is_connected_to_for_the_sql() -> None:
    """It can be had before there is a server."""
    done = run("migrate", "--sql", "postgresql://nobody:secret@nowhere.invalid/nothing")
    assert done.exit_code == 0
    assert "CREATE TABLE IF NOT EXISTS integration_log_entries" in done.output
    assert "secret" not in done.output


def test_the_sql_makes_a_file_that_works(tmp_path: Path) -> None:
    """SQLite's shell makes the same file as opening the store does."""
    for name in ("made", "opened"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            if name == "made":
                connection.executescript(run("migrate", "--sql", f"sqlite:///{tmp_path}/made").output)
            else:
                open_store(f"sqlite:///{tmp_path}/opened").close()
    with closing(open_store(f"sqlite:///{tmp_path}/made")) as store:
        store.write([make_entry()])
    shapes = [shape(tmp_path / name) for name in ("made", "opened")]
    assert shapes[0] == shapes[1]


def shape(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        return [tables, *(connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_size", "auto_vacuum"))]


def test_an_application_needs_no_right_to_create(empty: str) -> None:
    """Once somebody has run the SQL and granted access to the tables, a store opens, writes, reads and purges."""
    name = empty.rpartition("/")[2]
    role = f"{name}_application"
    application = empty.replace(f"{postgresql.user_of(empty)}@", f"{role}:pw@")
    postgresql.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw'")
    try:
        with closing(store_from_url(application)) as store:
            with pytest.raises(StoreError, match="permission denied") as caught:
                store.open()
            assert not caught.value.data_error
            script = run("migrate", "--sql", empty).output
            grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"
            subprocess.run(
                [postgresql.psql(), "-q", "-v", "ON_ERROR_STOP=1", empty], input=script + grant, text=True, check=True
            )
            store.open()
            store.write([make_entry()])
            assert store.state.claim("a", 1)
            assert store.erase(Query(scope=EVERYTHING)).entries == 1
            assert store.info().newest_seq == 1
    finally:
        postgresql.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", empty)


def test_a_store_without_tables_is_refused() -> None:
    """There is no SQL for one in memory."""
    done = run("migrate", "--sql", "memory:")
    assert (done.exit_code, "no tables" in done.stderr) == (2, True)
