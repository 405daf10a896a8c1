"""A real server under load: uvicorn with one worker on one core, the load from another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import IO, Any, Final, NamedTuple

from tests.benchmarks.harness import Options, folder, number, table
from tests.benchmarks.load import CONNECTIONS

VARIANTS: Final = {
    "bare": "bare Starlette",
    "unshipped": "ours, shipped later (`ship=None`)",
    "thread": "ours, shipped by its thread",
}


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
def _serving(variant: str, place: Path) -> Iterator[Server]:
    place.mkdir()
    command = [sys.executable, "-m", "tests.benchmarks.server", variant, str(place)]
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


def _load(port: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.load", str(port), str(seconds)]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, text=True, timeout=seconds + 60))
    return found


class _Found(NamedTuple):
    rates: list[float]
    latencies: list[float]
    shipped: list[float]
    cpus: list[float]


def run(options: Options) -> None:
    """Print the table."""
    seconds, rounds = (0.5, 1) if options.quick else (8.0, 5)
    found = {variant: _Found([], [], [], []) for variant in VARIANTS}
    with folder() as place, ExitStack() as stack:
        servers = {variant: stack.enter_context(_serving(variant, place / variant)) for variant in VARIANTS}
        for server in servers.values():
            _load(server.port, seconds / 4)
        for number_of_round in range(rounds):
            for variant in [*VARIANTS] if number_of_round % 2 == 0 else [*reversed(VARIANTS)]:
                _measure(servers[variant], found[variant], seconds, ships=variant == "thread")
    bare = median(found["bare"].rates)
    rows = []
    for variant, name in VARIANTS.items():
        rates, latencies, shipped, cpus = found[variant]
        cuts = quantiles(latencies, n=100)
        row = [name, number(median(rates)), f"{median(rates) / bare:.2f}", f"{cuts[49] * 1e3:.2f}"]
        kept_up = f"{median(shipped):.0%}" if variant == "thread" else ""
        rows.append([*row, f"{cuts[98] * 1e3:.2f}", number(median(cpus)), kept_up])
    cores = (
        f"server on core 0, load on core 1 of {os.cpu_count()}" if hasattr(os, "sched_setaffinity") else "not pinned"
    )
    table(
        "Under load: POST 1 KiB in and out",
        ["uvicorn, one worker", "requests/s", "of bare", "p50 ms", "p99 ms", "CPU µs/request", "shipped meanwhile"],
        rows,
        f"{CONNECTIONS} connections, {rounds} rounds of {seconds:g} s each in turn, medians; {cores}. "
        "CPU includes shipping what was left when the load ended; nothing was lost.",
    )


def _measure(server: Server, found: _Found, seconds: float, *, ships: bool) -> None:
    before = server.ask("flush" if ships else "state")
    load = _load(server.port, seconds)
    meanwhile = server.ask()
    after = server.ask("flush" if ships else "state")
    answers = len(load["latencies"])
    if load["refused"]:
        raise RuntimeError(f"{load['refused']} of {answers} calls were not answered with 200")
    if "captured" in after and (after["captured"] - before["captured"] != answers or after["lost"]):
        raise RuntimeError(f"{answers} calls, but the log says {before} and then {after}")
    found.rates.append(answers / load["seconds"])
    found.latencies.extend(load["latencies"])
    found.cpus.append((after["cpu"] - before["cpu"]) / answers * 1e6)
    if ships:
        found.shipped.append((meanwhile["shipped"] - before["shipped"]) / answers)
