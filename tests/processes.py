"""Real processes of the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, NamedTuple

COMMAND = [sys.executable, "-X", "dev", "-W", "error", "-m", "integration_logger"]


class Running(NamedTuple):
    """A process with its two outputs."""

    process: subprocess.Popen[str]
    stdout: IO[str]
    stderr: IO[str]


@contextmanager
def started(*args: str, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run ``integration-logger`` until the block is left."""
    process = subprocess.Popen(
        [*COMMAND, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            yield Running(process, process.stdout, process.stderr)
        finally:
            process.kill()
