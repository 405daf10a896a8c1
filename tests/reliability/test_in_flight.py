"""Calls whose process is killed in their middle: shown while they run, and then as what became of them."""

from __future__ import annotations

import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from integration_logger.entry import Entry
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores import open_store
from tests.deadlines import eventually
from tests.reliability.processes import Host, host, load, shipped, spool

pytestmark = pytest.mark.reliability

SHOWN_WITHIN = 5.0
SLOW = 10


@contextmanager
def slow_calls(running: Host, number: int = SLOW, seconds: float = 60) -> Iterator[list[socket.socket]]:
    """Begin calls that take long, and leave them alone."""
    calls = []
    try:
        for place in range(number):
            call = socket.create_connection(("127.0.0.1", running.port))
            calls.append(call)
            call.sendall(
                b"POST /slow?seconds=%g HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 2\r\n"
                b"x-request-id: slow-%d\r\n\r\n{}" % (seconds, place)
            )
        yield calls
    finally:
        for call in calls:
            call.close()


def answer(call: socket.socket) -> bytes:
    """Read a whole answer; its first part may arrive before the entry is on the spool."""
    found = b""
    while not found.endswith(b"}"):
        found += call.recv(65536)
    return found


class Log:
    """What a reader of the log sees."""

    def __init__(self, folder: Path) -> None:
        self._url = f"sqlite:///{folder}/log.db"

    def in_flight(self) -> list[Entry]:
        with closing(open_store(self._url)) as store:
            return [*store.search(Query(scope=EVERYTHING)).in_flight]

    def ended(self) -> list[Entry]:
        with closing(open_store(self._url)) as store:
            return [*store.stream(Query(scope=EVERYTHING, order="asc"))]

    def abandoned(self) -> list[Entry]:
        return [entry for entry in self.ended() if entry.error_type == "abandoned"]


def assert_abandoned(folder: Path, in_time: float) -> None:
    """All slow calls, and no others, are shown as abandoned soon, and none is in flight."""
    log = Log(folder)
    eventually(lambda: len(log.abandoned()) == SLOW, seconds=in_time)
    assert log.in_flight() == []
    for entry in log.abandoned():
        assert (entry.status, entry.outcome, entry.status_code) == ("failed", "error", None)
        assert entry.url is not None
        assert "/slow" in entry.url


def test_one_of_two_workers_is_killed_with_ten_slow_calls(tmp_path: Path) -> None:
    """Within five seconds the other worker has them shown as failed, abandoned; its own go on."""
    log = Log(tmp_path)
    with host(tmp_path) as survivor, host(tmp_path) as killed, slow_calls(killed), slow_calls(survivor, 1, seconds=8):
        eventually(lambda: len(log.in_flight()) == SLOW + 1)
        killed.send(signal.SIGKILL)
        killed.process.wait()
        eventually(lambda: len(log.abandoned()) == SLOW, seconds=SHOWN_WITHIN)
        assert len(log.in_flight()) == 1
        eventually(lambda: len(log.ended()) == SLOW + 1, seconds=20)
    assert [entry.status_code for entry in log.ended() if entry.error_type is None] == [200]


def test_the_only_worker_is_killed_and_its_child_ships(tmp_path: Path) -> None:
    """A child that ships outlives the kill of its parent: within five seconds it has closed what was in flight."""
    with host(tmp_path, "process") as running, slow_calls(running):
        eventually(lambda: len(Log(tmp_path).in_flight()) == SLOW)
        running.send(signal.SIGKILL)
        running.process.wait()
        assert_abandoned(tmp_path, SHOWN_WITHIN)


def test_the_next_process_closes_what_the_only_one_left(tmp_path: Path) -> None:
    """Where nobody was left to see the death, the next host on the log closes the calls as soon as it starts."""
    with host(tmp_path) as running, slow_calls(running):
        eventually(lambda: len(Log(tmp_path).in_flight()) == SLOW)
        running.send(signal.SIGKILL)
        running.process.wait()
    assert len(Log(tmp_path).in_flight()) == SLOW
    with host(tmp_path):
        assert_abandoned(tmp_path, SHOWN_WITHIN)


@pytest.mark.parametrize("words", [(), ("process",)], ids=["thread", "process"])
def test_what_ended_before_the_kill_is_shown_as_what_it_was(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A call that was announced and had ended, and whose entry was only on the spool, is no abandoned one."""
    log = Log(tmp_path)
    with host(tmp_path, *words) as running, slow_calls(running, 5, seconds=5) as calls:
        eventually(lambda: len(log.in_flight()) == 5)
        with stopped_shipping(tmp_path):
            for call in calls:
                assert b" 200 OK" in answer(call)
            running.send(signal.SIGKILL)
            running.process.wait()
        with host(tmp_path):
            eventually(lambda: len(log.ended()) == 5 and not log.in_flight(), seconds=20)
    assert [entry.status_code for entry in log.ended()] == [200] * 5


@contextmanager
def stopped_shipping(folder: Path) -> Iterator[None]:
    """Let no shipper write to the store, as another program would that holds its lock."""
    with closing(sqlite3.connect(folder / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_a_call_that_was_taken_for_abandoned_ends_after_all(tmp_path: Path) -> None:
    """A host whose calls were closed by mistake replaces each by what it really was, under a new number."""
    log = Log(tmp_path)
    with host(tmp_path) as running, slow_calls(running, 3, seconds=4) as calls:
        owner = eventually(lambda: owners(tmp_path) if len(log.in_flight()) == 3 else [])
        with closing(open_store(f"sqlite:///{tmp_path}/log.db")) as store:
            assert store.close_abandoned(owner) == 3
        before = {entry.id: entry for entry in log.abandoned()}
        assert len(before) == 3
        for call in calls:
            assert b" 200 OK" in answer(call)
        eventually(lambda: not log.abandoned())
    after = {entry.id: entry for entry in log.ended()}
    assert after.keys() == before.keys()
    assert min(entry.seq or 0 for entry in after.values()) > max(entry.seq or 0 for entry in before.values())


def owners(folder: Path) -> list[str]:
    with closing(open_store(f"sqlite:///{folder}/log.db")) as store:
        return store.owners()


def test_quick_calls_beside_slow_ones_are_all_there_after_a_kill(tmp_path: Path) -> None:
    """Under load and with slow calls in flight: each ended call once, each slow one once, as abandoned."""
    with host(tmp_path) as running, slow_calls(running), load(running, connections=4) as calls:
        calls.wait_for(300)
        eventually(lambda: sum("/slow" in (e.url or "") for e in Log(tmp_path).in_flight()) == SLOW)
        running.send(signal.SIGKILL)
        calls.end()
    began = monotonic()
    with host(tmp_path):
        shipped(tmp_path)
        eventually(lambda: not Log(tmp_path).in_flight(), seconds=SHOWN_WITHIN + monotonic() - began)
    ended = Log(tmp_path).ended()
    found = [entry.labels["request_id"] for entry in ended if entry.error_type is None]
    assert calls.acknowledged <= {*found}
    assert len(found) == len({*found})
    assert sum("/slow" in (entry.url or "") for entry in ended) == SLOW
    assert [*spool(tmp_path).glob("rejected/*")] == []
