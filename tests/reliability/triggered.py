"""A process that runs pipelines and is told of those that ended: ``triggered.py STORE SPOOL RUNS TOLD``.

Prints the id of each run, and goes on until it is asked to end. Each run that it is told of becomes a line of the
file TOLD, with its id and the number of this process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import closing

from integration_logger import Entry, IntegrationLogger, observers

LEASE_SECONDS = 2.0
asked = threading.Event()
"""To end."""


def main(store: str, spool: str, runs: int, told: str) -> None:
    """Run so many pipelines, and wait."""
    observers.LEASE_SECONDS = LEASE_SECONDS  # type: ignore[misc]  # so that a test need not wait for the real one
    file = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def trigger(entry: Entry) -> None:
        os.write(file, f"{entry.id} {os.getpid()}\n".encode())

    with closing(IntegrationLogger(store, spool=spool)) as log:
        log.on_run_finished(trigger, name="trigger")
        log.start()
        for number in range(runs):
            if asked.is_set():
                break
            with log.run("orders", job_id=number) as run:
                run.add_rows(number)
            print(run.id, flush=True)
        asked.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
