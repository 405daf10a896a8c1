"""``python -m tests.reliability.soak [--kills 1000]``: hosts and children that ship are killed at random instants.

Several hosts at a time write one log, are called over real connections, ship, purge, change segments, start and end,
and are killed with ``kill -9`` somewhere in between; others take their places. In the end every call that its client
has seen complete must be in the store, once.

Hosts are forked from a process that has imported everything, so that their lives can be short.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import os
import random
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from uvicorn.protocols.http import auto  # noqa: F401 - before hosts are forked

from integration_logger import IntegrationLogger, Redactor, Retention, Rule
from integration_logger.capture import Capture
from integration_logger.spool.segments import segments
from integration_logger.spool.writer import Spool
from tests.deadlines import eventually
from tests.postgresql import Server, server
from tests.reliability.faults.host import Settings, echo, labels
from tests.reliability.faults.world import Calls, Ship, World, children, die_with_parent, wait_until, world

HOSTS: Final = 4
RATE: Final = 60.0
"""Calls to each host per second."""
LIVES: Final[dict[Ship, float]] = {"thread": 1.5, "process": 4.0}
"""Seconds that a host lives at most: a child that ships needs one before it begins."""
SEGMENT_BYTES: Final = 16 * 1024
PURGE_EVERY: Final = 0.2


class Result(msgspec.Struct):
    """What came of one round."""

    killed: Counter[str]
    acknowledged: int = 0
    missing: int = 0
    twice: int = 0
    foreign: int = 0
    corrupt: int = 0
    rejected: int = 0
    seconds: float = 0.0


# --- the hosts ----------------------------------------------------------------------------------------


class Hosts:
    """A process that forks hosts; it is told by a line whom to start: the descriptor of a socket and the settings."""

    def __init__(self) -> None:
        down, up = os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(down[1])
            os.close(up[0])
            with suppress(BaseException):
                _fork_on_demand(down[0], up[1])
            os._exit(0)
        os.close(down[0])
        os.close(up[1])
        self._orders, self._answers = os.fdopen(down[1], "wb", 0), os.fdopen(up[0], "rb", 0)

    def start(self, settings: bytes) -> int:
        """Start a host; return its process id."""
        self._orders.write(settings + b"\n")
        return int(self._answers.readline())

    def close(self) -> None:
        self._orders.close()
        os.waitpid(self.pid, 0)
        self._answers.close()


def _fork_on_demand(orders: int, answers: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    redactor = Redactor()
    redactor.prepare()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    with os.fdopen(orders, "rb", 0) as lines:
        for line in lines:
            pid = os.fork()
            if not pid:
                os.close(orders)
                os.close(answers)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                die_with_parent(signal.SIGKILL)
                _be_host(line, redactor)
            os.write(answers, b"%d\n" % pid)


def _be_host(line: bytes, redactor: Redactor) -> None:
    settings = msgspec.json.decode(line, type=Settings)
    log = IntegrationLogger(
        settings.store,
        spool=Spool(settings.spool),
        ship=settings.ship,
        redact=redactor,
        retention=Retention("30 days", rules=[Rule("1 second", log_type="short")]),
    )
    log.recorder.spool._segment_bytes = SEGMENT_BYTES  # type: ignore[attr-defined]
    threading.Thread(target=_purge, args=(log,), daemon=True).start()
    app = log.asgi(Starlette(routes=[Route("/{path:path}", echo, methods=["POST"])]), labels=labels)
    config = uvicorn.Config(app, log_level="critical", access_log=False, timeout_graceful_shutdown=1)
    listening = socket.socket(fileno=settings.socket)
    try:
        asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
    finally:
        atexit._run_exitfuncs()
        os._exit(0)


def _purge(log: IntegrationLogger) -> None:
    """Record what expires at once, and delete what has expired, beside everything else."""
    waiting = threading.Event()
    while not waiting.wait(PURGE_EVERY * random.random()):
        capture = Capture("call")
        capture.label(log_type="short")
        log.recorder.record(capture)
        with suppress(Exception):
            log.store.purge(datetime.now(UTC))


# --- one round ----------------------------------------------------------------------------------------


class Victims:
    """Hosts that are killed and replaced."""

    def __init__(self, made: World, hosts: Hosts, sockets: list[int], rng: random.Random) -> None:
        self.killed: Counter[str] = Counter()
        self._world = made
        self._hosts = hosts
        self._rng = rng
        self._sockets = sockets
        self._lives = [(0, 0.0)] * len(sockets)
        """Process and end of each."""

    def start(self, place: int) -> None:
        settings = msgspec.structs.replace(self._world.settings(), socket=self._sockets[place])
        pid = self._hosts.start(msgspec.json.encode(settings))
        self._lives[place] = pid, monotonic() + self._rng.random() * LIVES[self._world.ship]

    def kill_next(self) -> None:
        """Wait for the end of the life that is the next to end, and begin another one."""
        place = min(range(len(self._lives)), key=lambda place: self._lives[place][1])
        pid, ends_at = self._lives[place]
        wait_until(ends_at)
        if self._rng.random() < 0.2:
            os.kill(pid, signal.SIGTERM)
            wait_until(monotonic() + self._rng.random() * 0.3)
        for child in [child for pid, _ in self._lives for child in children(pid)]:
            if self._rng.random() < 0.5:
                self._kill(child, "child")
                wait_until(monotonic() + self._rng.random() * 0.1)
        self._kill(pid, "host")
        self.start(place)

    def _kill(self, pid: int, what: str) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it had ended before
        self.killed[what] += 1

    def end(self) -> None:
        for pid, _ in self._lives:
            self._kill(pid, "host")


@contextmanager
def _called(ports: list[int]) -> Iterator[list[Calls]]:
    with ExitStack() as stack:
        loads = [Calls(port, RATE) for port in ports]
        for load in loads:
            stack.callback(load.end)
        yield loads


def soak(hosts: Hosts, made: World, sockets: dict[int, int], kills: int, rng: random.Random) -> Result:
    """Kill so many processes, and look what became of the calls."""
    began = monotonic()
    victims = Victims(made, hosts, [*sockets], rng)
    for place in range(len(sockets)):
        victims.start(place)
    with _called([*sockets.values()]) as loads:
        while victims.killed.total() < kills:
            victims.kill_next()
    victims.end()
    made.start()
    acknowledged = {call.id for load in loads for call in load.answered}
    with suppress(AssertionError):
        eventually(lambda: not segments(made.spool) and acknowledged <= made.stored_if_there().keys(), 60)
    made.end()
    stored = made.stored()
    return Result(
        killed=victims.killed,
        acknowledged=len(acknowledged),
        missing=len(acknowledged - stored.keys()),
        twice=sum(times > 1 for times in stored.values()),
        foreign=len(stored.keys() - {call.id for load in loads for call in load.made}),
        corrupt=len([*made.spool.glob("corrupt/*")]),
        rejected=len([*made.spool.glob("rejected/*")]),
        seconds=monotonic() - began,
    )


def run(
    ship: Ship, own: Server | None, kills: int, hosts: Hosts, sockets: dict[int, int], rng: random.Random
) -> Result:
    """Soak one store with one way of shipping."""
    with world(ship, own) as made:
        result = soak(hosts, made, sockets, kills, rng)
        if result.missing or result.twice:
            made.folder.rename(f"{made.folder}-kept")  # for a look at it
        return result


@contextmanager
def forked_hosts(number: int = HOSTS) -> Iterator[tuple[Hosts, dict[int, int]]]:
    """Return what forks hosts, and the sockets that they listen on, with their ports."""
    listening = []
    for _ in range(number):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        one.bind(("127.0.0.1", 0))
        one.listen(128)
        listening.append(one)
    hosts = Hosts()
    try:
        yield hosts, {one.fileno(): one.getsockname()[1] for one in listening}
    finally:
        hosts.close()
        for one in listening:
            one.close()


def main() -> None:
    """Run the soak and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.soak")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--store", choices=("sqlite", "postgresql"))
    parser.add_argument("--ship", choices=("thread", "process"))
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args()
    rng = random.Random(given.seed)
    print(f"seed {given.seed}")
    stores = [given.store] if given.store else ["sqlite", "postgresql"]
    ships: list[Ship] = [given.ship] if given.ship else ["thread", "process"]
    each = -(-given.kills // (len(stores) * len(ships)))
    print(
        "| store | ships | hosts killed | children killed | acknowledged | missing | twice | corrupt | rejected | s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    bad = 0
    with forked_hosts() as (hosts, sockets):
        for store in stores:
            with server() if store == "postgresql" else nullcontext() as own:
                for ship in ships:
                    r = run(ship, own, each, hosts, sockets, rng)
                    bad += r.missing + r.twice + r.foreign
                    cells = (
                        store, ship, r.killed["host"], r.killed["child"], r.acknowledged, r.missing, r.twice,
                        r.corrupt, r.rejected, round(r.seconds),
                    )  # fmt: skip
                    print(f"| {' | '.join(map(str, cells))} |", flush=True)
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
