"""Timing calls through an app within the process, with and without a logger around it."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count as numbers
from pathlib import Path
from time import perf_counter
from typing import Final

from integration_logger import IntegrationLogger, Redactor
from tests.benchmarks.host import SIZES, App, Incoming, serve

CALLS: Final = {"0 B": 3000, "1 KiB": 2400, "16 KiB": 360, "256 KiB": 96}
"""In one round."""
_KEPT: Final = 64 * 1024
_BATCH_BYTES: Final = 2 * 1024 * 1024
"""On the spool between two chores of the shipper; less than what it makes ready ahead."""

_folders = numbers()


def batch_of(size: str) -> int:
    """Return how many calls are timed without a pause."""
    return min(CALLS[size], _BATCH_BYTES // (1000 + 2 * min(SIZES[size], _KEPT)))


def ready() -> Redactor:
    """Return a redactor that has compiled what it looks for."""
    redactor = Redactor()
    redactor.prepare()
    for thread in threading.enumerate():
        if thread.name == "integration-logger-patterns":
            thread.join()
    return redactor


@contextmanager
def paused(place: Path, redactor: Redactor) -> Iterator[IntegrationLogger]:
    """A logger that does not ship; its files are gone afterwards, so that no full disk cache is measured."""
    within = place / str(next(_folders))
    log = IntegrationLogger(f"sqlite:///{within}/log.db", ship=None, redact=redactor)
    try:
        yield log
    finally:
        log.close()
        shutil.rmtree(within)


def timed(runner: asyncio.Runner, app: App, calls: Sequence[Incoming], batch: int, total: int) -> float:
    """Return the µs of one call to an app without a logger."""
    runner.run(serve(app, calls, batch))
    return _per_call(runner, app, calls, batch, total, lambda: None)


def timed_with(
    log: IntegrationLogger,
    runner: asyncio.Runner,
    app: App,
    calls: Sequence[Incoming],
    batch: int,
    total: int,
    change: Callable[[IntegrationLogger], object] = lambda log: None,
) -> float:
    """Return the µs of one call to an app with a logger, to which the change is made once it is warm.

    The shipper's chores, which are another thread's, are done outside the clock.
    """
    app, writer = log.asgi(app), log._writer
    while writer._spare is None:  # as in a process with traffic, the segment in use has been made ready ahead
        runner.run(serve(app, calls, batch))
        writer.make_ready()
        check(log)
    writer.seal(older_than=0)
    runner.run(serve(app, calls, min(batch, 100)))
    change(log)
    return _per_call(runner, app, calls, batch, total, writer.make_ready)


def check(log: IntegrationLogger) -> None:
    """Raise ``RuntimeError`` if a call was not logged as it should be: what fails costs less."""
    health = log.health()
    if health.failed or health.redaction_failed or health.dropped or not (health.captured and health.durable):
        raise RuntimeError(f"what was measured did not work: {health}")


def _per_call(
    runner: asyncio.Runner, app: App, calls: Sequence[Incoming], batch: int, total: int, chores: Callable[[], None]
) -> float:
    elapsed, done = 0.0, 0
    while done < total:
        elapsed += runner.run(_clocked(app, calls, batch))
        done += batch
        chores()
    return elapsed / done * 1e6


async def _clocked(app: App, calls: Sequence[Incoming], count: int) -> float:
    start = perf_counter()
    await serve(app, calls, count)
    return perf_counter() - start
