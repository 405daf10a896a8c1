"""What ten tabs that follow the log cost the calls of a host with two sync workers of gunicorn."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, perf_counter, sleep
from typing import Final

import httpx

from tests.benchmarks.harness import Options, folder, number, table
from tests.reliability.processes import Host
from tests.reliability.servers import Log, gunicorn

TABS: Final = 10
CALLERS: Final = 2
RATE: Final = 50.0
"""Calls a second, of all callers together."""
SECONDS: Final = 10.0
ROUNDS: Final = 5
LIMIT: Final = 2.0
"""Of the p99 without tabs."""


def run(options: Options) -> None:
    """Print the table."""
    seconds, rounds = (1.0, 1) if options.quick else (SECONDS, ROUNDS)
    alone: list[float] = []
    watched: list[float] = []
    polls: list[float] = []
    with folder() as place, gunicorn(_log(place), "--workers", "2", "--worker-class", "sync") as host:
        _calls(host, 1.0)
        for _ in range(rounds):
            alone += _calls(host, seconds)
            with _tabs(host, polls):
                watched += _calls(host, seconds)
    rows = [["no tab", *_row(alone), "1.0"], [f"{TABS} tabs", *_row(watched), f"{_p99(watched) / _p99(alone):.1f}"]]
    rows.append(["a question of a tab", *_row(polls), ""])
    note = f"{RATE:.0f} calls a second, each 1 KiB and logged; {rounds} rounds of {seconds:.0f} s in turn, all calls"
    table("Ten tabs on two sync workers", ["", "p50 ms", "p99 ms", "of none"], rows, f"{note}. Limit {LIMIT:.1f}.")


def _log(place: Path) -> Log:
    return Log(place, f"sqlite:///{place}/log.db")


def _p99(found: list[float]) -> float:
    return quantiles(found, n=100)[-1]


def _row(found: list[float]) -> tuple[str, str]:
    return number(median(found) * 1e3), number(_p99(found) * 1e3)


def _calls(host: Host, seconds: float) -> list[float]:
    """Call the host at the pace, from several threads; return how long each call took."""
    found: list[float] = []
    ends_at = monotonic() + seconds

    def call() -> None:
        due = monotonic()
        with httpx.Client(timeout=30) as client:
            while due < ends_at:
                sleep(max(0.0, due - monotonic()))
                began = perf_counter()
                client.post(f"{host.site}/echo", content=b"x" * 1024).raise_for_status()
                found.append(perf_counter() - began)
                due += CALLERS / RATE

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@contextmanager
def _tabs(host: Host, polls: list[float]) -> Iterator[None]:
    """Follow the log as so many open pages do, each as often as the server asks for."""
    ended, opened = threading.Event(), threading.Barrier(TABS + 1)

    def follow() -> None:
        with httpx.Client(timeout=30) as client:
            last, wait = _ask(client, host, "0")  # the whole log, as a page does that opens
            opened.wait()
            while not ended.wait(wait):
                began = perf_counter()
                last, asked = _ask(client, host, last)
                took = perf_counter() - began
                polls.append(took)
                wait = max(0.0, asked - took)

    threads = [threading.Thread(target=follow) for _ in range(TABS)]
    for thread in threads:
        thread.start()
    opened.wait()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _ask(client: httpx.Client, host: Host, last: str) -> tuple[str, float]:
    """Ask for what is new; return where that ends, and after how many seconds to ask again."""
    answer = client.get(f"{host.site}/logs/api/stream", headers={"last-event-id": last}).raise_for_status()
    ids = re.findall(r"^id: (\d+)$", answer.text, re.MULTILINE)
    return ids[-1], int(re.findall(r"^retry: (\d+)$", answer.text, re.MULTILINE)[0]) / 1000
