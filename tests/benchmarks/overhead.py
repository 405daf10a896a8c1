"""What the log adds to a request within the process: to its way through the app, and to the process as a whole."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from time import process_time
from typing import Final

from integration_logger import IntegrationLogger
from tests.benchmarks.harness import Options, alternate, folder, number, table
from tests.benchmarks.host import SIZES, Incoming, incoming, make_app, serve
from tests.benchmarks.inprocess import CALLS, batch_of, check, paused, ready, timed, timed_with

BARE: Final = 17.0
"""µs of the bare app at 1 KiB on the machine that the limits were set for; they are scaled to this one by it."""
LIMITS: Final = {"0 B": (12.0, 8.0), "1 KiB": (20.0, 12.0), "16 KiB": (60.0, 35.0), "256 KiB": (200.0, 100.0)}
"""µs added to a request: at most, and aim."""
CPU_LIMITS: Final = {"1 KiB": (75.0, 60.0)}
PEERS: Final = ("opentelemetry", "apitally")


def run(options: Options) -> None:
    """Print the tables."""
    walls = {size: _walls(size, options) for size in SIZES}
    scale = walls["1 KiB"]["bare"] / BARE
    _print("Added to a request, µs of wall time", walls, LIMITS, scale, "The shipper is paused; medians.")
    cpus = {size: _cpus(size, options) for size in SIZES}
    title = "Added to the process, µs of CPU time per request, shipping into SQLite included"
    _print(title, cpus, CPU_LIMITS, scale, "Each round ends when all its entries are in the store; medians.")
    if not options.quick:
        _compare(walls["1 KiB"], cpus["1 KiB"])


def _print(
    title: str,
    figures: dict[str, dict[str, float]],
    limits: dict[str, tuple[float, float]],
    scale: float,
    note: str,
) -> None:
    rows = []
    for size, found in figures.items():
        bare = found["bare"]
        added = {name: value - bare for name, value in found.items() if name != "bare"}
        row = [size, number(bare), *(f"+{number(more)}" for more in added.values())]
        row.append(f"{(bare + added['credentials']) / bare:.1f}")
        if size in limits:
            most, aim = (limit * scale for limit in limits[size])
            row += [number(most), number(aim), _verdict(max(added.values()), most, aim)]
        else:
            row += ["", "", ""]
        rows.append(row)
    names = [name for name in figures["0 B"] if name != "bare"]
    head = ["body in and out", "bare", *names, "of bare", "limit", "aim", "limit met"]
    scaling = f"Limits are scaled by {scale:.2f}, the bare app at 1 KiB here over {BARE:.0f} µs."
    table(title, head, rows, f"{note} 12 headers, redaction and durable spool on. {scaling}")


def _verdict(added: float, most: float, aim: float) -> str:
    return "yes, and the aim" if added <= aim else "yes" if added <= most else "no"


# --- wall time ------------------------------------------------------------------------------------------


def _walls(size: str, options: Options) -> dict[str, float]:
    clean, secret = (incoming(SIZES[size], secret=secret) for secret in (False, True))
    total, batch, redactor, app = options.scaled(CALLS[size]), batch_of(size), ready(), make_app(SIZES[size])
    with asyncio.Runner() as runner, folder() as place:

        def bare(calls: Sequence[Incoming]) -> float:
            return timed(runner, app, calls, batch, total)

        def ours(calls: Sequence[Incoming]) -> float:
            with paused(place, redactor) as log:
                return timed_with(log, runner, app, calls, batch, total)

        variants = {"clean": partial(ours, clean), "credentials": partial(ours, secret), "bare": partial(bare, secret)}
        return alternate(variants, options.rounds)


# --- CPU of the whole process -----------------------------------------------------------------------------


def _cpus(size: str, options: Options) -> dict[str, float]:
    clean, secret = (incoming(SIZES[size], secret=secret) for secret in (False, True))
    total, app = options.scaled(CALLS[size]), make_app(SIZES[size])
    with asyncio.Runner() as runner, folder() as place:
        log = IntegrationLogger(f"sqlite:///{place}/log.db", redact=ready())
        logged = log.asgi(app)

        def bare(calls: Sequence[Incoming]) -> float:
            start = process_time()
            runner.run(serve(app, calls, total))
            return (process_time() - start) / total * 1e6

        def ours(calls: Sequence[Incoming]) -> float:
            start = process_time()
            runner.run(serve(logged, calls, total))
            if not log.flush(60):
                raise RuntimeError(f"not shipped within a minute: {log.health()}")
            check(log)
            return (process_time() - start) / total * 1e6

        ours(secret)
        variants = {"clean": partial(ours, clean), "credentials": partial(ours, secret), "bare": partial(bare, secret)}
        figures = alternate(variants, options.rounds)
        log.close()
    return figures


# --- peers ------------------------------------------------------------------------------------------------


def _compare(walls: dict[str, float], cpus: dict[str, float]) -> None:
    """Measure peers, each in a process of its own: what they import may change what the others cost."""
    wall, cpu = walls["credentials"] - walls["bare"], cpus["credentials"] - cpus["bare"]
    rows = [["integration-logger", number(walls["bare"]), f"+{number(wall)}", f"+{number(cpu)}", "1.0", "1.0"]]
    for name in PEERS:
        command = [sys.executable, "-m", "tests.benchmarks.peers", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"{name}: left out, {done.stderr.strip().splitlines()[-1]} (pip install --group bench)")
            continue
        peer = json.loads(done.stdout.splitlines()[-1])
        more = peer["wall"] - peer["bare"], peer["cpu"] - peer["bare_cpu"]
        ratios = f"{more[0] / wall:.1f}", f"{more[1] / cpu:.1f}"
        rows.append([name, number(peer["bare"]), f"+{number(more[0])}", f"+{number(more[1])}", *ratios])
    head = ["1 KiB in and out", "bare", "added, wall µs", "added, CPU µs", "of ours, wall", "of ours, CPU"]
    table("Beside peers", head, rows, "Ours with credentials among the headers. Peers send to nobody.")
