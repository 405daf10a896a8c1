"""Writes the fixtures of the present versions: ``python -m tests.upgrade.make_fixtures``.

Run it once when ``VERSION`` of the schema or of the codec has grown, before anything is released, and commit what it
writes. Fixtures of earlier versions are never made again.
"""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile

import msgspec
import zstandard

from integration_logger import codec
from integration_logger.entry import KINDS, Entry, InFlight, Run
from integration_logger.filters import Condition
from integration_logger.health import Health, Loss, Report
from integration_logger.ids import new_id
from integration_logger.query import EVERYTHING, Query
from integration_logger.spool.segments import frame
from integration_logger.stores import open_store
from integration_logger.stores.reports import put_report
from integration_logger.stores.sql import schema
from tests.factories import make_entry
from tests.postgresql import fresh_database

FOLDER = Path(__file__).parent / "fixtures"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
OWNER = "01a1f000-0000-7000-8000-000000000001"
WHOLE_LOG = Query(scope=EVERYTHING, order="asc", conditions=(Condition("kind", KINDS),))
PLAIN = 1000
"""Entries without anything, so that a block is finished and has its summary."""


def rich_entries() -> list[Entry]:
    """Return entries that between them have a value in every field."""
    entries = [make_entry(random.Random(number), body_size=300, kind=kind) for number, kind in enumerate(KINDS)]
    run = Run(job_id="702", job_name="Kondado - Blog", row_count=256, has_deltas=False, initial_savepoint={"at": 1})
    entries[KINDS.index("run")] = msgspec.structs.replace(entries[KINDS.index("run")], run=run, log_type="pipeline")
    script = entries[KINDS.index("script")]
    entries[KINDS.index("script")] = msgspec.structs.replace(
        script, variables={"price": 12.5, "größe": ["L", None]}, traceback="Traceback …", errors=("ValueError: ß",),
        bodies_expire_at=script.started_at + timedelta(days=2), parent_id=entries[0].id, attempt=2, phase="connect",
    )  # fmt: skip
    return entries


def plain_entries() -> list[Entry]:
    """Return entries with nothing but what each must have."""
    ids = [new_id() for _ in range(PLAIN)]
    times = [START + timedelta(seconds=number) for number in range(PLAIN)]
    pairs = zip(ids, times, strict=True)
    return [Entry(id=id, kind="inbound", started_at=at, status="completed", transaction_id=id) for id, at in pairs]


def in_flight() -> InFlight:
    """Return a call that has not ended."""
    id = "01a1f000-0000-7000-8000-000000000002"
    begun = Entry(id=id, kind="inbound", started_at=START, status="processing", transaction_id=id, url="/slow")
    return InFlight(owner=OWNER, entry=begun)


def report() -> Report:
    """Return what a process said of itself."""
    loss = Loss(reason="spool full", first=START, last=START, entries=3)
    health = Health(captured=7, dropped={"spool full": 3}, losses=(loss,), problems=("disk full",))
    begun = (in_flight().entry,)
    return Report(owner=OWNER, host="web-1", pid=4711, started_at=START, at=START, health=health, in_flight=begun)


def write_database(url: str) -> None:
    """Fill an empty store."""
    store = open_store(url)
    store.write([*plain_entries(), *rich_entries()], in_flight=[in_flight()])
    put_report(store.state, report())
    assert store.state.lease("owner", "one", 60) == 1
    assert store.state.claim("purge", 60)
    store.close()


def expected(url: str) -> bytes:
    """Return all entries of a store as they are read, in order, as JSON."""
    store = open_store(url)
    found = [codec.to_dict(entry) for entry in store.stream(WHOLE_LOG)]
    store.close()
    return json.dumps(found, ensure_ascii=False).encode()


def main() -> None:
    """Write the fixtures of the present versions."""
    with tempfile.TemporaryDirectory() as place:
        url = f"sqlite:///{place}/log.db"
        write_database(url)
        copy = Path(place, "copy.db")
        copyfile(f"{place}/log.db", copy)
        _keep(f"schema-{schema.VERSION}.sqlite", copy.read_bytes())
        _keep(f"schema-{schema.VERSION}.sqlite.json", expected(url))
    with fresh_database("TEMPLATE template0") as url:
        write_database(url)
        _keep(f"schema-{schema.VERSION}.postgresql.json", expected(url))
        dump = subprocess.check_output(["pg_dump", "--inserts", "--no-owner", "--no-privileges", url], text=True)
        lines = [line for line in dump.splitlines() if not line.startswith(("\\", "--", "SET transaction_timeout"))]
        _keep(f"schema-{schema.VERSION}.postgresql", "\n".join(lines).encode())
    entries = rich_entries()
    payloads = [codec.encode(value) for value in (*entries, report())]
    _keep(f"codec-{codec.VERSION}.seg", b"".join(map(frame, payloads)))
    _keep(f"codec-{codec.VERSION}.json", json.dumps([codec.to_dict(e) for e in entries], ensure_ascii=False).encode())


def _keep(name: str, data: bytes) -> None:
    path = FOLDER / f"{name}.zst"
    path.write_bytes(zstandard.compress(data, 19))
    print(f"{path.name}: {path.stat().st_size:,} bytes")


def read(name: str) -> bytes:
    """Return a fixture."""
    return zstandard.decompress((FOLDER / f"{name}.zst").read_bytes(), max_output_size=64 * 1024**2)


if __name__ == "__main__":
    main()
