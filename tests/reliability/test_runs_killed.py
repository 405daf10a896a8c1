"""A run whose process is killed in its middle: shown while it runs, and then with what it had told last."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from integration_logger import IntegrationLogger
from tests.deadlines import eventually
from tests.reference.conftest import READER
from tests.reliability.processes import PYTHON, ended
from tests.viewer.server import Client

pytestmark = pytest.mark.reliability

SHOWN_WITHIN = 5.0
ROWS = 10_000
PIPELINE = f"""
import sys, time
from integration_logger import IntegrationLogger
log = IntegrationLogger(sys.argv[1], announce_after=0.2)
with log.run("Orders", log_type="pipeline", job_id=702, tenant="1") as run:
    with run.setup():
        time.sleep(0.01)
    for row in range({ROWS}):
        run.add_rows()
        run.savepoint(new=f"row {{row}}")
        if row == {ROWS} // 2:
            print("half", flush=True)
            sys.stdin.readline()
"""


def test_a_killed_run_is_abandoned_with_its_rows_and_savepoint(tmp_path: Path) -> None:
    """Another process of the same host shows it while it runs, and within five seconds of its death as abandoned."""
    url = f"sqlite:///{tmp_path}/log.db"
    command = [*PYTHON, "-c", PIPELINE, url]
    with closing(IntegrationLogger(url)) as log:
        reader = Client(log.viewer(authorize=lambda _: READER))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with ended(subprocess.Popen(command, text=True, **pipes)) as process:  # type: ignore[call-overload]
            assert process.stdout is not None
            assert process.stdout.readline() == "half\n"

            def told() -> bool:
                items = reader.get("/api/runs").json()["in_flight"]
                return bool(items) and items[0]["run"]["new_savepoint"] == f"row {ROWS // 2}"

            eventually(told, seconds=40)
            assert "Still open" in reader.get("/runs").text
            process.kill()
            process.wait()
            (item,) = eventually(lambda: reader.get("/api/runs").json()["items"], seconds=SHOWN_WITHIN)
        assert reader.get("/api/runs").json()["in_flight"] == []
        assert (item["status"], item["outcome"], item["error_type"]) == ("failed", "error", "abandoned")
        assert (item["run"]["row_count"], item["run"]["new_savepoint"]) == (ROWS // 2 + 1, f"row {ROWS // 2}")
        assert (item["run"]["job_id"], item["tenant"], item["log_type"]) == ("702", "1", "pipeline")
        last = log.last_run("pipeline", job_id=702, tenant="1")
        assert last is not None
        assert last.error_type == "abandoned"


def test_a_run_that_goes_on_is_recorded_once(tmp_path: Path) -> None:
    """What was shown as open while it ran is one entry in the end, with all of its rows."""
    url = f"sqlite:///{tmp_path}/log.db"
    done = subprocess.run(
        [*PYTHON, "-c", PIPELINE, url], input="go on\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with closing(IntegrationLogger(url)) as log:
        found = Client(log.viewer(authorize=lambda _: READER)).get("/api/runs").json()
        (item,) = eventually(lambda: found["items"])
        assert (item["status"], item["run"]["row_count"], found["in_flight"]) == ("completed", ROWS, [])
