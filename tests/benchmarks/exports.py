"""What exports do in a second, beside the bare driver, and the memory that they take over that of an idle process."""

from __future__ import annotations

import csv
import io
import multiprocessing
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

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
STORED: Final = [{"outcome": "status"}.get(name, name) for name in PRESETS["standard"]]
FORMATS: Final[dict[str, tuple[str, Callable[[], Format]]]] = {
    "CSV, standard columns": ("columns", lambda: CSV(read_columns("standard"))),
    "CSV, all columns": ("", lambda: CSV(read_columns("all"))),
    "CSV, ROOK's columns": ("", lambda: CSV(read_columns("rook"))),
    "NDJSON with bodies": ("payloads", lambda: NDJSON()),
    "NDJSON without detail": ("", lambda: NDJSON(detail=False)),
    "HAR with bodies": ("payloads", lambda: HAR()),
}


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
    lines = []
    for format, (bare, _) in FORMATS.items():
        found, seconds, written, memory = _alone(_export, url, format)
        beside = ""
        if bare:
            rows, took, *_ = _alone(_bare, url, bare)
            beside = number(rows / took)
        lines.append([format, number(found / seconds), beside, number(written / 1e6), number(memory)])
    head = ["format", "entries/s", "bare driver, rows/s", "MB", "MB of memory over idle"]
    note = "The bare driver fetches the stored columns and writes CSV, or fetches columns and compressed bodies."
    table(f"Exports of {count:,} entries from {name}", head, lines, note)


def _alone(work: Callable[[str, str], Sequence[float]], url: str, what: str) -> Sequence[float]:
    """Do it in a process of its own, whose memory is that of this work alone."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (url, what))


def _export(url: str, name: str) -> tuple[float, float, float, float]:
    with closing(SQLStore(url)) as store:
        store.open()
        store.get("0199c0de-0000-7000-8000-000000000001", EVERYTHING)
        format = FORMATS[name][1]()
        idle, start, written, found = _peak(), time.perf_counter(), 0, 0
        for chunk in export(format, store, Query(scope=EVERYTHING, order="asc")):
            written += len(chunk.data)
            found = chunk.entries
        return found, time.perf_counter() - start, written, _peak() - idle


def _bare(url: str, what: str) -> tuple[float, float, float, float]:
    text = f"SELECT {', '.join(STORED)} FROM {entries.name} ORDER BY seq"
    if what == "payloads":
        text = (
            f"SELECT entries.*, data FROM {entries.name} entries"
            f" LEFT JOIN {payloads.name} payloads ON payloads.seq = entries.seq ORDER BY entries.seq"
        )
    start, written, found = time.perf_counter(), 0, 0
    with _rows(url, text) as rows:
        while some := rows(ROWS):
            found += len(some)
            if what == "columns":
                file = io.StringIO()
                csv.writer(file).writerows(some)
                written += len(file.getvalue().encode())
    return found, time.perf_counter() - start, written, 0


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
