"""A real server under load: uvicorn with one worker on one core, the load from another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import IO, Any, Final, NamedTuple

from tests import postgresql
from tests.benchmarks.harness import Options, folder, number, table
from tests.benchmarks.load import CONNECTIONS

VARIANTS: Final = {
    "bare": "bare Starlette",
    "unshipped": "ours, shipped later (`ship=None`)",
    "thread": "ours, shipped by its thread",
    "process": "ours, shipped by a process",
}
PEERS: Final = {
    "opentelemetry": ("OpenTelemetry ASGI, no bodies, nothing stored", "bare", "opentelemetry.instrumentation.asgi"),
    "apitally": ("apitally, nothing stored", "bare", "apitally"),
    "fastapi": ("bare FastAPI", "bare", "fastapi"),
    "radar": ("fastapi-radar, of bare FastAPI", "fastapi", "fastapi_radar"),
}
"""Those that are installed: their name, whom they are compared with, and what is imported."""
PACED: Final = 2000
"""Calls a second of the second table."""


class Server(NamedTuple):
    """A server process and the way to ask it."""

    port: int
    to: IO[str]
    back: IO[str]

    def ask(self, what: str = "state") -> dict[str, float]:
        """Return its figures; ``flush`` has it ship everything before."""
        self.to.write(f"{what}\n")
        self.to.flush()
        found: dict[str, float] = json.loads(self.back.readline())
        return found


@contextmanager
def _serving(variant: str, place: Path, *store: str) -> Iterator[Server]:
    place.mkdir()
    command = [sys.executable, "-m", "tests.benchmarks.server", variant, str(place), *store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Server(int(process.stdout.readline()), process.stdin, process.stdout)
        finally:
            process.stdin.close()
            try:
                process.wait(30)
            finally:
                process.kill()


def _load(port: int, seconds: float, rate: float = 0) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.load", str(port), str(seconds), str(rate)]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, text=True, timeout=seconds + 60))
    return found


class Found(NamedTuple):
    """What the rounds of one variant measured."""

    rates: list[float]
    latencies: list[float]
    cpus: list[float]
    """Of the server process, µs a request, while the load lasted."""
    child_cpus: list[float]
    waited: list[float]
    """Seconds until everything was stored, from the end of the load: no entry had waited for longer."""


def run(options: Options) -> None:
    """Print the tables."""
    peers = {} if options.quick else {name: of[0] for name, of in PEERS.items() if _installed(of[2])}
    variants = VARIANTS | peers
    seconds, rounds = (0.5, 1) if options.quick else (12.0, 5)
    fastest = _measure_all(variants, seconds, rounds)
    rows = [_row(variants, fastest, variant) for variant in variants]
    head = ["uvicorn, one worker", "requests/s", "of bare", "p50 ms", "p99 ms", "CPU µs/request", "of bare "]
    head += ["CPU µs/request of the shipper", "all stored after s"]
    table("Under load: POST 1 KiB in and out", head, rows, _conditions(seconds, rounds))
    shipped = {variant: name for variant, name in VARIANTS.items() if variant != "unshipped"}
    paced = _measure_all(shipped, seconds, rounds, PACED)
    bare = _p99(paced["bare"])
    rows = []
    for variant, name in shipped.items():
        found = paced[variant]
        row = [name, number(median(found.rates)), f"{_p99(found):.2f}", f"{_p99(found) / bare:.2f}"]
        rows.append([*row, number(median(found.cpus)), _waited(found, variant)])
    head = ["uvicorn, one worker", "requests/s", "p99 ms", "of bare", "CPU µs/request", "all stored after s"]
    table(f"Paced at {PACED:,} calls a second", head, rows, _conditions(seconds, rounds))
    _sustained(1.0 if options.quick else 30.0)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def _sustained(seconds: float) -> None:
    """Print what is stored while the load goes on as fast as it can for half a minute."""
    rows = []
    with folder() as place, postgresql.server(durable=True) as server:
        for kind, store in (("SQLite", ()), ("PostgreSQL", (server.url(),))):
            for variant in ("thread", "process"):
                found = Found([], [], [], [], [])
                with _serving(variant, place / f"{variant}-{kind}", *store) as serving:
                    _load(serving.port, min(seconds, 2.0))
                    serving.ask()
                    _measure(serving, found, seconds, 0, stores=True)
                row = [VARIANTS[variant], kind, number(found.rates[0]), number(found.cpus[0])]
                rows.append([*row, number(found.child_cpus[0]), f"{found.waited[0]:.2f}"])
    head = ["uvicorn, one worker", "store", "requests/s", "CPU µs/request"]
    head += ["of the shipping process", "all stored after s"]
    note = f"{seconds:g} s each. No entry had waited for longer than the last column says when the load ended."
    table("Sustained: as fast as it can", head, rows, note)


def _conditions(seconds: float, rounds: int) -> str:
    cores = (
        f"server on core 0, load and shipping process on core 1 of {os.cpu_count()}"
        if hasattr(os, "sched_setaffinity")
        else "not pinned"
    )
    return (
        f"{CONNECTIONS} connections, {rounds} rounds of {seconds:g} s each in turn (peers: one), medians; {cores}. "
        "CPU is that of the server process while the load lasted; no call was lost."
    )


def _row(variants: dict[str, str], found: dict[str, Found], variant: str) -> list[str]:
    own, base = found[variant], found["bare" if variant in VARIANTS else PEERS[variant][1]]
    rate, cpu = median(own.rates), median(own.cpus)
    cuts = quantiles(own.latencies, n=100)
    row = [variants[variant], number(rate), f"{rate / median(base.rates):.2f}", f"{cuts[49] * 1e3:.2f}"]
    row += [f"{cuts[98] * 1e3:.2f}", number(cpu), f"{cpu / median(base.cpus):.2f}"]
    return [*row, number(median(own.child_cpus)) if variant == "process" else "", _waited(own, variant)]


def _waited(found: Found, variant: str) -> str:
    return f"{max(found.waited):.2f}" if variant in ("thread", "process") else ""


def _p99(found: Found) -> float:
    return quantiles(found.latencies, n=100)[98] * 1e3


def _measure_all(variants: Iterable[str], seconds: float, rounds: int, rate: float = 0) -> dict[str, Found]:
    names = [*variants]
    found = {variant: Found([], [], [], [], []) for variant in names}
    with folder() as place, ExitStack() as stack:
        servers = {variant: stack.enter_context(_serving(variant, place / variant)) for variant in names}
        for server in servers.values():
            _load(server.port, min(seconds, 3.0), rate)
            server.ask()
        for number_of_round in range(rounds):
            for variant in names if number_of_round % 2 == 0 else reversed(names):
                if variant in PEERS and number_of_round:
                    continue  # once is enough to see how they compare
                _measure(servers[variant], found[variant], seconds, rate, stores=variant in ("thread", "process"))
    return found


def _measure(server: Server, found: Found, seconds: float, rate: float, *, stores: bool) -> None:
    before = server.ask("flush" if stores else "state")
    load = _load(server.port, seconds, rate)
    meanwhile = server.ask()
    after = server.ask("flush" if stores else "state")
    answers = len(load["latencies"])
    if load["refused"]:
        raise RuntimeError(f"{load['refused']} of {answers} calls were not answered with 200")
    if "captured" in after and (after["captured"] - before["captured"] != answers or after["lost"]):
        raise RuntimeError(f"{answers} calls, but the log says {before} and then {after}")
    if stores and after["stored"] - before["stored"] != answers:
        raise RuntimeError(f"{answers} calls, but the store says {before} and then {after}")
    found.rates.append(answers / load["seconds"])
    found.latencies.extend(load["latencies"])
    found.cpus.append((meanwhile["cpu"] - before["cpu"]) / answers * 1e6)
    found.child_cpus.append((after["child_cpu"] - before["child_cpu"]) / answers * 1e6)
    found.waited.append(after["at"] - load["ended"])  # one clock for all processes of a machine
