"""Whatever goes wrong beneath the log: calls are answered as without it, and each is stored once when it is over.

Each fault happens to two hosts at a time, one that ships with a thread and one that ships with a process.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

import pytest

from tests.postgresql import Server, server
from tests.reliability.faults import FAULTS
from tests.reliability.faults.run import Fault, run
from tests.reliability.faults.world import Ship

pytestmark = pytest.mark.reliability

HERE: Final = frozenset((
    "poison", "other shippers", "clock five hours on", "host killed", "child killed", "disk of the spool fills up",
    "spool full", "spool never writable", "spool deleted", "segment of a newer version", "bytes changed, writer alive",
    "segments cut, writer dead", "store locked", "store overwritten", "store deleted",
    "server killed", "server suspended", "tables locked", "database dropped", "other password",
))  # fmt: skip
"""Faults that are tried here, one of each sort; the command ``python -m tests.reliability.faults`` tries them all."""
SECONDS: Final = 2.0
RATE: Final = 100.0
SHIPS: Final[tuple[Ship, ...]] = ("thread", "process")


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Server]]:
    """A server for each of the two hosts, because what is done to it is done to all who use it."""
    with ExitStack() as stack:
        yield [stack.enter_context(server()) for _ in SHIPS]


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    """Two threads for all tests: a server ends with the thread that has started it."""
    with ThreadPoolExecutor(len(SHIPS)) as pool:
        yield pool


def test_faults_are_named_as_they_are() -> None:
    """Every name in the list is that of a fault."""
    assert {fault.name for fault in FAULTS} >= HERE


def assert_survived(fault: Fault, store: str, threads: ThreadPoolExecutor, servers: list[Server] | list[None]) -> None:
    """Have the fault happen to both hosts at once, and look at what came of it."""
    running = [
        threads.submit(run, fault, ship, own, seconds=SECONDS, rate=RATE)
        for ship, own in zip(SHIPS, servers, strict=True)
        if fault.happens_to(store, ship)
    ]
    results = [one.result() for one in running]
    assert [(result.ship, result.wrong) for result in results if result.wrong] == []
    assert all(result.requests > SECONDS * RATE / 4 for result in results)


@pytest.mark.parametrize(
    "fault", [f for f in FAULTS if f.store != "postgresql" and f.name in HERE], ids=lambda fault: fault.name
)
def test_on_sqlite(fault: Fault, threads: ThreadPoolExecutor) -> None:
    """With SQLite a fault changes no answer, and loses and repeats nothing that it has not destroyed itself."""
    assert_survived(fault, "sqlite", threads, [None, None])


@pytest.mark.parametrize(
    "fault",
    [f for f in FAULTS if f.name in HERE and (f.store == "postgresql" or f.name in ("poison", "host killed"))],
    ids=lambda fault: fault.name,
)
def test_on_postgresql(fault: Fault, threads: ThreadPoolExecutor, servers: list[Server]) -> None:
    """With PostgreSQL it is the same; what happens above the store is tried with a few faults only."""
    assert_survived(fault, "postgresql", threads, servers)
