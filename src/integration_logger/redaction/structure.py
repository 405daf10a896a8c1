"""Where the strings and containers around a place in JSON are, found without reading all of it token by token."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

LONGEST_NAME: Final = 192  # bytes of a name that are looked at, from its end
_MOST: Final = 50_000  # containers; of more none is known

_BLANKS: Final = b" \t\r\n"
_OPENING: Final = b"{["
_LIST: Final = ord("[")


class Structure:
    """The containers of a document, found by counting quotes between brackets: no token is looked at."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._opened: list[int] = []
        self._parents: list[int] = []
        self._events: list[int] = [0]
        self._inside: list[int] = [-1]
        self._ends: dict[int, int] = {}
        if data.count(b"{") + data.count(b"[") <= _MOST:
            self._read()

    def _read(self) -> None:
        data = self._data
        if b"\\" in data:  # of the same length, so that a quote is the sign of a string again
            data = data.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        current, previous, in_string = -1, 0, 0
        for position in _all(data):
            in_string ^= data.count(b'"', previous, position) & 1
            previous = position
            if in_string:
                continue
            if data[position] in _OPENING:
                self._opened.append(position)
                self._parents.append(current)
                current = len(self._opened) - 1
            elif current >= 0:
                self._ends[current] = position
                current = self._parents[current]
            self._events.append(position)
            self._inside.append(current)

    def container(self, position: int) -> int:
        """Return the number of the innermost container around a place, or -1."""
        return self._inside[bisect_right(self._events, position) - 1]

    def span(self, container: int) -> tuple[int, int]:
        """Return where a container begins and ends."""
        return self._opened[container], self._ends.get(container, len(self._data))

    def around(self, container: int) -> int:
        """Return the number of the container that another one lies in, or -1."""
        return self._parents[container] if container >= 0 else -1

    def is_list_in_list(self, container: int) -> bool:
        """Tell whether a container is a list, and so is the one around it."""
        around = self.around(container)
        return around >= 0 and all(self._data[self._opened[each]] == _LIST for each in (container, around))


def _all(data: bytes) -> list[int]:
    """Return where all brackets are; searching for each is much faster than for a class of them."""
    found: list[int] = []
    for bracket in (b"{", b"}", b"[", b"]"):
        position = data.find(bracket)
        while position >= 0:
            found.append(position)
            position = data.find(bracket, position + 1)
    return sorted(found)


def key_of(data: bytes, value: int) -> bytes | None:
    """Return the key of the value that begins there, or None for the item of a list."""
    colon = _before_blanks(data, value) - 1
    key = string_before(data, colon) if data[colon : colon + 1] == b":" else None
    return None if key is None else data[slice(*key)]


def string_before(data: bytes, position: int) -> tuple[int, int] | None:
    """Return where the content of the string stands that ends before a sign, alone or as the last one of a list."""
    end = position - 1
    if data[end:position] != b'"':
        end = _before_blanks(data, position) - 1
        if data[end : end + 1] == b"]":  # the last one of a list
            end = _before_blanks(data, end) - 1
        if data[end : end + 1] != b'"':
            return None
    if data[end - 1 : end] == b"\\":
        return None
    earliest = end - LONGEST_NAME if end > LONGEST_NAME else 0
    return data.rfind(b'"', earliest, end) + 1 or earliest, end


def _before_blanks(data: bytes, position: int) -> int:
    while position and data[position - 1] in _BLANKS:
        position -= 1
    return position
