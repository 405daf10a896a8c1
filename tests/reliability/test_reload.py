"""uvicorn with ``--reload``: the host begins anew when its code changes, and loses nothing."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.deadlines import eventually
from tests.reliability.processes import load
from tests.reliability.servers import Log, end, serving

pytestmark = pytest.mark.reliability

LISTENS = r"(?s)running on http://127.0.0.1:(\d+).*startup complete"


def test_code_that_changes_under_load(shared: Log, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Three changes of the code: each time a new process takes over, and every call is stored once."""
    code = tmp_path_factory.mktemp("code") / "shop.py"
    code.write_text("VERSION = 0\n")
    command = [
        sys.executable, "-m", "uvicorn", "tests.reliability.host:app", "--factory", "--no-access-log", "--port", "0",
        "--reload", "--reload-dir", str(code.parent),
    ]  # fmt: skip
    with serving(shared, *command, announces=LISTENS) as host, load(host, 4) as calls:
        for number in range(1, 4):
            calls.wait_for(200 * number)
            code.write_text(f"VERSION = {number}\n")
            eventually(lambda number=number: started(shared.folder) > number, seconds=30)  # type: ignore[misc]
        calls.wait_for(len(calls.acknowledged) + 200)
        end(host, calls, signal.SIGINT)
    shared.assert_kept(calls)


def started(folder: Path) -> int:
    """Return how often the host has begun."""
    return (folder / f"{Path(sys.executable).name}.output").read_text().count("Application startup complete")
