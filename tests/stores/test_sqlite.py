"""What holds for the store on SQLite in particular."""

from __future__ import annotations

import random
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select, text

from integration_logger.entry import Entry
from integration_logger.errors import CodecError, ConfigurationError, StoreError
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.sql import SQLStore, blocks, rows, schema, search, sqlite
from tests.factories import make_entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLStore]:
    with closing(SQLStore(f"sqlite:///{path}")) as store:
        store.open()
        yield store


def fill(store: SQLStore, number: int, **overrides: object) -> list[Entry]:
    rng = random.Random(number)
    entries = [make_entry(rng, body_size=10, **overrides) for _ in range(number)]
    store.write(entries)
    return entries


# --- the file -----------------------------------------------------------------------------------------


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    """No other user may read the log, nor the files beside it."""
    with closing(SQLStore(f"sqlite:///{tmp_path}/new/folder/log.db")) as store:
        store.open()
        store.write([make_entry()])
        found = [*(tmp_path / "new/folder").iterdir()]
        assert len(found) == 3
        assert [stat.S_IMODE(file.stat().st_mode) for file in found] == [0o600] * 3


def test_nothing_is_created_before_opening(path: Path) -> None:
    """To name a store touches no file."""
    SQLStore(f"sqlite:///{path}")
    assert not path.exists()


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken from the folder at the time, wherever the process goes later."""
    monkeypatch.chdir(tmp_path)
    with closing(SQLStore("sqlite:///log.db")) as store:
        monkeypatch.chdir("/")
        store.open()
        assert store.info().url == f"sqlite:///{tmp_path}/log.db"
    assert (tmp_path / "log.db").exists()


@pytest.mark.parametrize(
    "url", ["sqlite:", "sqlite://", "sqlite://log.db", "sqlite:///:memory:", "sqlite:///a.db?mode=ro"]
)
def test_a_wrong_url_says_what_to_write(url: str) -> None:
    """The message has the right form."""
    with pytest.raises(ConfigurationError, match=r"sqlite:///file\.db"):
        SQLStore.from_url(url)


def test_a_file_that_is_no_database_is_reported(path: Path) -> None:
    """The data are not to blame: the batch can be written again when the file is right."""
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError) as caught, closing(SQLStore(f"sqlite:///{path}")) as store:
        store.open()
    assert not caught.value.data_error


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    """With the path in the message."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/log\.db"):
        SQLStore(f"sqlite:///{tmp_path}/file/log.db").open()


def test_a_schema_of_the_future_is_left_alone(store: SQLStore, path: Path) -> None:
    """An older package does not write into it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE integration_log_version SET version = 99")
    with pytest.raises(StoreError, match="newer"), closing(SQLStore(f"sqlite:///{path}")) as other:
        other.open()


def test_space_is_given_back(store: SQLStore, path: Path) -> None:
    """The file is smaller after an erasure, not only emptier."""
    store.write([make_entry(body_size=5000) for _ in range(1500)])
    erased = store.erase(Query(scope=EVERYTHING))
    assert erased.bytes_after < erased.bytes_before / 10
    store.close()
    assert path.stat().st_size == erased.bytes_after


def test_a_busy_database_is_reported(store: SQLStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that waits too long is told so, and may try again."""
    monkeypatch.setattr("integration_logger.stores.sql.sqlite.BUSY", 0)
    with closing(SQLStore(f"sqlite:///{path}")) as hasty, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as caught:
            hasty.write([make_entry()])
        assert not caught.value.data_error
        other.rollback()
        hasty.write([make_entry()])


def test_a_file_that_was_removed_is_left(store: SQLStore, path: Path) -> None:
    """Nothing is written into the void: the batch fails, and can be written after the store was opened again."""
    store.write([make_entry()])
    for file in path.parent.iterdir():
        file.unlink()
    with pytest.raises(StoreError) as caught:
        store.write([entry := make_entry()])
    assert not caught.value.data_error
    assert not path.exists()
    store.open()
    store.write([entry])
    assert [found.id for found in store.search(Query(scope=EVERYTHING)).entries] == [entry.id]


def test_what_is_erased_is_not_in_the_file(store: SQLStore, path: Path) -> None:
    """Neither the entry nor a summary of it can be found there."""
    fill(store, 1500)
    fill(store, 1, url="https://x/very-secret-address", user_id="very-secret-user")
    fill(store, 1000)
    assert store.erase(Query.parse([("user_id", "very-secret-user")], EVERYTHING)).entries == 1
    store.close()
    assert b"very-secret" not in path.read_bytes()


# --- summaries ----------------------------------------------------------------------------------------


