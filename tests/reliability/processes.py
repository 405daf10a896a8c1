"""Hosts and their callers as real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from integration_logger.query import EVERYTHING, Query
from integration_logger.spool.segments import segments
from integration_logger.stores import open_store
from tests.deadlines import eventually
from tests.reliability.host import FOLDER

PYTHON = [sys.executable, "-X", "faulthandler", "-W", "error"]
CONNECTIONS = 16


class Host:
    """A host that runs."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.site = f"http://127.0.0.1:{port}"

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def output(self, timeout: float = 10) -> str:
        """Return what else it prints until it has ended, which must be in time."""
        return self.process.communicate(timeout=timeout)[0]


@contextmanager
def host(folder: Path, *words: str) -> Iterator[Host]:
    """Run a host until the block is left."""
    command = [*PYTHON, "-m", "tests.reliability.host", str(folder), *words]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        yield Host(process, int(_output(process).readline()))


@contextmanager
def workers(folder: Path, number: int) -> Iterator[Host]:
    """Run a host as so many processes of ``uvicorn --workers``."""
    app = ["-m", "uvicorn", "tests.reliability.host:app", "--factory", "--no-access-log"]
    process = subprocess.Popen(
        [*PYTHON, *app, "--port", "0", "--workers", str(number)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, FOLDER: str(folder)},
    )  # fmt: skip
    with ended(process):
        port = 0
        started = 0
        while started < number:
            line = _output(process).readline()
            assert line, "the workers did not start"
            started += "startup complete" in line
            if found := re.search(r"running on http://127.0.0.1:(\d+)", line):
                port = int(found[1])
        yield Host(process, port)


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """See to it that a process does not outlive the block."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def _output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


class Load:
    """Calls under way, from a process of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        """Calls whose whole answer has arrived."""
        self.ended: dict[str, float] = {}
        """By the monotonic clock, which is the same for all processes."""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for line in _output(self.process):
            word, id, *when = line.split()
            if word == "sent":
                self.sent.add(id)
            else:
                self.ended[id] = float(when[0])
                self.acknowledged.add(id)

    def wait_for(self, number: int) -> None:
        """Wait until so many calls are acknowledged."""
        eventually(lambda: len(self.acknowledged) >= number or self.process.poll() is not None, seconds=30)
        assert len(self.acknowledged) >= number

    def end(self) -> None:
        """Let calls under way come to their end, and make no more; does nothing if that has been done."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self._thread.join(20)
        assert not self._thread.is_alive()


@contextmanager
def load(host: Host, connections: int = CONNECTIONS, rate: float = 0, *words: str) -> Iterator[Load]:
    """Call a host, as often as it answers or so many times a second, until the block is left."""
    command = [*PYTHON, "-m", "tests.reliability.load", str(host.port), str(connections), str(rate), *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with ended(process):
        calls = Load(process)
        try:
            yield calls
        finally:
            calls.end()


def spool(folder: Path) -> Path:
    """Return the spool of a host's log."""
    return folder / "log.db.spool"


def stored(folder: Path, url: str | None = None) -> Counter[str]:
    """Return how often each call is stored, by the id that its caller gave it."""
    with closing(open_store(url or f"sqlite:///{folder}/log.db")) as store:
        found: Any = store.stream(Query(scope=EVERYTHING))
        return Counter(entry.labels["request_id"] for entry in found)


def shipped(folder: Path) -> None:
    """Wait until a running host has shipped everything that dead ones have left."""
    eventually(lambda: not segments(spool(folder)), seconds=30)


def assert_stored(folder: Path, calls: Load | set[str], url: str | None = None) -> None:
    """Every acknowledged call is stored, none is stored twice, and none that was never made."""
    acknowledged, sent = (calls, None) if isinstance(calls, set) else (calls.acknowledged, calls.sent)
    found = stored(folder, url)
    assert acknowledged - found.keys() == set()
    assert [id for id, times in found.items() if times > 1] == []
    assert sent is None or found.keys() <= sent
