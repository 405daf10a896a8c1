"""What cannot be shipped is kept in a file of its own, for a report of the fault."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

ASIDE_BYTES: Final = 64 * 1024 * 1024
"""The most that is kept in one such folder; what comes later is counted only."""


def set_aside(folder: Path, name: str, data: bytes) -> None:
    """Keep bytes in the folder; does nothing where it is full, cannot be written, or has a file of that name."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sum(path.stat().st_size for path in folder.iterdir()) + len(data) <= ASIDE_BYTES:
            write_private(folder / name, data)


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read; raise ``FileExistsError`` where there is one."""
    with io.FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
