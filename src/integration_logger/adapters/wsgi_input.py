"""What the app reads a request's body from: all that it reads is seen, and nothing is read for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

Sees = Callable[[bytes, bool], None]
"""Takes each part that is read, and whether it is the last; never raises."""


def _look_away(data: bytes, ended: bool) -> None:
    """See nothing."""


class Input:
    """``wsgi.input``, seen while it is read."""

    __slots__ = ("_again", "_inner", "_sees", "_sees_new")

    def __init__(self, inner: Any, sees: Sees) -> None:
        self._inner = inner
        self._sees = self._sees_new = sees
        self._again = 0
        """Bytes to come that were seen before, as the app has gone back."""

    def nobody_looks(self) -> None:
        """Go on without being seen."""
        self._sees = self._sees_new = _look_away

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

    def __next__(self) -> bytes:
        try:
            line: bytes = next(self._inner)
        except StopIteration:
            self._sees(b"", True)
            raise
        self._sees(line, False)
        return line

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return found if name not in _BEYOND_THE_STANDARD else partial(_BEYOND_THE_STANDARD[name], self, found)

    def _read_some(self, read: Callable[..., bytes], *size: int | None) -> bytes:
        data = read(*size)
        self._sees(data, _is_last(data, size))
        return data

    def _read_into(self, read: Callable[[Any], int | None], buffer: Any) -> int | None:
        size = read(buffer)
        if size is not None:
            data = bytes(memoryview(buffer)[:size])
            self._sees(data, _is_last(data, (len(buffer),)))
        return size

    def _go_to(self, seek: Callable[..., int], *place: int) -> int:
        before = self._place()
        found = seek(*place)
        self._again += before - self._place()
        self._sees = self._see_new
        return found

    def _place(self) -> int:
        try:
            return int(self._inner.tell())
        except Exception:  # the server's stream: what is known twice then, is kept twice
            return 0

    def _see_new(self, data: bytes, ended: bool) -> None:
        known = min(max(self._again, 0), len(data))
        self._again -= known
        self._sees_new(data[known:], ended)


_BEYOND_THE_STANDARD: Final[dict[str, Callable[..., Any]]] = {
    "read1": Input._read_some,
    "readinto": Input._read_into,
    "readinto1": Input._read_into,
    "seek": Input._go_to,
}
"""What some servers' streams have besides, as files do."""


def _is_last(data: bytes, size: tuple[int | None, ...]) -> bool:
    """Tell whether nothing came although something was asked for."""
    return not data and size != (0,)


def _is_all(size: tuple[int | None, ...]) -> bool:
    return not size or size[0] is None or size[0] < 0
