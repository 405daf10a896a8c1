"""The fixture for the tests of a host."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.docs import pages

PLUGIN = "integration_logger_pytest"
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider", "-W", "error", "--noconftest"]


def run(folder: Path, text: str) -> str:
    """Run a test file in a process of its own; return what pytest says in the end."""
    (folder / "test_host.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([*PYTEST, "test_host.py"], cwd=folder, capture_output=True, text=True, check=False, env=alone)
    return done.stdout.strip().splitlines()[-1] + done.stderr


def test_the_guide_as_a_host_has_it(tmp_path: Path) -> None:
    """The blocks of the guide are a test file that passes."""
    page = next(page for page in pages.PAGES if page.name == "testing.md")
    text = "\n".join(block.text for block in pages.blocks(page, "python"))
    assert run(tmp_path, text).startswith("3 passed")


def test_each_test_has_a_log_of_its_own_with_the_hosts_options(tmp_path: Path) -> None:
    """Entries of one test are not seen by the next, and options are taken from the host's own fixture."""
    text = """
import pytest
from wsgiref.util import setup_testing_defaults

@pytest.fixture(scope="session")
def integration_log_options():
    return {"labels": {"environment": "test"}}

@pytest.mark.parametrize("time", range(2))
def test_one_call(integration_log, time):
    environ = {}
    setup_testing_defaults(environ)
    app = integration_log.wsgi(lambda environ, start: start("200 OK", []) and [b"ok"])
    assert [*app(environ, lambda status, headers: True)] == [b"ok"]
    (entry,) = integration_log.entries
    assert entry.labels == {"environment": "test"}
"""
    assert run(tmp_path, text).startswith("2 passed")


def test_it_costs_nothing_where_nobody_asks_for_it(tmp_path: Path) -> None:
    """The package itself is not imported by a run that does not use the fixture."""
    text = "import sys\ndef test_nothing():\n    assert 'integration_logger' not in sys.modules\n"
    assert run(tmp_path, text).startswith("1 passed")


def test_pytest_finds_it_by_itself() -> None:
    """It is declared under its own name, so that naming it again does no harm."""
    project = tomllib.loads(pages.read("pyproject.toml"))
    assert project["project"]["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}
    assert f"src/{PLUGIN}" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
