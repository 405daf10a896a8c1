"""What the app reads a request's body from: all that it reads is seen, and nothing is read for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Sees = Callable[[bytes, bool], None]
"""Takes each part that is read, and whether it is the last; never raises."""


def _look_away(data: bytes, ended: bool) -> None:
    """See nothing."""


class Input:
    """``wsgi.input``, seen while it is read."""

    __slots__ = ("_inner", "_sees")

    def __init__(self, inner: Any, sees: Sees) -> None:
        self._inner = inner
        self._sees = sees

    def nobody_looks(self) -> None:
        """Go on without being seen."""
        self._sees = _look_away

    def read(self, *size: int | None) -> bytes:
        """Return so many bytes, or all that are left."""
        data: bytes = self._inner.read(*size)
        self._sees(data, _is_last(data, size) or _is_all(size))
        return data

    def readline(self, *size: int | None) -> bytes:
        """Return a line, or the beginning of one."""
        line: bytes = self._inner.readline(*size)
        self._sees(line, _is_last(line, size))
        return line

    def readlines(self, *hint: int | None) -> list[bytes]:
        """Return all lines, or so many that they have about as many bytes as the hint."""
        lines: list[bytes] = self._inner.readlines(*hint)
        for line in lines:
            self._sees(line, False)
        if not lines or _is_all(hint):
            self._sees(b"", True)
        return lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._inner:
            self._sees(line, False)
            yield line
        self._sees(b"", True)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._readinto if name == "readinto" else found

    def _readinto(self, buffer: Any) -> int | None:
        size: int | None = self._inner.readinto(buffer)
        if size is not None:
            data = bytes(memoryview(buffer)[:size])
            self._sees(data, _is_last(data, (len(buffer),)))
        return size


def _is_last(data: bytes, size: tuple[int | None, ...]) -> bool:
    """Tell whether nothing came although something was asked for."""
    return not data and size != (0,)


def _is_all(size: tuple[int | None, ...]) -> bool:
    return not size or size[0] is None or size[0] < 0
