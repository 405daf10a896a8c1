"""Shipping in a process of its own, so that the host's interpreter carries the capture alone: the parent's end.

A child is started whenever nobody ships the spool folder. What it needs to know lies in a file that only its owner
may read, and that it deletes. It ends when its parent does, because then the pipe to it is closed, by whatever death.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any, Final

import msgspec

from integration_logger.descriptors import Descriptor
from integration_logger.ids import new_id
from integration_logger.shipping.detectors import DETECTORS
from integration_logger.shipping.shipper import LOCK
from integration_logger.spool.aside import write_private
from integration_logger.spool.folders import JOB
from integration_logger.trouble import Trouble

PROGRAM: Final = "integration_logger.shipping.process"
LOOK_EVERY: Final = 1.0
"""Seconds between two looks at whether somebody ships."""
LONGEST_PAUSE: Final = 60.0
"""Seconds until a child that keeps failing is started once more, after doubling from ``LOOK_EVERY``."""
LONGEST_WITHOUT_CHILD: Final = 5.0
"""The same where none could be started at all, which costs next to nothing to try: a folder that cannot be written."""
NOT_HANDED_ON: Final = "INTEGRATION_LOGGER_STORE"
"""A variable that may hold a password, which the environment of another process shall not show once more."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a child needs to know."""

    store: str
    """URL, with its password."""
    name: str
    """URL as the folder's manifest has it."""
    folder: str
    retention: dict[str, Any]
    detectors: tuple[str, ...] = DETECTORS


class _Process(subprocess.Popen[bytes]):
    """A child that may outlive this object, as it may its parent, and that a forked process knows nothing of."""

    def __del__(self) -> None:
        """Pass over that it still runs."""


class ShippingChild:
    """Has a child ship the folder whenever nobody else does."""

    def __init__(self, job: Job) -> None:
        self.trouble = Trouble()
        self._job = job
        self._folder = Path(job.folder)
        self._process: _Process | None = None
        self._pipe: Descriptor | None = None
        """The child ends when this is closed."""
        self._look_at = 0.0
        self._pause = LOOK_EVERY

    def keep(self) -> None:
        """Start a child if the folder needs one; never raises."""
        now = monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY
        try:
            if self._is_needed():
                self._start()
        except Exception as error:
            self._failed(type(error).__name__, LONGEST_WITHOUT_CHILD)

    def _is_needed(self) -> bool:
        if self._process is None:
            return is_free(self._folder / LOCK)
        status = self._process.poll()
        if status is None:
            self._pause = LOOK_EVERY
            self.trouble.end()
        else:
            self._process = self._pipe = None
            self._look_at = 0.0
            if status:
                self._failed(f"it ended with status {status}")
        return False

    def _failed(self, why: str, longest: float = LONGEST_PAUSE) -> None:
        self._pause = min(self._pause * 2, longest)
        self._look_at = monotonic() + self._pause
        self.trouble.warn("the process that ships cannot be kept running, entries wait on the spool: %s", why)

    def _start(self) -> None:
        job = self._folder / f".{new_id()}{JOB}"
        read_end, self._pipe = Descriptor.pipe()
        try:
            write_private(job, msgspec.json.encode(self._job))
            self._process = _Process(
                [interpreter(), "-P", "-m", PROGRAM, str(job)],
                stdin=read_end.number,
                stdout=subprocess.DEVNULL,
                cwd="/",  # no folder of the host is kept in use
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the parent, which tells the child by the pipe
            )
        except BaseException:
            job.unlink(missing_ok=True)
            raise
        finally:
            read_end.close()

    def stop(self, timeout: float) -> bool:
        """Have the child ship what is left and end; return whether that took at most ``timeout`` seconds."""
        if self._pipe is not None:
            self._pipe.close()
        try:
            return self._process is None or self._process.wait(timeout) is not None
        except subprocess.TimeoutExpired:
            return False


def is_free(path: Path) -> bool:
    """Tell whether nobody ships the folder; there is nothing to ship where there is no folder."""
    try:
        file = Descriptor(path, os.O_RDWR | os.O_CREAT)
    except OSError:  # the folder is not there, is none, or is not for us
        return False
    try:
        return file.lock()
    finally:
        file.close()


def _environment() -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name != NOT_HANDED_ON}
    return given | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}


def interpreter() -> str:
    """Return the Python that runs here, also where a server has embedded it."""
    if "python" in Path(sys.executable or "").name:
        return sys.executable
    return str(Path(sys.exec_prefix, "bin", "python3"))
