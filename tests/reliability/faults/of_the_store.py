"""What can happen to the store."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final

from integration_logger.stores import open_store
from tests.reliability.faults.run import Fault
from tests.reliability.faults.world import PASSWORD, ROLE, World, mount

_HOLD_LOCK: Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def repeated(step: Callable[[float], object]) -> Iterator[None]:
    """Do something again and again beside the block; it is told for how long it may take at most."""
    ending = threading.Event()

    def work() -> None:
        while not ending.is_set():
            step(0.4)
            ending.wait(0.1)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


# --- SQLite -------------------------------------------------------------------------------------------


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Another process holds the file for itself."""
    command = [sys.executable, "-c", _HOLD_LOCK, str(world.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        yield
        other.communicate()


@contextmanager
def busy(world: World) -> Iterator[None]:
    """Another process writes most of the time, so that each batch waits."""

    def hold(seconds: float) -> None:
        with closing(sqlite3.connect(world.path, isolation_level=None, timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")
            threading.Event().wait(seconds)
            other.execute("ROLLBACK")

    with repeated(hold):
        yield


@contextmanager
def truncated(world: World) -> Iterator[None]:
    """The file loses its second half; in the end somebody takes it away."""
    forget_pages(world)
    os.truncate(world.path, world.path.stat().st_size // 2)
    yield
    take_away(world)


@contextmanager
def overwritten(world: World) -> Iterator[None]:
    """The file is overwritten with something else; in the end somebody takes it away."""
    forget_pages(world)
    with world.path.open("r+b") as file:
        file.write(os.urandom(world.path.stat().st_size))
    yield
    take_away(world)


def forget_pages(world: World) -> None:
    """Have everything in the file itself, and nobody remember what is in it: else damage is noticed late."""
    with closing(sqlite3.connect(world.path, timeout=30)) as other:
        other.execute("CREATE TABLE a_change (of_schema)")
        other.commit()
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def replaced(world: World) -> Iterator[None]:
    """Another store is put in the place of the file, as when a backup is played back."""
    other = world.data / "other.db"
    open_store(f"sqlite:///{other}").close()
    other.replace(world.path)
    world.destroyed_at = monotonic()
    yield


@contextmanager
def deleted(world: World) -> Iterator[None]:
    """The file is deleted, and its log is not."""
    world.path.unlink()
    world.destroyed_at = monotonic()
    yield


@contextmanager
def all_deleted(world: World) -> Iterator[None]:
    """The file is deleted with all that belongs to it."""
    take_away(world)
    yield


def take_away(world: World) -> None:
    for path in world.data.glob("log.db*"):
        path.unlink(missing_ok=True)
    world.destroyed_at = monotonic()


@contextmanager
def disk_full(world: World) -> Iterator[None]:
    """The disk of the store is full; there is one from the start, with just enough room for the store to begin."""
    mount(world.data, 3 * 1024**2)
    ballast = world.data / "ballast"
    open_store(f"sqlite:///{world.path}").close()
    fill(ballast)
    yield
    subprocess.run(["mount", "-o", f"remount,size={1024**3}", str(world.data)], check=True)
    ballast.unlink()


def fill(ballast: Path) -> None:
    """Take up all the room that is left on a disk."""
    file = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    for size in (65536, 4096, 1):
        with suppress(OSError):
            while os.write(file, bytes(size)):
                pass
    os.close(file)


@contextmanager
def read_only(world: World) -> Iterator[None]:
    """File and folder may not be written when the host starts."""
    open_store(f"sqlite:///{world.path}").close()
    world.path.chmod(0o400)
    world.data.chmod(0o500)
    yield
    world.data.chmod(0o700)
    world.path.chmod(0o600)


# --- PostgreSQL ---------------------------------------------------------------------------------------


def stopped(how: signal.Signals) -> Callable[[World], AbstractContextManager[None]]:
    """The server ends, and is started again."""

    @contextmanager
    def inject(world: World) -> Iterator[None]:
        assert world.server is not None
        world.server.stop(how)
        yield
        world.server.start()

    return inject


@contextmanager
def suspended(world: World) -> Iterator[None]:
    """The server answers nobody, with all connections as they are."""
    assert world.server is not None
    world.server.suspend()
    yield
    world.server.resume()


@contextmanager
def slow(world: World) -> Iterator[None]:
    """The server stands still four fifths of the time."""
    server = world.server
    assert server is not None

    def stand_still(seconds: float) -> None:
        server.suspend()
        threading.Event().wait(seconds)
        server.resume()

    with repeated(stand_still):
        yield


@contextmanager
def tables_locked(world: World) -> Iterator[None]:
    """Somebody holds the tables, as a migration by hand does."""
    with world.admin(world.database) as connection, connection.transaction():
        connection.execute("LOCK TABLE integration_log_entries, integration_log_counter IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def dropped(world: World) -> Iterator[None]:
    """The database is dropped; in the end it is created anew, and is empty."""
    with world.admin() as connection:
        connection.execute(f"DROP DATABASE {world.database} WITH (FORCE)")
    world.destroyed_at = monotonic()
    yield
    world.create_database()


@contextmanager
def tables_dropped(world: World) -> Iterator[None]:
    """The tables are dropped."""
    with world.admin(world.database) as connection:
        connection.execute("DROP OWNED BY app CASCADE")
    world.destroyed_at = monotonic()
    with world.admin() as connection:
        connection.execute(f"ALTER DATABASE {world.database} OWNER TO {ROLE}")
    yield


@contextmanager
def other_password(world: World) -> Iterator[None]:
    """The password is another one for a while."""
    with world.admin() as connection:
        connection.execute(f"ALTER ROLE {ROLE} PASSWORD 'another'")
        world.send_away()
        yield
        connection.execute(f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'")


@contextmanager
def without_rights(world: World) -> Iterator[None]:
    """The role may not touch the tables."""
    with world.admin(world.database) as connection:
        connection.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {ROLE}")
        yield
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}")


@contextmanager
def no_connections(world: World) -> Iterator[None]:
    """The server takes no connection of the role."""
    with world.admin() as connection:
        connection.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
        world.send_away()
        yield
        connection.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")


FAULTS: Final = [
    Fault(name="store locked", inject=locked, store="sqlite", told_after=12),
    Fault(name="store busy", inject=busy, store="sqlite", told_after=None),
    Fault(name="store truncated", inject=truncated, store="sqlite"),
    Fault(name="store overwritten", inject=overwritten, store="sqlite"),
    Fault(name="store replaced", inject=replaced, store="sqlite", told_after=None),
    Fault(name="store deleted, its log not", inject=deleted, store="sqlite", told_after=None),
    Fault(name="store deleted", inject=all_deleted, store="sqlite", told_after=None),
    Fault(name="disk of the store full", inject=disk_full, store="sqlite", from_start=True),
    Fault(name="store read-only", inject=read_only, store="sqlite", from_start=True, privileged=False),
    Fault(name="server stopped", inject=stopped(signal.SIGINT), store="postgresql"),
    Fault(name="server killed", inject=stopped(signal.SIGQUIT), store="postgresql"),
    Fault(name="server suspended", inject=suspended, store="postgresql", told_after=None),
    Fault(name="server slow", inject=slow, store="postgresql", told_after=None),
    Fault(name="tables locked", inject=tables_locked, store="postgresql", told_after=12),
    Fault(name="database dropped", inject=dropped, store="postgresql"),
    Fault(name="tables dropped", inject=tables_dropped, store="postgresql", told_after=None),
    Fault(name="other password", inject=other_password, store="postgresql"),
    Fault(name="role without rights", inject=without_rights, store="postgresql"),
    Fault(name="no more connections", inject=no_connections, store="postgresql"),
]
