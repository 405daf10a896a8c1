"""What deleting half of a large log costs those who write and read meanwhile.

Fills a SQLite store, half of it expired, then purges in one process while another writes batches at a steady pace
and a third reads pages. A wait is the whole of ``Store.write`` of a batch, or of ``Store.search`` of a page.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import msgspec

from integration_logger.entry import Entry
from integration_logger.ids import new_id
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.sql import SQLStore
from tests.benchmarks.harness import Options, folder, number, table
from tests.factories import make_entry

ENTRIES = 2_000_000
QUICK_ENTRIES = 200_000
LIMIT = 200.0  # milliseconds that a writer may wait
BATCH = 128  # entries in one transaction of the shipper
PACE = 0.05  # seconds between two batches, and between two pages
BODY = 200  # bytes
FILL = 1000  # entries written at once while the store is filled
QUIET = 5.0  # seconds of writing and reading before the purge, to compare with

NOW = datetime.now(UTC)
CASES: dict[str, Callable[[int, int], bool]] = {
    "the oldest half": lambda place, entries: place < entries // 2,
    "nine of ten older ones": lambda place, entries: place * 9 < entries * 5 and place % 10 > 0,
}
"""Which entries have expired: where all are kept for one period, and where rules keep some longer."""


def run(options: Options) -> None:
    """Print the tables."""
    entries = QUICK_ENTRIES if options.quick else ENTRIES
    purges, waits = [], []
    for name, has_expired in CASES.items():
        with folder() as place:
            store = SQLStore(f"sqlite:///{place / 'log.db'}")
            with closing(store):
                store.open()
                fill(store, entries, has_expired)
                with beside(store) as (before, during):
                    time.sleep(QUIET)
                    before()
                    purges.append([name, *purge(store, place / "log.db")])
                    for who, quiet, busy in during():
                        waits.append([name, who, *spread(quiet), *spread(busy), number(max(busy) / LIMIT)])
    head = ["purged of a store", "entries", "s", "µs/entry", "MB before", "MB after", "file before", "file after"]
    table(f"Purging half of {entries:,} entries", [*head, "pages given back"], purges)
    head = ["purged meanwhile", "who", "ms before", "p99", "longest", "ms during", "p99", "longest", "of the limit"]
    note = f"Batches of {BATCH} and pages of 50, {1 / PACE:.0f} a second each. Limit for a wait: {LIMIT:.0f} ms."
    table("Waits of a writer and a reader", head, waits, note)


def spread(took: list[float]) -> list[str]:
    """Return median, 99th percentile and longest."""
    return [number(median(took)), number(sorted(took)[int(len(took) * 0.99)]), number(max(took))]


def purge(store: SQLStore, path: Path) -> list[str]:
    file, start = disk(path), time.perf_counter()
    purged = store.purge(NOW)
    took = time.perf_counter() - start
    store.close()
    sizes = [purged.bytes_before, purged.bytes_after, file, disk(path)]
    given_back = (purged.bytes_before - purged.bytes_after) // PAGE
    figures = [number(took), number(took / purged.entries * 1e6), *(number(size / 1e6) for size in sizes)]
    return [f"{purged.entries:,}", *figures, f"{given_back:,}"]


PAGE = 8192  # bytes


def disk(path: Path) -> int:
    """Return the bytes of the database and what belongs to it."""
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))


# --- the log ------------------------------------------------------------------------------------------


def fill(store: SQLStore, entries: int, has_expired: Callable[[int, int], bool]) -> None:
    rng = random.Random(1)
    pool = [make_entry(rng, body_size=BODY) for _ in range(4000)]
    for start in range(0, entries, FILL):
        store.write(
            [
                renewed(rng.choice(pool), place - entries, has_expired(place, entries))
                for place in range(start, start + FILL)
            ]
        )


def renewed(entry: Entry, place: int, expired: bool) -> Entry:
    """Return the entry as another call, of ten a second."""
    id, started_at = new_id(), NOW + timedelta(seconds=place / 10)
    expires_at = NOW + timedelta(days=-1 if expired else 30)
    return msgspec.structs.replace(entry, id=id, transaction_id=id, started_at=started_at, expires_at=expires_at)


# --- those beside it ----------------------------------------------------------------------------------

Report = tuple[str, list[float], list[float]]


@contextmanager
def beside(store: SQLStore) -> Iterator[tuple[Callable[[], None], Callable[[], Iterator[Report]]]]:
    """Run a writer and a reader in processes of their own; yield what ends their quiet time, and what ends them."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for step in (write, read):
        mine, theirs = context.Pipe()
        process = context.Process(target=step, args=(store.info().url, theirs), daemon=True)
        process.start()
        mine.recv()
        pipes.append(mine)
        processes.append(process)

    def mark() -> None:
        for pipe in pipes:
            pipe.send("busy")

    def end() -> Iterator[Report]:
        for pipe in pipes:
            pipe.send("end")
        for name, pipe in zip(("writer", "reader"), pipes, strict=True):
            yield name, *pipe.recv()

    try:
        yield mark, end
    finally:
        for process in processes:
            process.terminate()
            process.join()


def write(url: str, pipe: Connection) -> None:
    rng = random.Random(2)
    pool = [make_entry(rng, body_size=BODY) for _ in range(1000)]
    with closing(SQLStore(url)) as store:
        repeat(pipe, lambda: store.write([renewed(entry, 0, False) for entry in rng.choices(pool, k=BATCH)]))


def read(url: str, pipe: Connection) -> None:
    questions = [Query(scope=EVERYTHING), Query.parse([("status_code", "5xx")], EVERYTHING)]
    with closing(SQLStore(url)) as store:
        turns = 0

        def ask() -> None:
            nonlocal turns
            turns += 1
            store.search(questions[turns % 2])

        repeat(pipe, ask)


def repeat(pipe: Connection, step: Callable[[], object]) -> None:
    """Do it at a steady pace, and tell how many milliseconds each took before and after the first message."""
    took: tuple[list[float], list[float]] = ([], [])
    phase = 0
    step()
    pipe.send("ready")
    while True:
        if pipe.poll(PACE):
            pipe.recv()
            phase += 1
            if phase == len(took):
                pipe.send(took)
                return
        start = time.perf_counter()
        step()
        took[phase].append((time.perf_counter() - start) * 1000)


if __name__ == "__main__":
    run(Options())
