"""What can happen to the spool."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final

from integration_logger import codec
from integration_logger.spool.segments import MAGIC, POSITION, Segment, frame, segments
from integration_logger.stores import open_store
from tests.deadlines import eventually
from tests.reliability.faults.of_the_store import fill, locked
from tests.reliability.faults.run import Fault
from tests.reliability.faults.world import World, answers, mount

FLIPS: Final = 20
WAITING: Final = 64 * 1024
"""Bytes that wait on the spool when it is damaged, at least."""
SMALL: Final = 2 * 1024**2
"""Bytes of a spool whose segments are soon full, and then left for new ones."""


@contextmanager
def disk_full(world: World) -> Iterator[None]:
    """The disk of the spool is full from the start; in the end there is room."""
    mount(world.spool, 1024**2)
    ballast = world.spool / "ballast"
    fill(ballast)
    yield
    subprocess.run(["mount", "-o", f"remount,size={1024**3}", str(world.spool)], check=True)
    ballast.unlink()


@contextmanager
def disk_fills(world: World) -> Iterator[None]:
    """The store is away, and so the disk of the spool fills up with what waits."""
    mount(world.spool, 256 * 1024)
    with locked_if_sqlite(world):
        yield
    subprocess.run(["mount", "-o", f"remount,size={1024**3}", str(world.spool)], check=True)


@contextmanager
def full(world: World) -> Iterator[None]:
    """The store is away, and the spool may not grow any more."""
    with locked_if_sqlite(world):
        yield


@contextmanager
def locked_if_sqlite(world: World) -> Iterator[None]:
    """The store takes nothing, from before the host starts."""
    open_store(world.store).close()
    if world.server is None:
        with locked(world):
            yield
    else:
        with world.admin(world.database) as connection, connection.transaction():
            connection.execute("LOCK TABLE integration_log_entries IN ACCESS EXCLUSIVE MODE")
            yield


@contextmanager
def read_only(world: World) -> Iterator[None]:
    """The folder may not be written while it is in use."""
    world.spool.chmod(0o500)
    yield
    world.spool.chmod(0o700)


@contextmanager
def never_writable(world: World) -> Iterator[None]:
    """The folder may not be written when the host starts."""
    world.spool.mkdir(mode=0o500)
    yield
    world.spool.chmod(0o700)


@contextmanager
def deleted(world: World) -> Iterator[None]:
    """The folder is deleted while it is in use."""
    shutil.rmtree(world.spool)
    yield


@contextmanager
def newer_version(world: World) -> Iterator[None]:
    """A newer version has left a segment that only that can read."""
    segment = Segment(world.spool)
    segment.append(frame(b"what only a newer version understands", codec.VERSION + 1))
    segment.publish()
    segment.file.close()
    yield
    assert segment.path.exists()
    remove(segment.path)


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_suffix(POSITION).unlink(missing_ok=True)


@contextmanager
def positions_damaged(world: World) -> Iterator[None]:
    """Nobody can tell any more how far shipping had come, and the host dies."""
    world.end(signal.SIGKILL)
    for path in world.spool.glob(f"*{POSITION}"):
        path.write_bytes(random.randbytes(20))
    world.start()
    yield


def damaged(damage: Callable[[World], int], *, dead: bool) -> Callable[[World], AbstractContextManager[None]]:
    """Segments that wait for the store are damaged, under their living writer or when that is dead."""

    @contextmanager
    def inject(world: World) -> Iterator[None]:
        with locked_if_sqlite(world):
            eventually(lambda: sum(len(written(path)) for path in segments(world.spool)) > WAITING, 30)
            if dead:
                world.end(signal.SIGKILL)
            world.frames_hit = damage(world)
            if dead:
                world.start()
                answers(world.port)
        yield

    return inject


def written(path: Path) -> bytes:
    """Return what has been written to a segment, which may be longer."""
    return path.read_bytes().rstrip(b"\0")


def flip(world: World) -> int:
    """Change bytes here and there; return how many entries that can hit."""
    for path in segments(world.spool):
        with path.open("r+b") as file:
            size = len(written(path))
            for _ in range(FLIPS if size else 0):
                at = random.randrange(size)
                file.seek(at)
                before = file.read(1)
                file.seek(at)
                file.write(bytes([before[0] ^ (1 << random.randrange(8))]))
    return FLIPS * len(segments(world.spool))


def truncate(world: World) -> int:
    """Cut segments at a third; return how many entries that can hit, those included that were written meanwhile."""
    hit = 5
    for path in segments(world.spool):
        data = written(path)
        os.truncate(path, len(data) // 3)
        hit += data[len(data) // 3 :].count(MAGIC) + 1
    return hit


@contextmanager
def tidied(world: World) -> Iterator[None]:
    """Somebody deletes what lies in the folder again and again, the lock and the manifest included."""
    ending = threading.Event()

    def work() -> None:
        while not ending.wait(0.3):
            for name in ("ship.lock", "manifest.json"):
                with suppress(OSError):
                    (world.spool / name).unlink()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ending.set()
    thread.join()


FAULTS: Final = [
    Fault(name="disk of the spool full", inject=disk_full, from_start=True),
    Fault(name="disk of the spool fills up", inject=disk_fills, from_start=True, store="sqlite"),
    Fault(name="spool full", inject=full, from_start=True, drops="spool full", max_bytes=128 * 1024),
    Fault(name="spool read-only", inject=read_only, privileged=False, told_after=40),
    Fault(name="spool never writable", inject=never_writable, from_start=True, privileged=False),
    Fault(name="spool deleted", inject=deleted, told_after=None),
    Fault(name="lock and manifest deleted", inject=tidied, told_after=None),
    Fault(name="segment of a newer version", inject=newer_version),
    Fault(name="positions damaged", inject=positions_damaged, away=True, told_after=None),
    Fault(name="bytes changed, writer alive", inject=damaged(flip, dead=False), told_after=None, max_bytes=SMALL),
    Fault(name="bytes changed, writer dead", inject=damaged(flip, dead=True), told_after=None, away=True),
    Fault(name="segments cut, writer alive", inject=damaged(truncate, dead=False), told_after=None, max_bytes=SMALL),
    Fault(name="segments cut, writer dead", inject=damaged(truncate, dead=True), told_after=None, away=True),
]
