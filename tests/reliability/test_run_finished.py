"""``on_run_finished`` over several processes that come and go: each run is told exactly once."""

from __future__ import annotations

import json
import signal
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path

from integration_logger.stores import open_store
from tests.deadlines import eventually
from tests.reliability.processes import PYTHON, ended

PROCESSES = 4
RUNS = 200


def test_a_thousand_runs_over_four_processes_and_two_restarts(tmp_path: Path) -> None:
    """One process ends as asked to while it is at work, the one that tells is killed while it waits for runs."""
    told = tmp_path / "told"
    told.touch()

    def lines() -> list[tuple[str, int]]:
        return [(id, int(pid)) for id, pid in map(str.split, told.read_text().splitlines())]

    with ExitStack() as stack:

        def start(runs: int) -> subprocess.Popen[str]:
            given = [f"sqlite:///{tmp_path}/log.db", str(tmp_path / "spool"), str(runs), str(told)]
            command = [*PYTHON, "-m", "tests.reliability.triggered", *given]
            return stack.enter_context(ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)))

        def teller() -> subprocess.Popen[str]:
            return next(process for process in living if process.pid == lines()[-1][1])

        living = [start(RUNS) for _ in range(PROCESSES)]
        all = [*living]
        eventually(lambda: len(lines()) > 100, 30)
        first = teller()
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
        living.remove(first)
        begun = len(ids_of(first))
        living.append(start(RUNS // 2 + RUNS - begun))
        all.append(living[-1])
        eventually(lambda: len(lines()) == PROCESSES * RUNS + RUNS // 2, 60)
        eventually(lambda: noted(tmp_path) >= len(lines()))  # killed before that, it has another one tell the last run
        second = teller()
        assert second is not first
        second.kill()
        living.remove(second)
        living.append(start(RUNS // 2))
        all.append(living[-1])
        eventually(lambda: len(lines()) >= 1000, 30)
        for process in living:
            process.send_signal(signal.SIGTERM)
        assert {process.wait(20) for process in living} == {0}
        recorded = sorted(id for process in all for id in ids_of(process))
    assert len(recorded) == 1000
    assert sorted(id for id, _ in lines()) == recorded
    assert len({pid for _, pid in lines()}) >= 3


def noted(folder: Path) -> int:
    """Return up to which entry the observer has noted that all was told; there is nothing but runs."""
    with closing(open_store(f"sqlite:///{folder}/log.db")) as store:
        found = store.state.get("observer/run-finished/trigger")
    return 0 if found is None else int(json.loads(found)["seq"])


_OUTPUTS: dict[int, list[str]] = {}


def ids_of(process: subprocess.Popen[str]) -> list[str]:
    """Return the ids that a process has printed that has ended."""
    if process.pid not in _OUTPUTS:
        assert process.stdout is not None
        _OUTPUTS[process.pid] = process.stdout.read().split()
    return _OUTPUTS[process.pid]
