"""How fast entries go from the spool into SQLite and PostgreSQL, and what each step of the way takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from integration_logger import IntegrationLogger, Retention, codec
from integration_logger.shipping.shipper import Shipper
from integration_logger.spool.folders import read_manifest
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.segments import SegmentReader, segments
from integration_logger.stores import store_from_url
from integration_logger.stores.base import Store
from integration_logger.stores.sql import payload, rows
from tests import postgresql
from tests.benchmarks.harness import Options, alternate, folder, number, table
from tests.benchmarks.host import SIZES, incoming, make_app, serve

ENTRIES: Final = {"1 KiB": 50_000, "16 KiB": 10_000}
_SAMPLE: Final = 1000


def run(options: Options) -> None:
    """Print the tables."""
    shipped = {}
    for kind in ("SQLite", *(["PostgreSQL"] if find_spec("psycopg") else [])):
        for name, count in ENTRIES.items():
            shipped[kind, name] = _ship(kind, SIZES[name], options.scaled(count))
    lines = [
        [kind, name, f"{count:,}", *map(number, (count / wall, wall / count * 1e6, cpu / count * 1e6, stored))]
        for (kind, name), (count, wall, cpu, stored) in shipped.items()
    ]
    head = ["store", "bodies", "entries", "entries/s", "µs/entry", "CPU µs/entry", "bytes/entry stored"]
    note = "Bodies of this size in and out; one shipper, nothing else runs. CPU is the shipper's, without the server's."
    table("From the spool into the store", head, lines, note)
    stages = {name: _stages(SIZES[name], options) for name in ENTRIES}
    steps = next(iter(stages.values()))
    lines = [[step, *(number(found[step]) for found in stages.values())] for step in steps]
    for kind in dict.fromkeys(kind for kind, _ in shipped):
        rest = [shipped[kind, name][2] / shipped[kind, name][0] * 1e6 - sum(stages[name].values()) for name in stages]
        lines.append([f"insert, summaries, commit: {kind} (the rest)", *map(number, rest)])
    table("CPU µs/entry by step", ["step", *ENTRIES], lines)


def _spool(place: Path, size: int, count: int) -> Path:
    """Record so many calls, and leave them on the spool."""
    log = IntegrationLogger(f"sqlite:///{place}/log.db", ship=None)
    asyncio.run(serve(log.asgi(make_app(size)), incoming(size, secret=True), count))
    health = log.health()
    if health.captured != count:
        raise RuntimeError(f"{count} calls, but {health}")
    log.close()
    return place / "log.db.spool"


def _ship(kind: str, size: int, count: int) -> tuple[int, float, float, float]:
    with folder() as place, _store(kind, place) as store:
        spool = _spool(place, size, count)
        shipper = Shipper(
            store, Retention(), url=read_manifest(spool) or "", folder=spool, memory=MemoryQueue(), owner="bench"
        )
        store.open()
        empty = store.info().bytes
        wall, cpu = perf_counter(), process_time()
        while shipper.ship() or segments(spool):
            pass
        wall, cpu = perf_counter() - wall, process_time() - cpu
        shipper.close()
        if shipper.counts["shipped"] != count:
            raise RuntimeError(f"{count} entries on the spool, but {shipper.counts}")
        stored = store.info().bytes - empty
        store.close()
    return count, wall, cpu, stored / count


@contextmanager
def _store(kind: str, place: Path) -> Iterator[Store]:
    """Yield an empty store; PostgreSQL on a server of its own, with the settings that it comes with."""
    if kind == "SQLite":
        yield store_from_url(f"sqlite:///{place}/log.db")
    else:
        with postgresql.server(durable=True) as server:
            yield store_from_url(server.url())


def _stages(size: int, options: Options) -> dict[str, float]:
    with folder() as place:
        (path, *_) = segments(_spool(place, size, _SAMPLE))
        payloads = _read(path)
        decoded = [codec.decode(data) for data in payloads]
        date = Retention().date
        dated = [*map(date, decoded)]
        steps: dict[str, Callable[[], Any]] = {
            "read the spool": lambda: _read(path),
            "decode": lambda: [*map(codec.decode, payloads)],
            "date": lambda: [*map(date, decoded)],
            "columns": lambda: [*map(rows.to_row, dated)],
            "payload: encode and compress": lambda: [*map(payload.pack, dated)],
        }
        return alternate({name: partial(_cpu, step, len(payloads)) for name, step in steps.items()}, options.rounds)


def _read(path: Path) -> list[bytes]:
    reader, payloads = SegmentReader(path), []
    while frames := reader.read(_SAMPLE):
        reader.position = frames[-1].end
        payloads += [frame.payload for frame in frames if not codec.is_report(frame.payload)]
    reader.close()
    return payloads


def _cpu(step: Callable[[], Any], count: int) -> float:
    start = process_time()
    step()
    return (process_time() - start) / count * 1e6
