"""Forks of a living logger: parent and child keep what is theirs, and neither waits for the other."""

from __future__ import annotations

import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from integration_logger.spool.segments import segments
from integration_logger.stores import open_store
from tests.records import stored
from tests.reliability.processes import PYTHON, spool

pytestmark = pytest.mark.reliability

BEGIN = """
import fcntl, multiprocessing, os, signal, sys, threading, time
from contextlib import closing
from pathlib import Path
from integration_logger import IntegrationLogger
from integration_logger.spool.segments import segments
from tests.deadlines import eventually
from tests.records import record

folder = Path(sys.argv[1])
log = IntegrationLogger(f"sqlite:///{folder}/log.db")

def say(ids):
    os.write(1, "".join(f"{id}\\n" for id in ids).encode())

def locked(path):
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False

def wait(child):
    assert os.waitpid(child, 0)[1] == 0, "the child failed"
"""


def run(folder: Path, code: str) -> list[str]:
    """Run a program, which prints the ids of what it records; everything must be stored once. Return the ids."""
    done = subprocess.run(
        [*PYTHON, "-W", "ignore:This process:DeprecationWarning", "-c", BEGIN + code, str(folder)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    ids = done.stdout.split()
    with closing(open_store(f"sqlite:///{folder}/log.db")) as store:
        assert Counter(stored(store)) == Counter(ids)
    return ids


def test_scenario_20_a_fork_in_the_middle_of_work(tmp_path: Path) -> None:
    """Threads of the parent record while it forks again and again; each child records too; each entry is stored once.

    No child takes over what waits in the parent, nor its threads' locks.
    """
    ids = run(
        tmp_path,
        """
done = threading.Event()

def work():
    while not done.is_set():
        say(record(log, 5))

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
children = []
for _ in range(8):
    say(record(log, 3))
    if not (child := os.fork()):
        say(record(log, 20))
        os._exit(0 if log.flush(20) and log.health().captured == 20 else 1)
    children.append(child)
for child in children:
    wait(child)
done.set()
for thread in threads:
    thread.join()
assert log.flush(20)
log.close()
""",
    )
    assert len(ids) >= 8 * 23
    assert segments(spool(tmp_path)) == []


def test_the_locks_stay_with_the_parent(tmp_path: Path) -> None:
    """Neither a living child nor a dead one frees the lock of the parent's segment, nor keeps it for the parent."""
    run(
        tmp_path,
        """
say(record(log, 3))
assert log.flush(10)
(mine,) = segments(folder / "log.db.spool")
reading, writing = os.pipe()
if not (child := os.fork()):
    say(record(log, 3))
    assert locked(mine)
    os.read(reading, 1)
    os._exit(0)
eventually(lambda: len(segments(folder / "log.db.spool")) == 2)
assert locked(mine)
os.write(writing, b"x")
wait(child)
assert locked(mine)
eventually(lambda: segments(folder / "log.db.spool") == [mine])
say(record(log, 3))
assert log.flush(10)
log.close()
""",
    )


def test_a_child_outlives_its_parent(tmp_path: Path) -> None:
    """When the parent is killed its child ships for both: no lock of the dead is left with the living."""
    run(
        tmp_path,
        """
reading, writing = os.pipe()
if not os.fork():
    say(record(log, 3))
    assert log.flush(10)
    parent = os.getpid()
    if not os.fork():
        say(record(log, 3))
        eventually(lambda: os.getppid() != parent)
        say(record(log, 3))
        assert log.flush(20)
        eventually(lambda: len(segments(folder / "log.db.spool")) == 1)
        log.close()
        os.write(writing, b"x")
        os._exit(0)
    say(record(log, 3))
    os.kill(parent, signal.SIGKILL)
os.wait()
os.close(writing)
assert os.read(reading, 1) == b"x"
""",
    )


def test_multiprocessing(tmp_path: Path) -> None:
    """Children of multiprocessing, which end without running the handlers of exit, lose nothing."""
    run(
        tmp_path,
        """
def work():
    say(record(log, 50))

context = multiprocessing.get_context("fork")
say(record(log, 3))
children = [context.Process(target=work) for _ in range(4)]
for child in children:
    child.start()
for child in children:
    child.join()
    assert child.exitcode == 0
eventually(lambda: len(segments(folder / "log.db.spool")) == 1)
assert log.flush(10)
log.close()
""",
    )


def test_a_fork_before_anything(tmp_path: Path) -> None:
    """Workers forked from a master that only made the logger, as with --preload, ship by themselves."""
    run(
        tmp_path,
        """
children = []
for _ in range(4):
    if not (child := os.fork()):
        say(record(log, 50))
        os._exit(0 if log.flush(20) else 1)
    children.append(child)
for child in children:
    wait(child)
log.start()
eventually(lambda: segments(folder / "log.db.spool") == [])
log.close()
""",
    )


def test_memory_stays_with_the_parent(tmp_path: Path) -> None:
    """What waits in memory at a fork is the parent's: the child does not ship it once more."""
    run(
        tmp_path,
        """
log = IntegrationLogger(f"sqlite:///{folder}/log.db", spool=None, ship=None)
say(record(log, 10))
if not (child := os.fork()):
    assert len(log._queue) == 0
    say(record(log, 5))
    log.close()
    os._exit(0)
wait(child)
log.close()
""",
    )


def test_a_child_has_no_file_of_its_parent(tmp_path: Path) -> None:
    """Nothing of the log is open in a forked child before its first record, whatever the parent's threads have open."""
    run(
        tmp_path,
        """
say(record(log, 2))
assert log.flush(10)
done = threading.Event()

def work():
    while not done.is_set():
        say(record(log, 2))

threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    if not (child := os.fork()):
        files = [str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
        # what a thread was just reading has no lock
        left = [file for file in files if str(folder) in file and not file.endswith((".spool", ".json"))]
        print(*left, file=sys.stderr, end="", flush=True)
        os._exit(bool(left))
    wait(child)
done.set()
for thread in threads:
    thread.join()
assert log.flush(20)
log.close()
""",
    )


def test_a_program_that_the_host_starts_keeps_no_lock(tmp_path: Path) -> None:
    """What a host that died has left is shipped although programs that it had started live on."""
    run(
        tmp_path,
        """
if not os.fork():
    say(record(log, 5))
    assert log.flush(10)
    say(record(log, 5))
    program = os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ)
    (folder / "program").write_text(str(program))
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
log.start()
eventually(lambda: segments(folder / "log.db.spool") == [])
log.close()
os.kill(int((folder / "program").read_text()), signal.SIGKILL)
""",
    )