def test_summaries_follow_every_change(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """After writing, replacing, erasing and stripping they are what they would be if made anew."""
    monkeypatch.setattr(blocks, "BLOCK", 10)
    lost = make_entry(error_type="abandoned", status="failed", status_code=None)
    store.write([lost])
    entries = fill(store, 95, bodies_expire_at=lost.started_at)
    store.write([msgspec.structs.replace(lost, error_type=None)])
    store.erase(Query.parse([("integration", "stripe")], EVERYTHING))
    store.erase(Query(scope=EVERYTHING, cursor=None, till=min(entry.started_at for entry in entries)))
    store.purge(lost.started_at)
    database = store._database
    with database.write() as connection:
        tables = [select(schema.blocks), select(schema.terms)]
        before = [connection.execute(table).all() for table in tables]
        for block in range(9):
            blocks.summarise(database, connection, block)
        assert [connection.execute(table).all() for table in tables] == before


def test_a_label_with_several_values_hides_no_other_entry(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that have two of the values do not make up for one that has none."""
    monkeypatch.setattr(blocks, "BLOCK", 3)
    both = [make_entry(labels={"tag": ["x", "y"]}) for _ in range(2)]
    store.write([*both, other := make_entry(labels={}), *both, make_entry()])
    query = Query.parse([("not.label.tag", "x"), ("not.label.tag", "y"), ("order", "asc")], EVERYTHING)
    assert store.search(query).entries[0].id == other.id


def test_columns_are_the_fields_of_an_entry() -> None:
    """A new field is a column or part of the payload: nothing is forgotten."""
    in_payload = {"traceback", "variables", "redacted"}
    assert {*schema.entries.c.keys()} == {*Entry.__struct_fields__} - in_payload


# --- bounds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_a_search_that_takes_too_long_goes_on_where_it_stopped(
    store: SQLStore, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    """A page that ran out of time says so, and the following ones find everything."""
    monkeypatch.setattr(blocks, "BLOCK", 10)
    monkeypatch.setattr(search, "SECONDS", -1.0)
    wanted = [entry.id for entry in fill(store, 95) if "2" in (entry.url or "").partition("delivery")[2]]
    query = Query.parse([("q", "delivery 2"), ("order", order)], EVERYTHING)
    found: list[str] = []
    pages = 0
    while True:
        page = store.search(query)
        found += [entry.id for entry in page.entries if "2" in (entry.url or "").partition("delivery")[2]]
        pages += 1
        if not page.has_more:
            break
        query = msgspec.structs.replace(query, cursor=page.next_cursor)
    assert pages >= 10
    assert (found if order == "asc" else found[::-1]) == wanted


def test_a_damaged_payload_is_reported(store: SQLStore, path: Path) -> None:
    """Bytes that cannot be read are an error of ours, not of the compressor, and so are those of a newer version."""
    [entry] = fill(store, 1)
    for damage in (b"\x01broken", b"\x63"):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE integration_log_payloads SET data = ?", (damage,))
        with pytest.raises(CodecError):
            store.get(entry.id, EVERYTHING)


def test_an_own_id_is_recognised_in_its_one_spelling() -> None:
    """Other spellings of a UUID are other texts."""
    id = make_entry().id
    assert rows.own_id("transaction_id", id) == rows.id_bytes(id)
    assert rows.own_id("trace_id", id.replace("-", "")) == rows.id_bytes(id)
    assert rows.own_id("transaction_id", id.upper()) is None
    assert rows.own_id("trace_id", id) is None
    assert rows.own_id("trace_id", "x") is None


def test_figures_end_within_their_time(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting that runs out of time has looked at the newest stretch at least, and says that it is not complete."""
    fill(store, 2 * blocks.BLOCK + 10, host="a.example", url="https://a.example/needle", labels={"plan": "free"})
    for pairs in ([("host", "a.example")], [("q", "needle")], [("label.plan", "free")]):
        query = Query.parse(pairs, EVERYTHING)
        for complete, seconds in ((True, 3600), (False, -1.0)):
            monkeypatch.setattr(search, "SECONDS", seconds)
            stats, facets = store.stats(query, 3600), store.facets(query, ["host", "label.plan"])
            counted = sum(bucket.success + bucket.error for bucket in stats.buckets)
            assert (stats.complete, facets.complete) == (complete, complete)
            assert (counted == 2 * blocks.BLOCK + 10) is complete
            assert counted > 0
            assert facets.covered > 0
            assert stats.p50 is not None


def test_reading_has_an_end(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that reads for too long is broken off; the connection serves the next one."""
    endless = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
    monkeypatch.setattr(sqlite, "READ", 0.05)
    for _ in range(2):
        with pytest.raises(StoreError), store._database.read() as connection:
            connection.execute(endless).all()
    monkeypatch.setattr(sqlite, "READ", 30.0)
    fill(store, 3)
    assert len(store.search(Query(scope=EVERYTHING)).entries) == 3
