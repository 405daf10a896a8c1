"""What a SQL store costs: ``python tests/benchmarks/store.py --entries 1000000``, on SQLite or on ``--store URL``.

Writes entries as the shipper does (decoded from frames, in batches), then asks for pages as the log browser does.
Times are medians; CPU is that of the process. A bare table is what SQLite's driver alone takes to write the same
columns and bodies, uncompressed and without any index. What a URL names is purged in the end.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import fmean, median

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2]))

from integration_logger import codec
from integration_logger.entry import Entry
from integration_logger.ids import new_id
from integration_logger.query import ALL, EVERYTHING, Query, Scope
from integration_logger.stores.sql import SQLStore
from tests.benchmarks.harness import Options, folder, machine, number, table
from tests.factories import EPOCH, make_entry

BATCH = 1000  # entries in a transaction; what is on the spool under load
LIMIT = 50.0  # milliseconds that a page may take
CPU_LIMIT = 35.0  # microseconds that an entry may take


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--store", help="URL of a store to use instead, kept but for what is purged in the end")
    parser.add_argument("--batch", type=int, default=BATCH, help="entries in a transaction")
    options = parser.parse_args()
    print(machine())
    with folder() as place:
        measure(options.store or f"sqlite:///{place}/log.db", options.entries, options.batch)


def run(options: Options) -> None:
    """Print the tables."""
    with folder() as place:
        measure(f"sqlite:///{place}/log.db", options.entries, BATCH)


def measure(url: str, entries: int, batch: int) -> None:
    store = SQLStore(url)
    store.open()
    if store.info().entries == 0:
        measure_writing(store, entries, batch)
    measure_reading(store)
    measure_purging(store)
    store.close()


# --- writing ------------------------------------------------------------------------------------------


def measure_writing(store: SQLStore, entries: int, batch: int) -> None:
    bare, lines = measure_bare(), []
    walls: list[float] = []
    cpus: list[float] = []
    shown = {-(-written // batch) for written in (10_000, 100_000, *range(250_000, entries, 250_000), entries)}
    for written, frames in enumerate(batches(entries, batch), 1):
        decoded = [*map(codec.decode, frames)]
        wall, cpu = time.perf_counter(), time.process_time()
        store.write(decoded)
        walls.append((time.perf_counter() - wall) / batch * 1e6)
        cpus.append((time.process_time() - cpu) / batch * 1e6)
        if written in shown:
            figures = (median(walls[-100:]), fmean(cpus[-100:]), median(cpus[-100:]))
            ratios = (figures[-1] / CPU_LIMIT, figures[-1] / bare, store.info().bytes / written / batch)
            lines.append([f"{written * batch:,}", *map(number, figures + ratios)])
    head = ["entries", "µs/entry", "CPU µs/entry, mean", "median", "of the limit", "of a bare table", "bytes/entry"]
    note = f"Batches of {batch}; bodies of 1 KiB + 1 KiB, 12 headers. A bare table takes {bare:.1f} µs CPU."
    name = "SQLite" if store.info().url.startswith("sqlite:") else "PostgreSQL"
    table(f"Writing into {name}", head, lines, note)


def batches(entries: int, batch: int) -> Iterator[list[bytes]]:
    """Yield frames of the spool; made anew from a few thousand bodies, because making them takes longest."""
    rng = random.Random(1)
    pool = [make_entry(rng) for _ in range(4000)]
    for start in range(0, entries, batch):
        yield [codec.encode(renewed(rng, rng.choice(pool), place)) for place in range(start, start + batch)]


def renewed(rng: random.Random, entry: Entry, place: int) -> Entry:
    """Return the entry as another call: 10 a second, a little out of order, as they end."""
    id, started_at = new_id(), EPOCH + timedelta(seconds=place / 10 - rng.random())
    return msgspec.structs.replace(
        entry,
        id=id,
        transaction_id=id,
        trace_id=id.replace("-", "") if rng.random() < 0.8 else f"{rng.getrandbits(128):032x}",
        parent_id=new_id() if rng.random() < 0.1 else None,
        user_id=entry.user_id and str(rng.randrange(100_000)),
        method="PATCH" if place == RARE else entry.method,
        labels=entry.labels | ({"rare": "yes"} if place == RARE else {}),
        duration=250.0 if place == RARE else entry.duration,
        started_at=started_at,
        expires_at=started_at + timedelta(days=30),
    )


RARE = 1234  # the place of the one entry that differs from all others: an old one, found last


def measure_bare() -> float:
    """Return the CPU of the driver's executemany into one table."""
    rng = random.Random(1)
    rows = []
    for entry in (make_entry(rng) for _ in range(BATCH)):
        values = [value for value in msgspec.structs.astuple(entry) if isinstance(value, str | int | float)]
        rows.append((*values[:20], codec.encode(entry)))
    cpus = []
    with folder() as place:
        connection = sqlite3.connect(place / "bare.db")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"CREATE TABLE bare ({', '.join(f'c{column}' for column in range(21))})")
        for _ in range(30):
            cpu = time.process_time()
            connection.executemany(f"INSERT INTO bare VALUES ({', '.join('?' * 21)})", rows)
            connection.commit()
            cpus.append((time.process_time() - cpu) / BATCH * 1e6)
        connection.close()
    return median(cpus)


