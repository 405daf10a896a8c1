"""What can happen to the processes, to their clocks, and what may come in their calls."""

from __future__ import annotations

import os
import shutil
import signal
import struct
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

PAUSE: Final = 1.0
"""Seconds until the clock jumps."""

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
            assert other.stdin is not None
            other.stdin.close()
            other.terminate()
            try:
                other.wait(20)
            finally:
                other.kill()


def clock_jumps(hours: int) -> Callable[[World], AbstractContextManager[None]]:
    """The clock of the host and of its child jumps there, and in the end back."""

    @contextmanager
    def inject(world: World) -> Iterator[None]:
        shift = world.folder / "clock"
        shift.write_bytes(struct.pack("q", 0))
        world.environ |= {"LD_PRELOAD": str(_preloaded(world.folder)), "CLOCK_SHIFT": str(shift)}
        timer = threading.Timer(PAUSE, _overwrite, [shift, struct.pack("q", 3600 * hours)])
        timer.start()
        yield
        timer.join()
        _overwrite(shift, struct.pack("q", 0))

    return inject


def _overwrite(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:  # the same file: the host has it in its memory
        file.write(data)


def _preloaded(folder: Path) -> Path:
    """Return the clock that a process is started with."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler, which makes the clock that jumps")
    made = folder / "clock.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", made, Path(__file__).with_name("clock.c")], check=True)
    return made


FAULTS: Final = [
    Fault(name="no fault", inject=lambda _: nullcontext(), told_after=None),
    Fault(name="poison", inject=lambda _: nullcontext(), poison=True, told_after=None),
    Fault(name="other shippers", inject=other_shippers, told_after=None),
    Fault(name="clock five hours on", inject=clock_jumps(5), from_start=True, told_after=None),
    Fault(name="clock five hours back", inject=clock_jumps(-5), from_start=True, told_after=None),
    Fault(name="host terminated", inject=restarted(signal.SIGTERM), away=True, told_after=None),
    Fault(name="host killed", inject=restarted(signal.SIGKILL), away=True, told_after=None),
    Fault(name="host stands still", inject=stopped, away=True, told_after=None),
    Fault(name="child stands still", inject=child_stopped, ship="process", told_after=None),
    Fault(name="child killed", inject=child_killed, ship="process", told_after=None),
]
