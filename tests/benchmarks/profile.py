"""Where the microseconds of the request path go: layer by layer in place, then function by function."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from integration_logger import IntegrationLogger
from tests.benchmarks.harness import Options, alternate, folder, number, table
from tests.benchmarks.host import SIZES, incoming, make_app, serve
from tests.benchmarks.inprocess import CALLS, batch_of, paused, ready, timed, timed_with

Change = Callable[[IntegrationLogger], None]


def _record_nothing(log: IntegrationLogger) -> None:
    log.recorder.record = lambda capture: None  # type: ignore[method-assign]


def _keep_nothing(log: IntegrationLogger) -> None:
    log.recorder.spool = _Nowhere()


def _redact_nothing(log: IntegrationLogger) -> None:
    _keep_nothing(log)
    log.recorder.redactor = _Blind()


class _Nowhere:
    def append(self, payload: bytes) -> str | None:
        return None


class _Blind:
    def redact(self, entry: Any, max_body: int) -> Any:
        return entry


LAYERS: Final[dict[str, Change]] = {
    "middleware: wrap receive and send, collect": _record_nothing,
    "recorder: finish the capture, encode": _redact_nothing,
    "redactor": _keep_nothing,
    "spool": lambda log: None,
}


def run(options: Options) -> None:
    """Print the tables."""
    figures = {size: _layers(size, options) for size in SIZES}
    rows = [["bare app", *(number(found["bare"]) for found in figures.values())]]
    former = "bare"
    for layer in LAYERS:
        rows.append([layer, *(f"+{number(found[layer] - found[former])}" for found in figures.values())])
        former = layer
    rows.append(["all of ours", *(f"+{number(found[former] - found['bare'])}" for found in figures.values())])
    note = "Each layer is added to those above it; the shipper is paused, credentials are among the headers."
    table("Where the request path spends its µs", ["layer", *SIZES], rows, note)
    _functions(options)


def _layers(size: str, options: Options) -> dict[str, float]:
    calls, total, batch = incoming(SIZES[size], secret=True), options.scaled(CALLS[size]), batch_of(size)
    redactor, app = ready(), make_app(SIZES[size])
    with asyncio.Runner() as runner, folder() as place:

        def layer(change: Change) -> float:
            with paused(place, redactor) as log:
                return timed_with(log, runner, app, calls, batch, total, change)

        variants = {name: partial(layer, change) for name, change in LAYERS.items()}
        return alternate({"bare": lambda: timed(runner, app, calls, batch, total), **variants}, options.rounds)


def _functions(options: Options) -> None:
    """The profiler makes small functions look dearer than they are: read the order, not the figures."""
    calls, count = incoming(1024, secret=True), options.scaled(10_000)
    with asyncio.Runner() as runner, folder() as place, paused(place, ready()) as log:
        app = log.asgi(make_app(1024))
        runner.run(serve(app, calls, 200))
        profiler = cProfile.Profile()
        profiler.runcall(runner.run, serve(app, calls, count))
    found: Any = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    ours = [(own, times, name) for name, (_, times, own, _, _) in found.items()]
    rows = [
        [_where(name), f"{times / count:.1f}", number(own / count * 1e6)] for own, times, name in sorted(ours)[:-26:-1]
    ]
    table("Functions by their own time, 1 KiB, under a profiler", ["function", "calls", "µs per request"], rows)


def _where(name: tuple[str, int, str]) -> str:
    file, _, function = name
    return f"{Path(file).stem}.{function}" if file != "~" else function.strip("<>")