# --- reading ------------------------------------------------------------------------------------------


def measure_reading(store: SQLStore) -> None:
    info = store.info()
    middle = info.newest_seq // 2
    known = store.search(Query(scope=EVERYTHING, cursor=middle, limit=1)).entries[0]
    lines = []
    for name, query in questions(known, middle, info.newest_seq):
        took, found = timed(lambda query=query: len(store.search(query).entries))
        lines.append([name, found, number(took), number(took / LIMIT)])
    title = f"Pages of {info.entries:,} entries, {info.bytes / 1e6:,.0f} MB"
    table(title, ["asked", "found", "ms", "of the limit"], lines, f"Limit for a page with one filter: {LIMIT:.0f} ms.")
    lines = [[name, *timed(ask, 3)] for name, ask in figures(store)]
    table("Figures", ["asked", "found", "ms"], [[name, found, number(took)] for name, took, found in lines])


def measure_purging(store: SQLStore) -> None:
    """Delete half of the log while another thread writes, and tell how long that one waits."""
    half = EPOCH + timedelta(days=30, seconds=store.info().newest_seq / 20)
    waits: list[float] = []
    ended = threading.Event()

    def write() -> None:
        rng = random.Random(2)
        while not ended.is_set():
            batch = [make_entry(rng) for _ in range(20)]
            start = time.perf_counter()
            store.write(batch)
            waits.append((time.perf_counter() - start) * 1000)

    writer = threading.Thread(target=write)
    writer.start()
    start = time.perf_counter()
    purged = store.purge(half)
    took = time.perf_counter() - start
    ended.set()
    writer.join()
    head = ["purged", "s", "µs/entry", "MB before", "MB after", "median wait of a writer, ms", "longest"]
    sizes = (purged.bytes_before / 1e6, purged.bytes_after / 1e6)
    per_entry = took / max(purged.entries, 1) * 1e6
    row = [f"{purged.entries:,}", *map(number, (took, per_entry, *sizes, median(waits), max(waits)))]
    table("Purging half of it while another thread writes", head, [row])


