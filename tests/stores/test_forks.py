"""The gate that keeps database connections from crossing a fork."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

import pytest

from integration_logger.errors import StoreError
from integration_logger.stores.sql.forks import ForkGate

BUSY = """
import os, sys, threading
from integration_logger.errors import StoreError
from integration_logger.stores import open_store
from tests.factories import make_entry

store = open_store(sys.argv[1])
inside, leave = threading.Event(), threading.Event()

def hold():
    with store._database.write():
        inside.set()
        leave.wait(float(sys.argv[2]))

thread = threading.Thread(target=hold)
thread.start()
inside.wait()
if not (child := os.fork()):
    try:
        store.write([make_entry()])
        print("written", flush=True)
    except StoreError as error:
        print("refused" if "forked" in str(error) else error, flush=True)
    os._exit(0)
leave.set()
os.waitpid(child, 0)
thread.join()
store.write([make_entry()])
store.close()
print(open_store(sys.argv[1]).info().entries)
"""

IDLE = """
import os, sys
from pathlib import Path
from integration_logger.stores import open_store
from tests.factories import make_entry

store = open_store(sys.argv[1])
store.write([make_entry()])
reading, writing = os.pipe()
if not (child := os.fork()):
    files = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    assert not [file for file in files if "log.db" in str(file)], files
    store.write([make_entry()])
    os.read(reading, 1)
    store.write([make_entry()])
    os._exit(0)
store.write([make_entry()])
store.close()
os.write(writing, b"x")
assert os.waitpid(child, 0)[1] == 0
print(open_store(sys.argv[1]).info().entries)
"""


PYTHON = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning"]


def run(code: str, folder: Path, *args: str) -> str:
    done = subprocess.run(
        [*PYTHON, "-c", code, f"sqlite:///{folder}/log.db", *args],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_child_loses_nothing_when_its_parent_leaves(tmp_path: Path) -> None:
    """A child that goes on writing after its parent has closed the database writes into that database."""
    assert run(IDLE, tmp_path) == "4\n"


def test_a_fork_waits_for_a_transaction(tmp_path: Path) -> None:
    """A transaction that ends soon is waited for; then both go on."""
    assert run(BUSY, tmp_path, "0.2") == "written\n2\n"


def test_a_fork_does_not_wait_for_ever(tmp_path: Path) -> None:
    """After a fork in the middle of a long transaction the child is refused, rather than let lose what it writes."""
    assert run(BUSY, tmp_path, "30") == "refused\n1\n"


def test_nobody_enters_while_the_process_forks() -> None:
    """Who comes during a fork waits; who is inside may go further in; afterwards everybody goes on."""
    gate = ForkGate(lambda: None)
    entered: list[str] = []

    def enter() -> None:
        with gate:
            entered.append("late")

    with gate:
        gate.close(monotonic() + 10)
        with gate:
            entered.append("inside")
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(0.05)
    assert entered == ["inside"]
    gate.reopen()
    thread.join(10)
    assert entered == ["inside", "late"]


def test_a_fork_disconnects_last() -> None:
    """Connections are closed when those inside have left, and at the latest when the patience is at its end."""
    closed = threading.Event()
    gate = ForkGate(closed.set)
    inside, leave = threading.Event(), threading.Event()

    def use() -> None:
        with gate:
            inside.set()
            leave.wait(10)

    user = threading.Thread(target=use)
    user.start()
    inside.wait(10)
    forking = threading.Thread(target=gate.close, args=(monotonic() + 10,))
    forking.start()
    assert not closed.wait(0.05)
    leave.set()
    forking.join(10)
    user.join(10)
    assert closed.is_set()
    gate.reopen()


def test_a_barred_gate_says_what_to_do() -> None:
    """What a child is told that must not use the database."""
    gate = ForkGate(lambda: None)
    with gate:
        gate.inherit()
    gate.inherit()
    with pytest.raises(StoreError, match="forked"), gate:
        pass
