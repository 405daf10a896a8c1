"""How fast entries go from the spool into SQLite, and what each step of the way takes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from integration_logger import Retention, codec
from integration_logger.ids import new_id
from integration_logger.segments import SegmentReader, segments
from integration_logger.shipper import Shipper
from integration_logger.spool import MemoryQueue, SpoolWriter
from integration_logger.stores.sql import SQLStore, payload, rows
from tests.benchmarks.harness import Options, alternate, folder, number, table
from tests.factories import make_entry

SIZES: Final = {"1 KiB": 1024, "16 KiB": 16 * 1024}
ENTRIES: Final = {"1 KiB": 50_000, "16 KiB": 10_000}
_SAMPLE: Final = 1000


def run(options: Options) -> None:
    """Print the tables."""
    payloads = {name: _payloads(size) for name, size in SIZES.items()}
    shipped = {name: _ship(found, options.scaled(ENTRIES[name])) for name, found in payloads.items()}
    lines = [
        [name, f"{count:,}", number(count / wall), number(wall / count * 1e6), number(cpu / count * 1e6), number(size)]
        for name, (count, wall, cpu, size) in shipped.items()
    ]
    head = ["bodies", "entries", "entries/s", "µs/entry", "CPU µs/entry", "bytes/entry in SQLite"]
    table("From the spool into SQLite", head, lines, "Two bodies of this size each; one shipper, nothing else running.")
    stages = {name: _stages(found, options) for name, found in payloads.items()}
    steps = next(iter(stages.values()))
    lines = [[step, *(number(found[step]) for found in stages.values())] for step in steps]
    rest = [shipped[name][2] / shipped[name][0] * 1e6 - sum(found.values()) for name, found in stages.items()]
    lines.append(["insert, summaries, commit (the rest)", *map(number, rest)])
    table("CPU µs/entry by step", ["step", *SIZES], lines)


def _payloads(size: int) -> list[bytes]:
    rng = random.Random(size)
    return [codec.encode(make_entry(rng, body_size=size, expires_at=None)) for _ in range(_SAMPLE)]


def _spooled(place: Path, payloads: Sequence[bytes], count: int) -> None:
    """Fill a spool with entries that differ in their ids."""
    writer = SpoolWriter(place, "sqlite:", max_bytes=16 * 1024**3)
    ids = [codec.decode(data).id.encode() for data in payloads]
    for at in range(count):
        data, id = payloads[at % len(payloads)], ids[at % len(payloads)]
        if (dropped := writer.append(data.replace(id, new_id().encode(), 1))) is not None:
            raise RuntimeError(dropped)
    writer.close()


def _ship(payloads: Sequence[bytes], count: int) -> tuple[int, float, float, float]:
    with folder() as place:
        _spooled(place / "spool", payloads, count)
        store = SQLStore(f"sqlite:///{place}/log.db")
        shipper = Shipper(store, Retention(), url="sqlite:", folder=place / "spool", memory=MemoryQueue())
        store.open()
        wall, cpu = perf_counter(), process_time()
        while shipper.ship() or segments(place / "spool"):
            pass
        wall, cpu = perf_counter() - wall, process_time() - cpu
        shipper.close()
        if shipper.counts["shipped"] != count:
            raise RuntimeError(f"{count} entries on the spool, but {shipper.counts}")
        store.close()
        size = sum(path.stat().st_size for path in place.glob("log.db*"))
    return count, wall, cpu, size / count


def _stages(payloads: Sequence[bytes], options: Options) -> dict[str, float]:
    date = Retention().date
    decoded = [codec.decode(data) for data in payloads]
    dated = [*map(date, decoded)]
    with folder() as place:
        _spooled(place, payloads, len(payloads))
        (path, *_) = segments(place)

        def read() -> Any:
            reader = SegmentReader(path)
            taken = 0
            while frames := reader.read(_SAMPLE):
                reader.position = frames[-1].end
                taken += len(frames)
            reader.close()
            return taken

        steps: dict[str, Callable[[], Any]] = {
            "read the spool": read,
            "decode": lambda: [*map(codec.decode, payloads)],
            "date": lambda: [*map(date, decoded)],
            "columns": lambda: [*map(rows.to_row, dated)],
            "payload: encode and compress": lambda: [*map(payload.pack, dated)],
        }
        measures = {name: partial(_cpu, step, len(payloads)) for name, step in steps.items()}
        return alternate(measures, options.rounds)


def _cpu(step: Callable[[], Any], count: int) -> float:
    start = process_time()
    step()
    return (process_time() - start) / count * 1e6
