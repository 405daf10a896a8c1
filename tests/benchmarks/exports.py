"""What exports do in a second, beside the bare driver, and the memory that they take over that of an idle process."""

from __future__ import annotations

import csv
import io
import multiprocessing
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from integration_logger import codec
from integration_logger.exports import CSV, HAR, NDJSON, Format, export
from integration_logger.exports.columns import PRESETS, read_columns
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.sql import SQLStore
from integration_logger.stores.sql.schema import entries, payloads
from tests.benchmarks.harness import Options, folder, number, table
from tests.benchmarks.store import batches
from tests.postgresql import server

ROWS: Final = 5000  # that the bare driver fetches at once
MEMORY: Final = 60  # megabytes over an idle process
STORED: Final = [{"outcome": "status"}.get(name, name) for name in PRESETS["standard"]]
FORMATS: Final[dict[str, tuple[str, Callable[[], Format]]]] = {
    "CSV, standard columns": ("columns", lambda: CSV(read_columns("standard"))),
    "CSV, all columns": ("", lambda: CSV(read_columns("all"))),
    "CSV, ROOK's columns": ("", lambda: CSV(read_columns("rook"))),
    "NDJSON with bodies": ("payloads", lambda: NDJSON()),
    "NDJSON without detail": ("", lambda: NDJSON(detail=False)),
    "HAR with bodies": ("payloads", lambda: HAR()),
}
LIMITS: Final = {
    ("SQLite", "CSV, standard columns"): 100_000,
    ("PostgreSQL", "CSV, standard columns"): 60_000,
    ("SQLite", "NDJSON with bodies"): 25_000,
    ("PostgreSQL", "NDJSON with bodies"): 25_000,
}  # of entries a second


class Figures(NamedTuple):
    """What an export, or the bare driver, did."""

    entries: int
    seconds: float
    cpu: float
    megabytes: float
    memory: float
    """Megabytes over that of the idle process, at most."""

    @property
    def rates(self) -> tuple[str, str]:
        """Entries a second, of wall and of CPU time."""
        return number(self.entries / self.seconds), number(self.entries / self.cpu)


def run(options: Options) -> None:
    """Print a table for each database."""
    with folder() as place:
        measure("SQLite", f"sqlite:///{place}/log.db", options.entries)
    with server() as own:
        measure("PostgreSQL", own.url(), options.entries)


def measure(name: str, url: str, count: int) -> None:
    with closing(SQLStore(url)) as store:
        store.open()
        for frames in batches(count, 1000):
            store.write([codec.decode(frame) for frame in frames])
    lines = [_line(name, url, format) for format in FORMATS]
    head = ["format", "entries/s", "per CPU s", "bare driver, rows/s", "per CPU s", "limit", "limit met", "MB"]
    note = (
        "The bare driver fetches the stored columns and writes CSV, or fetches columns and compressed bodies. CPU time"
        f" is that of the process, not of the server. Limit for the memory: {MEMORY}."
    )
    table(f"Exports of {count:,} entries from {name}", [*head, "MB of memory over idle"], lines, note)


def _line(name: str, url: str, format: str) -> list[str]:
    bare = FORMATS[format][0]
    found = _alone(_export, url, format)
    beside = _alone(_bare, url, bare).rates if bare else ("", "")
    limit = LIMITS.get((name, format))
    judged = (f"{limit:,}", "yes" if found.entries / found.seconds >= limit else "no") if limit else ("", "")
    return [format, *found.rates, *beside, *judged, number(found.megabytes), number(found.memory)]


def _alone(work: Callable[[str, str], Figures], url: str, what: str) -> Figures:
    """Do it in a process of its own, whose memory is that of this work alone."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (url, what))


def _export(url: str, name: str) -> Figures:
    with closing(SQLStore(url)) as store:
        store.open()
        store.get("0199c0de-0000-7000-8000-000000000001", EVERYTHING)
        format = FORMATS[name][1]()
        idle, start, cpu, written, found = _peak(), time.perf_counter(), time.process_time(), 0, 0
        for chunk in export(format, store, Query(scope=EVERYTHING, order="asc")):
            written += len(chunk.data)
            found = chunk.entries
        took = time.perf_counter() - start
        return Figures(found, took, time.process_time() - cpu, written / 1e6, _peak() - idle)


def _bare(url: str, what: str) -> Figures:
    text = f"SELECT {', '.join(STORED)} FROM {entries.name} ORDER BY seq"
    if what == "payloads":
        text = (
            f"SELECT entries.*, data FROM {entries.name} entries"
            f" LEFT JOIN {payloads.name} payloads ON payloads.seq = entries.seq ORDER BY entries.seq"
        )
    idle, start, cpu, written, found = _peak(), time.perf_counter(), time.process_time(), 0, 0
    with _rows(url, text) as rows:
        while some := rows(ROWS):
            found += len(some)
            if what == "columns":
                file = io.StringIO()
                csv.writer(file).writerows(some)
                written += len(file.getvalue().encode())
    took = time.perf_counter() - start
    return Figures(found, took, time.process_time() - cpu, written / 1e6, _peak() - idle)


@contextmanager
def _rows(url: str, text: str) -> Iterator[Callable[[int], list[Any]]]:
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            yield connection.execute(text).fetchmany
        return
    with psycopg.connect(url) as connection, connection.cursor("export", binary=True) as cursor:
        cursor.execute(text)
        yield cursor.fetchmany


def _peak() -> float:
    """Return the most memory that this process has had, in megabytes; the figure of resource is that of its parent."""
    with Path("/proc/self/status").open(encoding="utf-8") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3
