"""The host of ``host.py`` under the servers that people run, and the log that its workers share."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from integration_logger import IntegrationLogger
from integration_logger.spool.segments import segments
from tests.deadlines import eventually
from tests.reliability.host import FOLDER, STORE
from tests.reliability.processes import Host, Load, assert_stored, ended, spool, stored

ROOT = Path(__file__).parents[2]


class Log(NamedTuple):
    """A log on which workers write: its folder, and its store."""

    folder: Path
    url: str

    def settle(self) -> None:
        """Ship what the workers have left."""
        log = IntegrationLogger(self.url, spool=spool(self.folder))
        log.start()
        eventually(lambda: not segments(spool(self.folder)), seconds=30)
        log.close()

    def assert_kept(self, calls: Load) -> None:
        """Every call that was answered is stored, none is stored twice, and none that was never made."""
        self.settle()
        assert_stored(self.folder, calls, self.url)

    def assert_exactly(self, calls: set[str]) -> None:
        """Each of these calls is stored once, and nothing else is."""
        self.settle()
        found = stored(self.folder, self.url)
        assert found.keys() == calls
        assert [id for id, times in found.items() if times > 1] == []

    @property
    def environment(self) -> dict[str, str]:
        """What tells the workers of it."""
        return {**os.environ, FOLDER: str(self.folder), STORE: self.url}


@contextmanager
def serving(log: Log, *command: str, announces: str) -> Iterator[Host]:
    """Run a server until the block is left; it says where it listens in a line that the pattern finds."""
    output = log.folder / f"{Path(command[0]).name}.output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*command], stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=log.environment, cwd=ROOT, text=True,
            start_new_session=True,
        )  # fmt: skip
    with ended(process):
        try:
            found = eventually(lambda: re.search(announces, said(process, output)), seconds=30)
            yield Host(process, int(found[1]))
        finally:
            with suppress(ProcessLookupError):  # workers that have outlived their master
                os.killpg(process.pid, signal.SIGKILL)


def said(process: subprocess.Popen[str], output: Path) -> str:
    """Return what a server has said, which must not have ended."""
    text = output.read_text()
    assert process.poll() is None, text
    return text


@contextmanager
def gunicorn(log: Log, *options: str, app: str = "wsgi()") -> Iterator[Host]:
    """Run the host under gunicorn, whose workers may miss the signal to end while they boot: it ends those soon."""
    command = [sys.executable, "-X", "faulthandler", "-m", "gunicorn", f"tests.reliability.host:{app}"]
    with serving(
        log, *command, "--bind", "127.0.0.1:0", "--log-level", "info", "--graceful-timeout", "5", *options,
        announces=r"Listening at: http://127.0.0.1:(\d+)",
    ) as host:  # fmt: skip
        yield host


def end(host: Host, calls: Load, number: signal.Signals = signal.SIGTERM) -> None:
    """Let calls under way come to their end, and the host end after them."""
    calls.end()
    host.send(number)
    host.process.wait(30)


def all_calls(*loads: Load) -> set[str]:
    """Return the calls of several callers, every one of which must have been answered."""
    for calls in loads:
        assert calls.sent == calls.acknowledged
    return set().union(*(calls.sent for calls in loads))
