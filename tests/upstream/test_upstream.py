"""What of the libraries' own tests is quick, needs nothing else, and serves at no fixed port."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.upstream.__main__ import SUITES, outcomes, source

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(300)]  # a whole suite

QUICK = ["-k", "not trio"]
FAILED_BEFORE = ["--lf", "--lfnf=none"]


def test_the_tests_of_starlette_do_not_notice(tmp_path: Path) -> None:
    """Those that fail with the logger in front of every application fail without it, too."""
    try:
        place = source("starlette", tmp_path)
    except subprocess.CalledProcessError:
        pytest.skip("there is no registry to get the source distribution from")
    if not (place / "tests").exists():
        pytest.skip("the source distribution carries no tests")
    logged = outcomes(place, SUITES["starlette"], QUICK, logged=True)
    assert [*logged.values()].count("passed") > 100
    failed = {name: outcome for name, outcome in logged.items() if outcome not in ("passed", "skipped")}
    assert failed == outcomes(place, SUITES["starlette"], [*QUICK, *FAILED_BEFORE], logged=False)
