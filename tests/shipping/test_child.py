"""The parent's end of a child that ships: when one is started, with what, and what is left where that fails."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from integration_logger.descriptors import Descriptor
from integration_logger.retention import Retention
from integration_logger.shipping import child as child_module
from integration_logger.shipping.child import LONGEST_PAUSE, LOOK_EVERY, Job, ShippingChild, interpreter, is_free
from integration_logger.shipping.process import read_job
from integration_logger.shipping.shipper import LOCK
from integration_logger.spool.folders import claim_folder

PASSWORD = "s3cr3t-of-the-store"


class Started:
    """Stands in for the processes that are started: what they were given, and how they end."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.jobs: list[bytes] = []
        self.modes: list[int] = []
        self.environ: dict[str, str] = {}
        self.status: int | None = None
        self.error: Exception | None = None

    def __call__(self, command: list[str], *, env: dict[str, str], **_: Any) -> Started:
        if self.error is not None:
            raise self.error
        job = Path(command[-1])
        self.commands.append(command)
        self.jobs.append(job.read_bytes())
        self.modes.append(job.stat().st_mode & 0o777)
        self.environ = env
        return self

    def poll(self) -> int | None:
        return self.status

    def wait(self, timeout: float) -> int | None:
        return self.status


class World:
    """A folder, a clock, and a child that is kept there."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.started = Started()
        self.folder = folder
        self.job = Job(
            store=f"postgresql://u:{PASSWORD}@db/log",
            name="postgresql://u@db/log",
            folder=str(folder),
            retention=Retention("3 days").to_data(),
        )
        self.child = ShippingChild(self.job)

    def keep(self, after: float = LOOK_EVERY) -> int:
        """Let time pass and the child be kept; return how many have been started."""
        self.now += after
        self.child.keep()
        return len(self.started.commands)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path / "spool")
    claim_folder(made.folder, made.job.name)
    monkeypatch.setattr(child_module, "monotonic", lambda: made.now)
    monkeypatch.setattr(child_module, "_Process", made.started)
    yield made
    made.child.stop(0)


def test_one_is_started_where_nobody_ships(world: World) -> None:
    """A folder that is free gets a child, and no second one as long as that lives."""
    assert world.keep() == 1
    assert [world.keep() for _ in range(5)] == [1] * 5
    assert world.child.trouble.text is None


def test_none_is_started_where_somebody_ships(world: World) -> None:
    """While another process has the folder there is nothing to do; when it goes, there is."""
    lock = Descriptor(world.folder / LOCK, os.O_RDWR | os.O_CREAT)
    assert lock.lock()
    assert world.keep() == world.keep() == 0
    lock.close()
    assert world.keep() == 1


def test_none_is_started_without_a_folder(tmp_path: Path, world: World) -> None:
    """Where nothing has been spooled yet nothing can be shipped."""
    world.child = ShippingChild(Job(store="x", name="x", folder=str(tmp_path / "nothing"), retention={}))
    assert world.keep() == 0
    assert world.child.trouble.text is None


def test_it_looks_once_a_second(world: World) -> None:
    """Called many times a second, it looks at the folder once."""
    lock = Descriptor(world.folder / LOCK, os.O_RDWR | os.O_CREAT)
    lock.lock()
    world.keep()
    lock.close()
    assert world.keep(LOOK_EVERY / 2) == 0
    assert world.keep(LOOK_EVERY / 2) == 1


def test_one_that_ended_well_is_replaced_at_once(world: World) -> None:
    """A child that left the folder to another shipper is no trouble."""
    world.keep()
    world.started.status = 0
    assert world.keep() == 1
    assert world.keep(0.1) == 2
    assert world.child.trouble.text is None


def test_one_that_fails_is_tried_again_ever_more_seldom(world: World) -> None:
    """The pause doubles up to its bound; the trouble is told, and ends with the first child that stays."""
    world.keep()
    world.started.status = 1
    at: list[float] = []
    while len(at) < 8:
        before = len(world.started.commands)
        if world.keep(1.0) > before:
            at.append(world.now)
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert pauses == sorted(pauses)
    assert LONGEST_PAUSE <= pauses[-1] <= LONGEST_PAUSE + 3
    assert world.child.trouble.text == "it ended with status 1"
    world.started.status = None
    world.keep()
    assert world.child.trouble.text is None


@pytest.mark.parametrize("error", [OSError(12, "Cannot allocate memory"), RuntimeError(PASSWORD)])
def test_one_that_cannot_be_started_leaves_no_password(world: World, error: Exception) -> None:
    """Where the system starts no process, the host gets no exception, and no job stays behind."""
    world.started.error = error
    world.keep()
    assert [path.name for path in world.folder.iterdir() if path.suffix == ".job"] == []
    assert world.child.trouble.text == type(error).__name__
    world.started.error = None
    assert world.keep(2 * LOOK_EVERY) == 1


def test_what_it_is_told_lies_in_a_private_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job has mode 0600 and says all; the command line and the environment say nothing that is secret."""
    monkeypatch.setenv("INTEGRATION_LOGGER_STORE", world.job.store)
    monkeypatch.setenv("SHOP", "1")
    world.keep()
    assert world.started.modes == [0o600]
    assert json.loads(world.started.jobs[0])["store"] == world.job.store
    assert PASSWORD not in str(world.started.commands)
    assert PASSWORD not in str(world.started.environ)
    assert world.started.environ["SHOP"] == "1"


def test_a_job_is_read_once(world: World) -> None:
    """The child gets what the parent wrote, and deletes it, also where it cannot be read."""
    world.keep()
    path = Path(world.started.commands[0][-1])
    assert msgspec.json.encode(read_job(path)) == msgspec.json.encode(world.job)
    assert not path.exists()
    path.write_bytes(b"{")
    with pytest.raises(ValueError, match="truncated"):
        read_job(path)
    assert not path.exists()


def test_the_end_closes_the_pipe(world: World) -> None:
    """Stopping tells the child by the pipe, and says whether it has ended in time."""
    world.keep()
    pipe = world.child._pipe
    assert pipe is not None
    world.started.status = 0
    assert world.child.stop(0.1)
    assert pipe.number == -1


def test_a_child_that_was_never_started_has_ended(world: World) -> None:
    """To stop what never ran waits for nothing."""
    assert world.child.stop(0)


def test_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python that runs, or the one that belongs to it where the program is a server's."""
    monkeypatch.setattr(sys, "executable", "/opt/venv/bin/python3.11")
    assert interpreter() == "/opt/venv/bin/python3.11"
    for embedded in ("/usr/bin/uwsgi", "", None):
        monkeypatch.setattr(sys, "executable", embedded)
        assert interpreter() == f"{sys.exec_prefix}/bin/python3"


def test_a_child_may_outlive_who_started_it(recwarn: pytest.WarningsRecorder) -> None:
    """A logger that is closed while its child still ships what is left complains of nothing."""
    process = child_module._Process([sys.executable, "-c", "import time; time.sleep(60)"])
    number = process.pid
    del process
    gc.collect()
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    assert [str(warning.message) for warning in recwarn if warning.category is ResourceWarning] == []


def test_a_folder_that_is_none_is_not_free(tmp_path: Path) -> None:
    """Where a file is in the way of the folder, there is nothing to ship, and nothing is raised."""
    (tmp_path / "spool").write_bytes(b"in the way")
    assert not is_free(tmp_path / "spool" / LOCK)
    assert not is_free(tmp_path / "nowhere" / LOCK)
    assert is_free(tmp_path / LOCK)
