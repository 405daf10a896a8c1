"""What a run with ten nested calls costs the host, from its beginning until all eleven entries are on the spool."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import thread_time

from integration_logger import IntegrationLogger
from tests.benchmarks.harness import Options, alternate, folder, number, table
from tests.benchmarks.inprocess import check, paused, ready

CALLS = 10
RUNS = 1_500
_BATCH = 100

Job = Callable[[IntegrationLogger], None]


def bare(log: IntegrationLogger) -> None:
    """A run with calls of which nothing is told but that they were."""
    with log.run("orders"):
        for _ in range(CALLS):
            with log.call("C2E"):
                pass


def labelled(log: IntegrationLogger) -> None:
    """With labels, rows and a savepoint, as a pipeline has them."""
    with log.run("Orders", log_type="pipeline", job_id=702, tenant="1", application="shop") as run:
        for _ in range(CALLS):
            with log.call("C2E", operation="chat-to-email", integration="c2e"):
                run.add_rows(256)
        run.savepoint(new="2026-11-20")


def with_bodies(log: IntegrationLogger) -> None:
    """With a request and a response each, too."""
    with log.run("Orders", log_type="pipeline", job_id=702, tenant="1", application="shop") as run:
        for place in range(CALLS):
            with log.call("C2E", operation="chat-to-email", integration="c2e") as call:
                call.request({"to": "ana@example.com", "subject": "Your order", "lines": [place, 2, 3]})
                call.response({"ok": True, "id": place}, status_code=200)
                run.add_rows(256)
        run.savepoint(new="2026-11-20")


JOBS: dict[str, Job] = {
    "nothing told": bare,
    "labels, rows, savepoint": labelled,
    "and bodies of the calls": with_bodies,
}


def run(options: Options) -> None:
    """Print the table."""
    redactor = ready()
    with folder() as place:

        def measure(job: Job) -> float:
            return _timed(job, place, redactor, options.scaled(RUNS))

        found = alternate({name: lambda job=job: measure(job) for name, job in JOBS.items()}, options.rounds)
    rows = [[name, number(cost), number(cost / (CALLS + 1))] for name, cost in found.items()]
    table(f"A run with {CALLS} calls, µs of its thread's time on a processor", ["", "in all", "an entry"], rows)


def _timed(job: Job, place: Path, redactor: object, runs: int) -> float:
    elapsed, done = 0.0, 0
    with paused(place, redactor) as log:  # type: ignore[arg-type]
        for _ in range(_BATCH):
            job(log)
        while done < runs:
            start = thread_time()
            for _ in range(_BATCH):
                job(log)
            elapsed += thread_time() - start
            done += _BATCH
            log._writer.make_ready()  # type: ignore[union-attr]  # its own thread does so elsewhere
        check(log)
    return elapsed / done * 1e6
