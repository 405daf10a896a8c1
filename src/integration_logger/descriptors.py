"""Open files that a forked child must not keep: with them it would keep the locks of a parent that has died."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from weakref import WeakSet

from integration_logger.forks import in_child


class Descriptor:
    """An open file that is closed, and with it unlocked, when the last of its users lets go."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, path: Path, flags: int) -> None:
        self.number = -1
        with _opening:
            self.number = os.open(path, flags | os.O_CLOEXEC, 0o600)
            _open.add(self)

    @classmethod
    def pipe(cls) -> tuple[Descriptor, Descriptor]:
        """Return the reading and the writing end of a new pipe."""
        read_end, write_end = cls.__new__(cls), cls.__new__(cls)
        with _opening:
            read_end.number, write_end.number = os.pipe()
            _open.update((read_end, write_end))
        return read_end, write_end

    def lock(self) -> bool:
        """Take the lock of the file unless another open file has it; return whether it is ours."""
        try:
            fcntl.flock(self.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_at(self, path: Path) -> bool:
        """Whether the file still has this name; without one nobody will ever find it."""
        try:
            return os.path.samestat(os.fstat(self.number), path.stat())
        except OSError as error:
            return not isinstance(error, FileNotFoundError | NotADirectoryError)

    def close(self) -> None:
        """Close it now; does nothing if that has been done."""
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)

    __del__ = close


_open: WeakSet[Descriptor] = WeakSet()
_opening = threading.RLock()  # held while the process forks, so that no file is open and not in the list


def _close_inherited() -> None:
    global _opening
    _opening = threading.RLock()
    # closing, unlike unlocking, leaves the lock with the parent
    for descriptor in [*_open]:
        descriptor.close()


os.register_at_fork(before=lambda: _opening.acquire(), after_in_parent=lambda: _opening.release())
in_child(_close_inherited)
