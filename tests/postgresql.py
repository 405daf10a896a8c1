"""PostgreSQL servers for tests: one that all share, with a database for each test, and servers of one's own.

The shared server is started when the first test asks for it and ends with the tests. A given one is used instead
where ``INTEGRATION_LOGGER_TEST_POSTGRESQL`` has the URL of a user who may create databases.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

from integration_logger.stores import open_store
from tests.deadlines import eventually

GIVEN = "INTEGRATION_LOGGER_TEST_POSTGRESQL"
USER = "integration"
PASSWORD = "s3cret-of-tests"
_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_DURABLE = ("max_connections=60",)  # as a server is that has been set up by nobody
_FAST = ("fsync=off", "full_page_writes=off", "jit=off", "max_connections=60")


class Server:
    """A server of one's own in a temporary folder: to be stopped, suspended and started again."""

    def __init__(self, *, durable: bool = False) -> None:
        self._options = _DURABLE if durable else _FAST
        self._programs = _programs()
        self._user = _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="integration-logger-postgresql-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._initialise()
        self.start()

    def _initialise(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if self._user is not None:
            for path in (self.folder, password):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        command = [
            self._programs / "initdb", "-D", self.folder / "data", "-U", USER, "--pwfile", password,
            "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--no-locale",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **self._as_user())
        assert done.returncode == 0, done.stderr

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def url(self, database: str = "postgres", user: str = USER, password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = [
            *self._options,
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
        ]
        command = [self._programs / "postgres", "-D", self.folder / "data", *(f"--{option}" for option in options)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", preexec_fn=_die_with_parent,
                **self._as_user(),
            )  # fmt: skip
        eventually(self._answers, 30)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it: SIGQUIT at once, as ``pg_ctl stop -m immediate``, SIGINT after sending everybody away."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def suspend(self) -> None:
        """Have it answer nobody, with all connections as they are."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children")
        for pid in (main, *map(int, children.read_text().split() if children.exists() else ())):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue  # ended meanwhile

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _programs() -> Path:
    """Return the folder of the server's programs; without one the test is skipped, in CI it fails."""
    candidates = [path.parent for path in map(Path, filter(None, [shutil.which("initdb")]))]
    for pattern in _FOLDERS:
        candidates += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    found = next((folder for folder in candidates if (folder / "postgres").exists()), None)
    return found or _missing(f"no PostgreSQL server: install it, or set {GIVEN} to the URL of one")


def _missing(text: str) -> Path:
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


def _unprivileged() -> pwd.struct_passwd | None:
    """Return who is to run the server, because root must not; None where we are not root."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name: user for user in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _die_with_parent() -> None:
    """In the child: end at once should the tests be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """Start a server of one's own, and remove it; ``durable`` where figures are measured."""
    own = Server(durable=durable)
    try:
        yield own
    finally:
        own.remove()


# --- the shared server ----------------------------------------------------------------------------------


@cache
def shared_url() -> str:
    """Return the URL of the server that tests share; it is started where there is none yet."""
    if given := os.environ.get(GIVEN):
        return given
    shared, owner = Server(), os.getpid()
    atexit.register(lambda: shared.remove() if os.getpid() == owner else None)
    return shared.url()


@cache
def _template() -> str:
    """Return the name of a database with our tables, which is copied for each test."""
    name = f"integration_template_{uuid4().hex[:8]}"
    execute(f"CREATE DATABASE {name}")
    open_store(url_of(name)).close()
    atexit.register(execute, f"DROP DATABASE {name}")
    return name


def url_of(database: str) -> str:
    """Return the URL of a database on the shared server."""
    return urlunsplit(urlsplit(shared_url())._replace(path=f"/{database}"))


def user_of(url: str) -> str:
    """Return user and password as they stand in a URL."""
    return urlsplit(url).netloc.rpartition("@")[0]


def psql() -> str:
    """Return the path of the server's own shell."""
    return shutil.which("psql") or str(_programs() / "psql")


def execute(statement: str, url: str | None = None) -> None:
    """Do something as the user of the shared server, or of another URL."""
    with psycopg.connect(url or shared_url(), autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def fresh_database(options: str | None = None) -> Iterator[str]:
    """Return the URL of a new database, with our tables unless made with other options, and drop it in the end."""
    name = f"integration_{uuid4().hex[:12]}"
    execute(f"CREATE DATABASE {name} {options or f'TEMPLATE {_template()}'}")
    try:
        yield url_of(name)
    finally:
        execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
