"""One host with its store, its spool and its callers, as real processes in a folder of their own."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

import msgspec
import psycopg

from integration_logger.health import Health
from tests.deadlines import eventually
from tests.postgresql import Server
from tests.reliability.faults.host import HEALTH, UP, Settings

PYTHON = [sys.executable, "-X", "faulthandler"]
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Before a command: the modes of files apply to root, too."""
CONNECTIONS = 16
ROLE = "app"
PASSWORD = "p4ssword-of-the-app"
_CALLS = "SELECT user_id FROM integration_log_entries WHERE user_id <> ''"
_open = build_opener(ProxyHandler({})).open

Ship = Literal["thread", "process"]


class Call(NamedTuple):
    """One call as its client saw it."""

    id: str
    kind: int
    began: float
    seconds: float
    answer: str
    """Status and digest; ``-`` where none came."""


class Calls:
    """Calls under way, from a process of their own."""

    def __init__(self, port: int, rate: float, words: tuple[str, ...] = ()) -> None:
        command = [*PYTHON, "-m", "tests.reliability.faults.caller", str(port), str(CONNECTIONS), str(rate), *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.made: list[Call] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            id, kind, began, seconds, answer = line.split()
            self.made.append(Call(id, int(kind), float(began), float(seconds), answer))

    @property
    def answered(self) -> list[Call]:
        """Calls whose whole answer has arrived, from the application: 400 is the server's own."""
        return [call for call in [*self.made] if call.answer != "-" and not call.answer.startswith("400")]

    def end(self) -> None:
        """Let calls under way come to their end, and make no more."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self._thread.join(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.wait()


class World:
    """What a fault happens to."""

    def __init__(self, folder: Path, ship: Ship, server: Server | None, *, privileged: bool = True) -> None:
        self.folder = folder
        self.ship: Ship = ship
        self.server = server
        self.spool = folder / "spool"
        self.data = folder / "data"
        self.database = f"log_{uuid4().hex[:12]}"
        self.max_bytes = 1024**3
        self.environ: dict[str, str] = {}
        self.destroyed_at = 0.0
        """Calls that ended before may have gone with what the fault has destroyed."""
        self.frames_hit = 0
        """So many entries at most has the fault destroyed on the spool."""
        self.host: subprocess.Popen[bytes] | None = None
        # named as TCP, or asyncio does not switch Nagle's algorithm off, and each answer takes 40 ms
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(128)
        self._as = [] if privileged or os.geteuid() else UNPRIVILEGED
        self.data.mkdir()
        if server is not None:
            self.create_database()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self.data / "log.db"

    @property
    def store(self) -> str:
        """URL as the host has it."""
        if self.server is None:
            return f"sqlite:///{self.path}"
        return self.server.url(self.database, ROLE, PASSWORD)

    # --- processes ----------------------------------------------------------------------------------

    def settings(self) -> Settings:
        return Settings(
            socket=self._socket.fileno(),
            store=self.store,
            spool=str(self.spool),
            max_bytes=self.max_bytes,
            ship=self.ship,
        )

    def start(self, settings: Settings | None = None) -> subprocess.Popen[bytes]:
        """Start a host, which answers as soon as it can."""
        given = msgspec.json.encode(settings or self.settings()).decode()
        with (self.folder / "errors").open("ab") as errors:
            process = subprocess.Popen(
                [*self._as, *PYTHON, "-m", "tests.reliability.faults.host", given],
                pass_fds=[self._socket.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                env={**os.environ, **self.environ},
            )  # fmt: skip
        self.host = process
        return process

    def send(self, number: signal.Signals) -> None:
        """Send the host a signal."""
        assert self.host is not None
        self.host.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 20) -> None:
        """End the host, if it runs."""
        host, self.host = self.host, None
        if host is not None:
            with suppress(ProcessLookupError):
                host.send_signal(number)
            try:
                host.wait(timeout)
            finally:
                host.kill()
                host.wait()

    def child(self) -> int | None:
        """Return the process that ships for the host, where it has one."""
        assert self.host is not None
        return next(iter(children(self.host.pid)), None)

    def health(self) -> Health:
        """Ask the host how its log is."""
        with _open(f"http://127.0.0.1:{self.port}{HEALTH}", timeout=10) as answer:
            return msgspec.json.decode(answer.read(), type=Health)

    # --- the store ----------------------------------------------------------------------------------

    def create_database(self) -> None:
        """Make the database anew, and see to the role."""
        with self.admin() as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone() is None:
                connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE DATABASE {self.database} OWNER {ROLE}")

    @contextmanager
    def admin(self, database: str = "postgres") -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """Connect to the server as who runs it."""
        assert self.server is not None
        with psycopg.connect(self.server.url(database), autocommit=True) as connection:
            yield connection

    def send_away(self) -> None:
        """End the connections of the host, so that it must connect anew."""
        with self.admin() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND datname = %s",
                (ROLE, self.database),
            )

    def stored(self) -> Counter[str]:
        """Return how often each call is stored; raises while the store cannot be read."""
        if self.server is not None:
            with self.admin(self.database) as connection:
                return Counter(str(id) for (id,) in connection.execute(_CALLS))
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=10)) as found:
            return Counter(id for (id,) in found.execute(_CALLS))

    def stored_if_there(self) -> Counter[str]:
        """Return the same; nothing where the store cannot be read."""
        try:
            return self.stored()
        except (sqlite3.Error, psycopg.Error):
            return Counter()

    def close(self) -> None:
        """End everything, and leave nothing behind."""
        self.end(signal.SIGKILL)
        self._socket.close()
        if self.server is not None:
            with self.admin() as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """In a child: end at once should the tests be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, number)


def children(pid: int) -> list[int]:
    """Return the processes that were started by a process."""
    found = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in tasks.read_text().split()]
    return found


@contextmanager
def world(ship: Ship, server: Server | None, *, privileged: bool = True) -> Iterator[World]:
    """Make a world, and take it away."""
    folder = Path(tempfile.mkdtemp(prefix="integration-logger-faults-"))
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(unmount, folder)
        made = World(folder, ship, server, privileged=privileged)
        stack.callback(made.close)
        yield made


@contextmanager
def calls(port: int, rate: float, *words: str) -> Iterator[Calls]:
    """Call a host until the block is left."""
    made = Calls(port, rate, words)
    try:
        yield made
    finally:
        made.end()


def mount(folder: Path, size: int) -> None:
    """Put a small file system of its own at a folder; needs root."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)


def unmount(folder: Path) -> None:
    """Take away what was mounted in a folder."""
    for path in folder.iterdir() if folder.exists() else ():
        if path.is_mount():
            subprocess.run(["umount", "--lazy", str(path)], check=False)


def wait_until(instant: float) -> None:
    """Wait until the monotonic clock has come to an instant."""
    threading.Event().wait(max(0.0, instant - monotonic()))


def answers(port: int) -> None:
    """Wait until a host answers."""

    def ask() -> bool:
        try:
            with _open(f"http://127.0.0.1:{port}{UP}", timeout=5):
                return True
        except OSError as error:
            return hasattr(error, "code")

    eventually(ask, 30)
