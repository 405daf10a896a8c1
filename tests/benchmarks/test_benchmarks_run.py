"""The benchmarks run and print their tables; what the figures are is no test's business."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMAND = (sys.executable, "-m", "tests.benchmarks", "--quick")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("overhead", ["Added to a request", "1 KiB", "credentials", "limit met", "CPU"]),
        ("wsgi", ["Added to a WSGI request", "1 KiB", "credentials"]),
        ("outbound", ["Added to a call that goes out", "sync", "async", "limit met"]),
        ("shipping", ["From the spool into the store", "entries/s", "decode", "compress"]),
        ("runs", ["A run with 10 calls", "labels, rows, savepoint", "bodies of the calls"]),
        ("memory", ["upload", "download", "limit met"]),
        ("serving", ["requests/s", "bare Starlette", "p99 ms", "Paced", "Sustained"]),
    ],
)
def test_each_cheap_benchmark_prints_its_tables(name: str, words: list[str]) -> None:
    """``--only NAME --quick`` ends well within a minute and has every table."""
    printed = subprocess.check_output([*COMMAND, "--only", name], text=True, timeout=100)
    assert [word for word in words if word not in printed] == []


def test_a_benchmark_that_does_not_exist_is_refused() -> None:
    """A misspelt name runs nothing."""
    done = subprocess.run([*COMMAND, "--only", "speed"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "overhead" in done.stderr
