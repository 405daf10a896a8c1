"""What a call that goes out costs more with the logger: a mock transport, 1 KiB in and out, sync and async.

``python -m tests.benchmarks.outbound PEER sync|async`` measures a peer in a process of its own (prints JSON).
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import httpx

from integration_logger import IntegrationLogger, Redactor
from tests.benchmarks.harness import Options, alternate, folder, number, table
from tests.benchmarks.host import VARIETY, answers_of
from tests.benchmarks.inprocess import check, paused, ready
from tests.benchmarks.otlp import encoding_provider
from tests.factories import make_body

SIZE: Final = 1024
CALLS: Final = 2000
BATCH: Final = 500
LIMIT, AIM = 30.0, 20.0
"""µs added to a call: at most, and aim."""
BARE: Final = {"sync": 99.0, "async": 116.0}
"""µs of a bare call on the machine that the limits were set for; they are scaled to this one by it."""
PEERS: Final = ("opentelemetry",)
PEER_ROUNDS: Final = 7
URL: Final = "https://api.stripe.com/v1/charges?expand=customer"
SENT: Final = {
    "Content-Type": "application/json", "Authorization": "Bearer 2YotnFZFEjr1zCsicMWpAA8fa3cd01",
    "Idempotency-Key": "order-8f14e45fceea167a", "Stripe-Version": "2026-10-01",
}  # fmt: skip
ANSWERED: Final = {
    "Content-Type": "application/json", "Date": "Sat, 21 Nov 2026 10:00:00 GMT", "Server": "nginx",
    "Request-Id": "req_8f14e45fceea167a", "Cache-Control": "no-cache, no-store", "Stripe-Version": "2026-10-01",
}  # fmt: skip

Calls = Callable[[int], None]
"""Makes so many calls."""


def run(options: Options) -> None:
    """Print the table."""
    rows = []
    for way in ("sync", "async"):
        found = _measured(way, options)
        scale, added = found["bare"] / BARE[way], found["ours"] - found["bare"]
        verdict = "yes, and the aim" if added <= AIM * scale else "yes" if added <= LIMIT * scale else "no"
        limits = number(LIMIT * scale), number(AIM * scale), verdict
        rows.append([f"integration-logger, {way}", number(found["bare"]), f"+{number(added)}", "1.0", *limits])
        for peer in () if options.quick else PEERS:
            rows += _peer(peer, way, added)
    head = ["1 KiB in and out", "bare", "added, wall µs", "of ours", "limit", "aim", "limit met"]
    table(
        "Added to a call that goes out, µs of wall time",
        head,
        rows,
        "httpx over its mock transport, a credential among the headers, redaction and durable spool on, the shipper "
        "paused; medians. Limits are scaled by the bare client here over the one that they were set for. Peers keep no "
        "bodies and send to nobody.",
    )


def _measured(way: str, options: Options) -> dict[str, float]:
    total, redactor = options.scaled(CALLS), ready()
    with asyncio.Runner() as runner, folder() as place:
        return alternate(
            {
                "bare": lambda: timed(calls(way, lambda client: client, runner), total),
                "ours": partial(_ours, place, redactor, way, runner, total),
            },
            options.rounds,
        )


def _ours(place: Path, redactor: Redactor, way: str, runner: asyncio.Runner, total: int) -> float:
    with paused(place, redactor) as log:
        make, writer = calls(way, log.httpx, runner), _warm(log, calls(way, log.httpx, runner))
        return timed(make, total, writer.make_ready)


def _warm(log: IntegrationLogger, make: Calls) -> Any:
    """Make calls until the segment in use has been made ready ahead, as in a process with traffic."""
    writer: Any = log._writer
    while writer._spare is None:
        make(BATCH)
        writer.make_ready()
        check(log)
    writer.seal(older_than=0)
    make(100)
    return writer


def calls(way: str, install: Callable[[Any], Any], runner: asyncio.Runner) -> Calls:
    """Return what makes calls with a client that was installed in this way."""
    answers = answers_of(SIZE)
    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=ANSWERED, content=next(answers)))
    bodies = _bodies()
    if way == "sync":
        client = install(httpx.Client(transport=transport))

        def make(count: int) -> None:
            for _ in range(count):
                client.post(URL, content=next(bodies), headers=SENT)

        return make
    async_client = install(httpx.AsyncClient(transport=transport))

    async def make_async(count: int) -> None:
        for _ in range(count):
            await async_client.post(URL, content=next(bodies), headers=SENT)

    return lambda count: runner.run(make_async(count))


def _bodies() -> Iterator[bytes]:
    rng = random.Random(SIZE)
    return cycle([make_body(rng, SIZE) for _ in range(VARIETY)])


def timed(make: Calls, total: int, chores: Callable[[], object] = lambda: None) -> float:
    """Return the µs of one call; the shipper's chores, which are another thread's, are done outside the clock."""
    make(100)
    elapsed, done = 0.0, 0
    while done < total:
        start = perf_counter()
        make(BATCH)
        elapsed += perf_counter() - start
        done += BATCH
        chores()
    return elapsed / done * 1e6


# --- peers ------------------------------------------------------------------------------------------------


def _peer(name: str, way: str, ours: float) -> list[list[str]]:
    command = [sys.executable, "-m", "tests.benchmarks.outbound", name, way]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{name}: left out, {done.stderr.strip().splitlines()[-1]} (pip install --group bench)")
        return []
    found = json.loads(done.stdout.splitlines()[-1])
    added = found["peer"] - found["bare"]
    return [[f"{name}, {way}", number(found["bare"]), f"+{number(added)}", f"{added / ours:.1f}", "", "", ""]]


def opentelemetry(client: Any) -> Any:
    """OpenTelemetry's instrumentation of httpx: spans without bodies, batched and encoded as OTLP."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    provider = encoding_provider(4 * CALLS)
    HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider)
    return client


def main(name: str, way: str) -> None:
    """Measure one peer and the bare client in turn."""
    with asyncio.Runner() as runner:
        peer = calls(way, globals()[name], runner)
        bare = calls(way, lambda client: client, runner)
        variants = {"peer": lambda: timed(peer, CALLS), "bare": lambda: timed(bare, CALLS)}
        print(json.dumps(alternate(variants, PEER_ROUNDS)))


if __name__ == "__main__":
    main(*sys.argv[1:])