def questions(known: Entry, middle: int, newest: int) -> Iterator[tuple[str, Query]]:
    everything = Query(scope=EVERYTHING)
    limited = Scope(tenants=frozenset({"customer-7"}), applications=frozenset({"shop"}))
    yield "first page", everything
    yield "next page", msgspec.structs.replace(everything, cursor=newest - 50)
    yield "a page in the middle", msgspec.structs.replace(everything, cursor=middle)
    yield "follower, nothing new", msgspec.structs.replace(everything, cursor=newest, order="asc")
    yield "follower with a filter, nothing new", asked(("status_code", "5xx"), cursor=newest, order="asc")
    yield "one tenant, one application", Query(scope=limited)
    yield "a tenant that there is not", Query(scope=Scope(tenants=frozenset({"nobody"}), applications=ALL))
    yield (
        "since an hour",
        msgspec.structs.replace(everything, since=known.started_at, till=known.started_at + timedelta(hours=1)),
    )
    yield "since next year", msgspec.structs.replace(everything, since=EPOCH + timedelta(days=365))
    for field, *values in FILTERS:
        for value in [*values, str(getattr(known, field, None) or "")]:
            if value:
                yield f"{field}={value}", asked((field, value))
                yield f"not.{field}={value}", asked((f"not.{field}", value))
    for pairs in COMBINED:
        yield " ".join(f"{field}={value}" for field, value in pairs), asked(*pairs)


def asked(*pairs: tuple[str, str], **changes: object) -> Query:
    return msgspec.structs.replace(Query.parse(pairs, EVERYTHING), **changes)


FILTERS = (
    ("kind", "inbound", "run"),
    ("status", "failed", "processing"),
    ("outcome", "success", "error"),
    ("has_errors", "true"),
    ("status_code", "5xx", "404", "503", "none", "200", "418"),
    ("method", "GET", "PATCH", "XYZ"),
    ("tenant", "nobody"),
    ("application", "shop", "nothing"),
    ("integration", "stripe", "nothing"),
    ("operation", "push", "nothing"),
    ("log_type", "events", "nothing"),
    ("user_id", "nobody"),
    ("host", "shop.example.com", "other.example.com"),
    ("route", "/webhooks/stripe", "/nothing"),
    ("error_type", "http_5xx", "timeout"),
    ("parent_id", "0199c0de-0000-7000-8000-000000000001"),
    ("transaction_id", "0199c0de-0000-7000-8000-000000000001"),
    ("trace_id", "0199c0de000070008000000000000001"),
    ("label.environment", "production", "staging"),
    ("label.source_id", "7"),
    ("label.rare", "yes"),
    ("min_duration", "0.2", "100", "1000"),
    ("max_duration", "0.001", "0.000001"),
)
COMBINED = (
    (("integration", "stripe"), ("status_code", "503")),
    (("tenant", "customer-7"), ("outcome", "error"), ("method", "GET")),
    (("method", "PATCH"), ("status_code", "200")),
    (("integration", "stripe"), ("route", "/webhooks/github")),
    (("q", "stripe"),),
    (("q", "delivery=12345678"),),
    (("q", "nothing-like-it"),),
    (("q", "-stripe"),),
)


def figures(store: SQLStore) -> Iterator[tuple[str, Callable[[], int]]]:
    day = Query(scope=EVERYTHING, since=EPOCH + timedelta(hours=12), till=EPOCH + timedelta(hours=36))
    failed = Query.parse([("outcome", "error")], EVERYTHING)
    yield "stats of a day by quarters of an hour", lambda: len(store.stats(day, 900).buckets)
    yield "stats of everything by hours", lambda: len(store.stats(Query(scope=EVERYTHING), 3600).buckets)
    yield "stats of what failed by hours", lambda: len(store.stats(failed, 3600).buckets)
    yield (
        "facets of 6 fields",
        lambda: store.facets(day, ["status_code", "method", "tenant", "route", "host", "kind"]).covered,
    )
    yield "info", lambda: store.info().entries


def timed(ask: Callable[[], int], times: int = 7) -> tuple[float, int]:
    took, found = [], 0
    for _ in range(times):
        start = time.perf_counter()
        found = ask()
        took.append((time.perf_counter() - start) * 1000)
    return median(took), found


if __name__ == "__main__":
    main()
