"""What an earlier version wrote is read, and gone on with, by this one."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from integration_logger import codec
from integration_logger.ids import new_id
from integration_logger.query import EVERYTHING, Query
from integration_logger.retention import Retention
from integration_logger.shipping.shipper import Shipper
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.reports import all_reports
from integration_logger.stores.sql import schema
from tests.factories import make_entry
from tests.postgresql import execute, fresh_database
from tests.upgrade.make_fixtures import OWNER, START, WHOLE_LOG, in_flight, read, report, rich_entries

SCHEMAS = range(1, schema.VERSION + 1)
CODECS = range(1, codec.VERSION + 1)


@pytest.fixture(params=[(kind, version) for version in SCHEMAS for kind in ("sqlite", "postgresql")], ids=str)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A database as a version left it, and what that version read from it."""
    kind, version = request.param
    found = json.loads(read(f"schema-{version}.{kind}.json"))
    if kind == "sqlite":
        path = tmp_path / "log.db"
        path.write_bytes(read(f"schema-{version}.sqlite"))
        yield f"sqlite:///{path}", found
    else:
        with fresh_database("TEMPLATE template0") as url:
            execute(read(f"schema-{version}.postgresql").decode(), url)
            yield url, found


@pytest.fixture
def store(written: tuple[str, list[dict[str, Any]]]) -> Iterator[Store]:
    opened = open_store(written[0])
    yield opened
    opened.close()


def everything(store: Store) -> list[dict[str, Any]]:
    entries = store.stream(WHOLE_LOG)
    return [json.loads(json.dumps(codec.to_dict(entry))) for entry in entries]


def test_every_entry_is_read_as_it_was_written(store: Store, written: tuple[str, list[dict[str, Any]]]) -> None:
    """Every field of every entry, and every search by its summary, is what it was."""
    _, before = written
    assert [with_what_it_had(now, then) for now, then in zip(everything(store), before, strict=True)] == before
    assert store.info().entries == len(before)
    assert store.info().version == schema.VERSION
    found = store.search(Query.parse([("log_type", "pipeline")], EVERYTHING)).entries
    assert [entry.run is not None and entry.run.row_count for entry in found] == [256]


def with_what_it_had(now: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    """Leave out the fields that came later."""
    return {name: now[name] for name in then}


def test_what_lies_beside_the_entries_is_read(store: Store) -> None:
    """Calls in flight, reports, claims and leases are understood."""
    assert [entry.id for entry in store.search(Query(scope=EVERYTHING)).in_flight] == [in_flight().entry.id]
    assert [told.health for told in all_reports(store.state) if told.owner == OWNER] == [report().health]
    assert store.close_abandoned([OWNER]) == 1


def test_the_log_goes_on(store: Store, written: tuple[str, list[dict[str, Any]]]) -> None:
    """New entries follow the old ones, and old ones are purged and erased with all that was counted of them."""
    _, before = written
    entry = make_entry(expires_at=None)
    store.write([entry])
    [newest] = store.search(Query(scope=EVERYTHING, limit=1)).entries
    assert (newest.id, newest.seq) == (entry.id, before[-1]["seq"] + 1)
    assert store.purge(START + timedelta(days=3650)).entries == sum(entry["expires_at"] is not None for entry in before)
    store.erase(WHOLE_LOG)
    buckets = store.stats(Query(scope=EVERYTHING), 60.0).buckets
    assert sum(bucket.success + bucket.error for bucket in buckets) == 0


def test_the_tables_are_those_of_their_version(tmp_path: Path) -> None:
    """Who changes a table gives the schema a new number, a way to upgrade, and fixtures of its own."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    old.write_bytes(read(f"schema-{schema.VERSION}.sqlite"))
    open_store(f"sqlite:///{new}").close()
    assert tables(old) == tables(new)


def tables(path: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("version", CODECS)
def test_a_segment_is_shipped(tmp_path: Path, version: int) -> None:
    """What an earlier version spooled, entries and reports, arrives whole."""
    (tmp_path / f"{new_id()}.seg").write_bytes(read(f"codec-{version}.seg"))
    store, counts = MemoryStore(), Counter[str]()
    shipper = Shipper(
        store, Retention(), url="memory:", folder=tmp_path, memory=MemoryQueue(), owner="me", counts=counts
    )
    while shipper.ship():
        pass
    shipper.close()
    before = json.loads(read(f"codec-{version}.json"))
    arrived = [with_what_it_had(now, then) for now, then in zip(everything(store), before, strict=True)]
    dated = dict.fromkeys(("seq", "expires_at", "bodies_expire_at"))
    assert [entry | dated for entry in arrived] == [entry | dated for entry in before]
    assert counts["rejected"] == counts["corrupt"] == 0
    assert OWNER in [told.owner for told in all_reports(store.state)]


def test_frames_are_those_of_their_version() -> None:
    """Who changes what is written on the spool gives the codec a new number and a fixture of its own."""
    old = [*payloads(read(f"codec-{codec.VERSION}.seg"))]
    entries = [payload for payload in old if not codec.is_report(payload)]
    assert [codec.encode(codec.decode(payload)) for payload in entries] == entries
    assert len(entries) == len(rich_entries())


def test_reports_only_grow() -> None:
    """Reports are maps: a version may say more than another of the same number, and leaves nothing out."""
    (old,) = filter(codec.is_report, payloads(read(f"codec-{codec.VERSION}.seg")))
    new = codec.encode(codec.decode_report(old))
    then, now = msgspec.msgpack.decode(old), msgspec.msgpack.decode(new)
    assert now | then | {"health": now["health"] | then["health"]} == now
    newer = msgspec.msgpack.encode(now | {"what only a newer one tells": 1})
    assert codec.decode_report(newer) == codec.decode_report(old)


def payloads(data: bytes) -> Iterator[bytes]:
    """Yield the payloads of a segment; the layout is that of ``spool/segments.py``."""
    while data:
        length = int.from_bytes(data[2:6], "big")
        yield data[11 : 11 + length]
        data = data[11 + length :]
