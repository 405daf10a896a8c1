"""Which processes use a spool folder: each holds the lock of a file of its own for as long as it lives."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from integration_logger.descriptors import Descriptor
from integration_logger.spool.segments import UNNAMED

ALIVE: Final = ".alive"


class Presence:
    """Tells the others that this process is there, and by its end that it has gone."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._path = folder / f"{owner}{ALIVE}"
        self._file: Descriptor | None = None

    def show(self) -> None:
        """Make the file unless it is there; raises ``OSError`` where the folder cannot be written."""
        if self._file is not None and self._file.is_at(self._path):
            return
        self._file = None
        draft = self._path.with_name(f".{self._path.stem}{UNNAMED}")
        file = Descriptor(draft, os.O_RDWR | os.O_CREAT)
        if file.lock():  # before it has its name, or it would be taken for a dead process's
            draft.replace(self._path)
            self._file = file

    def end(self) -> None:
        """Let the lock go, as the end of the process does."""
        if self._file is not None:
            self._file.close()
            self._file = None


def present(folder: Path) -> dict[str, bool]:
    """Return the processes whose files lie in the folder, each with whether it lives."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return {path.stem: _lives(path) for path in folder.iterdir() if path.suffix == ALIVE}
    return {}


def _lives(path: Path) -> bool:
    try:
        file = Descriptor(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # better shown as under way for ever than as gone by mistake
    try:
        return not file.lock()
    finally:
        file.close()


def forget(folder: Path, owners: Iterable[str]) -> None:
    """Delete the files of processes that have gone."""
    for owner in owners:
        (folder / f"{owner}{ALIVE}").unlink(missing_ok=True)
