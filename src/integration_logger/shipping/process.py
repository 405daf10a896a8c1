"""The program that ships a spool folder: the child of a logger, or ``integration-logger ship``."""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import msgspec

from integration_logger.ids import new_id
from integration_logger.retention import Retention
from integration_logger.shipping.background import Background
from integration_logger.shipping.child import Job
from integration_logger.shipping.shipper import Shipper
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.stores import store_from_url

PATIENCE: Final = 3.0
"""Seconds that a child waits for the folder before it leaves it to another shipper."""
LAST_SECONDS: Final = 5.0
"""How long it ships on when it has been told to end; the rest waits for the next shipper."""
LOOK_EVERY: Final = 0.5
DYING: Final = 0.1
"""Seconds that it gives a parent that has let go of it to be gone altogether."""
NICENESS: Final = 10
ASKS_TO_END: Final = (signal.SIGTERM, signal.SIGINT)


def make_shipper(job: Job) -> Shipper:
    """Return a shipper for the folder, nothing of which is opened yet."""
    folder, retention = Path(job.folder), Retention.from_data(job.retention)
    return Shipper(
        store_from_url(job.store),
        retention,
        url=job.name,
        folder=folder,
        memory=MemoryQueue(),
        owner=new_id(),
        detectors=job.detectors,
    )


def run(background: Background, go_on: Callable[[], bool], end: Callable[[], object] = lambda: None) -> None:
    """Ship as long as ``go_on`` returns True, and then what is left for some seconds.

    ``end`` is called before the store is closed.
    """
    background.start()
    try:
        while go_on():
            pass
    finally:
        background.stop(LAST_SECONDS)
        end()
        if background.shipper is not None:
            background.shipper.store.close()


def main() -> None:
    """Ship until the parent has gone, or another shipper has the folder."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    for number in ASKS_TO_END:  # a service manager sends it to all at once, and the parent is not done yet
        signal.signal(number, signal.SIG_IGN)
    job = read_job(Path(sys.argv[1]))
    with suppress(OSError):
        os.nice(NICENESS)
    shipper, began, parent = make_shipper(job), monotonic(), os.getppid()

    def go_on() -> bool:
        if select.select([sys.stdin], [], [], LOOK_EVERY)[0]:
            _let_die(parent)
            return False
        return shipper.has_folder or monotonic() - began < PATIENCE

    run(Background(None, shipper), go_on)


def _let_die(parent: int) -> None:
    """Wait for the end of a parent that was killed: it may close the pipe before the file that shows that it lives."""
    ends_at = monotonic() + DYING
    while os.getppid() == parent and monotonic() < ends_at:
        sleep(DYING / 20)


def read_job(path: Path) -> Job:
    """Return what the parent wrote down, and delete it: it holds a password."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Job)
    finally:
        path.unlink(missing_ok=True)


class Ending:
    """Whether somebody has asked this process to end."""

    def __init__(self) -> None:
        self.asked = False
        for number in ASKS_TO_END:
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True


if __name__ == "__main__":
    main()
