"""Forks that Python is not told of, as uWSGI makes them: a child begins anew with its first call."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.test_forks import run

pytestmark = pytest.mark.reliability

BEGIN = """
import ctypes, types

fork = ctypes.PyDLL(None).fork
"""
UWSGI = """
import warnings

warnings.simplefilter("ignore", ResourceWarning)  # the process that ships is the master's
sys.modules["uwsgi"] = types.SimpleNamespace(opt={})
say(record(log, 5))
"""
CHILDREN = """
reading, writing = os.pipe()
children = []
for _ in range(4):
    if not (child := fork()):
        say(record(log, 50))
        os.write(writing, f"{log._owner}\\n".encode())
        os._exit(0)
    children.append(child)
for child in children:
    wait(child)
os.close(writing)
with os.fdopen(reading) as file:
    assert len({*file.read().split(), log._owner}) == 5
say(record(log, 5))
log.start()
eventually(lambda: len(segments(folder / "log.db.spool")) <= 1)
assert log.flush(20)
log.close()
"""


def test_a_fork_before_anything(tmp_path: Path) -> None:
    """Workers of a master that only made the logger are processes of their own, with names of their own."""
    assert len(run(tmp_path, BEGIN + CHILDREN)) == 205


def test_a_fork_after_calls_of_the_master(tmp_path: Path) -> None:
    """Where the master has made calls of its own, no child writes where the master or another child does.

    No threads run there, as in uWSGI unless it is told so: with them such a fork is not safe for Python itself.
    """
    ids = run(tmp_path, f"{BEGIN}{UWSGI}{CHILDREN}")
    assert len(ids) == 210
