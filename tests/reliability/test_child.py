"""The child that ships: there is one for a folder, it is replaced when it dies, and ends when its parent does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from integration_logger.query import EVERYTHING, Query
from integration_logger.shipping.child import PROGRAM
from integration_logger.shipping.process import NICENESS
from integration_logger.spool.presence import present
from integration_logger.spool.segments import segments
from integration_logger.stores import open_store
from tests.deadlines import eventually
from tests.reliability.processes import PYTHON, assert_stored, ended, host, load, spool, stored

pytestmark = pytest.mark.reliability

PASSWORD = "s3cr3t-of-the-store"

HOST = """
import sys
from integration_logger import IntegrationLogger
from tests.records import record
log = IntegrationLogger(sys.argv[1], ship="process", spool=sys.argv[2])
record(log)
print("ready", flush=True)
sys.stdin.read()
"""


def children(folder: Path) -> list[int]:
    """Return the processes that are there to ship this spool folder."""
    return [number for number in processes() if f"{PROGRAM}\0{folder}/" in read(number, "cmdline")]


def processes() -> Iterator[int]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            yield int(path.name)


def read(number: int, name: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{number}/{name}").read_bytes().decode(errors="replace")
    return ""


def shipping(folder: Path) -> list[int]:
    """Return the processes that have the folder's lock."""
    with suppress(FileNotFoundError):
        return _holders((folder / "ship.lock").stat().st_ino)
    return []


def _holders(inode: int) -> list[int]:
    locks = Path("/proc/locks").read_text().splitlines()
    return [int(line.split()[4]) for line in locks if line.split()[5].endswith(f":{inode}") and "->" not in line]


def the_child(folder: Path) -> int:
    """Return the one child that ships, as soon as there is one."""
    found = eventually(lambda: {*shipping(folder)} & {*children(folder)}, seconds=20)
    return found.pop()


@contextmanager
def parent(
    folder: Path, code: str = HOST, store: str | None = None, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a host that has recorded one call until the block is left."""
    command = [*PYTHON, "-c", code, store or f"sqlite:///{folder}/log.db", str(spool(folder))]
    started = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    )
    with ended(started) as running:
        yield running


def line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def gone(number: int) -> bool:
    return read(number, "stat").partition(") ")[2][:1] in ("", "Z")


def test_a_child_that_is_killed_is_replaced(tmp_path: Path) -> None:
    """Under load, ``kill -9`` of the child costs nothing: another one is there within seconds."""
    with host(tmp_path, "process") as running, load(running, connections=4) as calls:
        seen = set()
        for _ in range(2):
            child = the_child(spool(tmp_path))
            assert child not in seen
            seen.add(child)
            calls.wait_for(len(calls.acknowledged) + 200)
            os.kill(child, signal.SIGKILL)
            eventually(lambda child=child: gone(child))  # type: ignore[misc]
        the_child(spool(tmp_path))
        calls.end()
        eventually(lambda: calls.acknowledged <= stored(tmp_path).keys(), seconds=20)
    assert_stored(tmp_path, calls)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_child_ends_with_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    """However the parent ends, its child ships what is left and ends soon."""
    with host(tmp_path, "process") as running, load(running) as calls:
        calls.wait_for(300)
        child = the_child(spool(tmp_path))
        running.send(number)
        running.process.wait(20)
        calls.end()
        eventually(lambda: gone(child))
    assert segments(spool(tmp_path)) == []
    assert_stored(tmp_path, calls)


FORKED = (
    HOST
    + """
import os, signal
log.flush()
if not os.fork():
    print(os.getpid(), flush=True)
    signal.pause()
sys.stdin.read()
"""
)


def test_grandchildren_do_not_keep_the_child(tmp_path: Path) -> None:
    """A process that the host has forked, and that outlives it, holds neither its child nor its place."""
    code = FORKED.replace("sys.stdin.read()\n", "", 1)
    with parent(tmp_path, code) as running:
        assert line(running) == "ready"
        forked = int(line(running))
        try:
            child = the_child(spool(tmp_path))
            running.kill()
            running.wait()
            eventually(lambda: gone(child))
            assert not gone(forked)
            assert not any(present(spool(tmp_path)).values())
        finally:
            os.kill(forked, signal.SIGKILL)


def test_a_service_manager_ends_all_at_once(tmp_path: Path) -> None:
    """SIGTERM for parent and child together: what the parent records until its end is shipped, too."""
    with host(tmp_path, "process") as running, load(running) as calls:
        calls.wait_for(300)
        child = the_child(spool(tmp_path))
        os.kill(child, signal.SIGTERM)
        running.send(signal.SIGTERM)
        running.output(timeout=20)
        calls.end()
        eventually(lambda: gone(child))
    assert segments(spool(tmp_path)) == []
    assert_stored(tmp_path, calls)


def test_four_parents_have_one_child(tmp_path: Path) -> None:
    """However many processes share a folder, one child stays; when its parent goes, another parent's takes over."""
    with ExitStack() as stack:
        parents = [stack.enter_context(parent(tmp_path)) for _ in range(4)]
        assert [line(running) for running in parents] == ["ready"] * 4
        eventually(lambda: len(children(spool(tmp_path))) == 1 and shipping(spool(tmp_path)), seconds=30)
        child = the_child(spool(tmp_path))
        owner = next(running for running in parents if str(running.pid) == read(child, "stat").split()[3])
        owner.kill()
        owner.wait()
        eventually(lambda: gone(child))
        assert the_child(spool(tmp_path)) != child
        eventually(lambda: len(children(spool(tmp_path))) == 1, seconds=30)


def test_the_child_is_nice(tmp_path: Path) -> None:
    """The child leaves the processor to its host."""
    with parent(tmp_path) as running:
        assert line(running) == "ready"
        child = the_child(spool(tmp_path))
        assert os.getpriority(os.PRIO_PROCESS, child) == os.getpriority(os.PRIO_PROCESS, running.pid) + NICENESS


def test_the_password_is_nowhere_to_be_read(tmp_path: Path) -> None:
    """No command line, no environment of the child and no file that stays tells the password of the store."""
    url = f"postgresql://shop:{PASSWORD}@127.0.0.1:1/log"
    with parent(tmp_path, store=url, env={"INTEGRATION_LOGGER_STORE": url}) as running:
        assert line(running) == "ready"
        child = the_child(spool(tmp_path))
        assert read(child, "environ") != ""
        assert PASSWORD not in read(child, "cmdline") + read(child, "environ")
        files = [path for path in spool(tmp_path).rglob("*") if path.is_file()]
        assert [path for path in files if path.suffix == ".job"] == []
        assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []


EMBEDDED = (
    """
import sys
sys.executable = "/usr/sbin/a-server"
"""
    + HOST
)


def test_python_is_found_where_a_server_has_embedded_it(tmp_path: Path) -> None:
    """A server that runs Python within itself is not started once more: its child is a Python."""
    with parent(tmp_path, EMBEDDED) as running:
        assert line(running) == "ready"
        assert "python" in read(the_child(spool(tmp_path)), "cmdline").partition("\0")[0]
        with closing(open_store(f"sqlite:///{tmp_path}/log.db")) as store:
            eventually(lambda: [*store.stream(Query(scope=EVERYTHING))])
