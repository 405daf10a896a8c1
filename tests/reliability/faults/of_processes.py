"""What can happen to the processes, to their clocks, and what may come in their calls."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

import pytest

from tests.deadlines import eventually
from tests.reliability.faults.of_the_store import repeated
from tests.reliability.faults.run import Fault
from tests.reliability.faults.world import PYTHON, World, answers

FAKETIME: Final = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")
PAUSE: Final = 1.0
"""Seconds for which a process stands still before it goes on; a minute in a long run."""

_RECORDS_NOTHING: Final = """
import sys
from integration_logger import IntegrationLogger
log = IntegrationLogger(sys.argv[1], spool=sys.argv[2], ship=sys.argv[3])
log.start()
sys.stdin.read()
log.close()
"""


def restarted(how: signal.Signals) -> Callable[[World], AbstractContextManager[None]]:
    """The host ends, and another one takes its place."""

    @contextmanager
    def inject(world: World) -> Iterator[None]:
        world.end(how)
        world.start()
        answers(world.port)
        yield

    return inject


@contextmanager
def stopped(world: World) -> Iterator[None]:
    """The host stands still for the whole time."""
    host, world.host = world.host, None  # nobody is to ask it
    assert host is not None
    host.send_signal(signal.SIGSTOP)
    yield
    host.send_signal(signal.SIGCONT)
    world.host = host


@contextmanager
def child_stopped(world: World) -> Iterator[None]:
    """The process that ships stands still."""
    child = eventually(world.child)
    assert child is not None
    os.kill(child, signal.SIGSTOP)
    yield
    os.kill(child, signal.SIGCONT)


@contextmanager
def child_killed(world: World) -> Iterator[None]:
    """The process that ships is killed again and again."""

    def kill(seconds: float) -> None:
        with suppress(ProcessLookupError):
            if child := world.child():
                threading.Event().wait(seconds)
                os.kill(child, signal.SIGKILL)

    with repeated(kill):
        yield


@contextmanager
def other_shippers(world: World) -> Iterator[None]:
    """Others want to ship the same folder: with a thread, with a child, and by the command line."""
    commands = [
        [*PYTHON, "-c", _RECORDS_NOTHING, world.store, str(world.spool), ship] for ship in ("thread", "process")
    ]
    commands += [[*PYTHON, "-m", "integration_logger", "ship", world.store, "--spool", str(world.spool)]]
    others = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        yield
    finally:
        for other in others:
            with suppress(OSError):
                assert other.stdin is not None
                other.stdin.close()
            other.terminate()
            try:
                other.wait(20)
            finally:
                other.kill()


def clock_jumps(offset: str) -> Callable[[World], AbstractContextManager[None]]:
    """The clock of the host and of its child jumps there, and in the end back."""

    @contextmanager
    def inject(world: World) -> Iterator[None]:
        clock = world.folder / "clock"
        clock.write_text("+0")
        world.environ |= {
            "LD_PRELOAD": _faketime(), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip
        thread = threading.Timer(PAUSE, clock.write_text, [offset])
        thread.start()
        yield
        thread.join()
        clock.write_text("+0")

    return inject


def _faketime() -> str:
    found = [path for pattern in FAKETIME for path in Path("/").glob(pattern.lstrip("/"))]
    if not found:
        pytest.skip("no libfaketime: install it to let the clock jump")
    return str(found[0])


FAULTS: Final = [
    Fault(name="no fault", inject=lambda _: nullcontext(), told_after=None),
    Fault(name="poison", inject=lambda _: nullcontext(), poison=True, told_after=None),
    Fault(name="other shippers", inject=other_shippers, told_after=None),
    Fault(name="clock five hours on", inject=clock_jumps("+5h"), from_start=True, told_after=None),
    Fault(name="clock five hours back", inject=clock_jumps("-5h"), from_start=True, told_after=None),
    Fault(name="host terminated", inject=restarted(signal.SIGTERM), away=True, told_after=None),
    Fault(name="host killed", inject=restarted(signal.SIGKILL), away=True, told_after=None),
    Fault(name="host stands still", inject=stopped, away=True, told_after=None),
    Fault(name="child stands still", inject=child_stopped, ship="process", told_after=None),
    Fault(name="child killed", inject=child_killed, ship="process", told_after=None),
]
