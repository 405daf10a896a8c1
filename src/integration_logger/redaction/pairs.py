"""Names that are values themselves: ``{"name": "password", "value": ...}``, and how far apart the two may be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

NAMES: Final = frozenset(b"name key field header id param parameter label variable attribute property path".split())
"""Keys whose value may be the name of what stands beside it."""
_LIKE_VALUE: Final = re.compile(rb"""["'][A-Za-z_]{0,16}val(?:ue)?s?[A-Za-z_]{0,16}["'][ \t\r\n]*+:""", re.IGNORECASE)
# An interval and a validity are none.
_VALUE: Final = re.compile(
    rb"""["'](?:[a-z_]*value|(?:[a-z_]*_|[a-z_]*(?-i:[a-z](?=V)))?vals?(?=["'_]))""", re.IGNORECASE
)
REACH: Final = 2048
"""Bytes before and after a name in which its value is looked for."""

_STRING: Final = rb""""(?:[^"\\]++|\\.)*+"|'(?:[^'\\]++|\\.)*+'"""
_LOCATED: Final = re.compile(rb"""["']loc["']\s*+:\s*+[\[(][^\[\](){}]*\Z""")
_INPUT: Final = re.compile(rb"""["']input["'][ \t\r\n]*+:""")
_REST: Final = re.compile(rb"""[^\[\](){}]{0,128}[\])]\s*+,(?:%b|[^"'{}]++)*?["']input["']\s*+:""" % _STRING, re.DOTALL)
_TOLD: Final = re.compile(rb"""["'](?:name|key)["']\s*+:\s*+"(?:[^"\\]++|\\.)*+"\s*+[,}]""", re.IGNORECASE | re.DOTALL)
_SCALAR: Final = re.compile(rb"""[ \t\r\n]*+(?=["0-9-])""")
_NAMED: Final = re.compile(rb"""["'](%b)["'][ \t\r\n]*+:[ \t\r\n]*+[bBuU]?["']\Z""" % b"|".join(NAMES), re.IGNORECASE)
_TOKEN: Final = re.compile(rb"(%b)|[\[\]{}]" % _STRING, re.DOTALL)
_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_MOST: Final = 8  # candidates before a name


def value(data: bytes, position: int) -> re.Match[bytes] | None:
    """Return the key at a place, with its colon, if what it names is called a value."""
    match = _LIKE_VALUE.match(data, position)
    return match if match and _VALUE.match(match[0]) else None


def values(data: bytes, start: int, end: int) -> Iterator[re.Match[bytes]]:
    """Yield the keys between two places whose values are called so."""
    return (match for match in _LIKE_VALUE.finditer(data, start, end) if _VALUE.match(match[0]))


class TooMany(Exception):
    """What surrounds the names in a text cannot be read for all of them."""


class Beside:
    """Looks in one text for the values beside names; all in all it reads a small multiple of the text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = (len(data) + 32 * REACH) * 4

    def value(self, start: int, end: int) -> int | None:
        """Return where the value of a name begins, which stands from ``start`` to ``end`` in the same object."""
        naming = _NAMED.search(self._data, max(0, start - 64), start)
        if naming is None:
            return self._input(start, end)
        after, reached = _after(self._data, end + 1)
        self._read(reached - end)
        if after is not None:
            return after
        self._read(REACH)
        return _before(self._data, naming.start())

    def _input(self, start: int, end: int) -> int | None:
        """Return where the value begins that was refused for a name: ``'loc': ('body', 'pin'), 'input': ...``."""
        if not _LOCATED.search(self._data, max(0, start - 256), start):
            return None
        rest = _REST.match(self._data, end, end + REACH)
        self._read(rest.end() - end if rest else REACH)
        return rest.end() if rest else None

    def _read(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise TooMany


def inputs(data: bytes, start: int, end: int) -> Iterator[re.Match[bytes]]:
    """Yield the keys between two places under which what validates quotes a value that it refuses."""
    return _INPUT.finditer(data, start, end)


def may_be_nameless(data: bytes) -> bool:
    """Tell cheaply whether ``nameless`` may find something."""
    return b"val" in data[-REACH:].lower()


def nameless(data: bytes) -> Iterator[int]:
    """Yield where the values begin in the beginning of a document whose names may have been cut off."""
    for match in [*values(data, max(0, len(data) - REACH), len(data))][: -_MOST - 1 : -1]:
        scalar = _SCALAR.match(data, match.end())
        is_open = min(_depths(data[match.end() :]), default=0) >= 0
        if scalar and is_open and not _TOLD.search(data, max(0, data.rfind(b"{", 0, match.start()))):
            yield scalar.end()


def _after(data: bytes, position: int) -> tuple[int | None, int]:
    """Return where the value begins that comes after a name, and how far was read."""
    depth, reached = 0, position
    for token in _TOKEN.finditer(data, position, position + REACH):
        reached = token.end()
        if token[1]:
            match = value(data, token.start()) if not depth else None
            if match:
                return match.end(), reached
        else:
            depth += 1 if token[0] in b"[{" else -1
            if depth < 0:
                return None, reached
    return None, position + REACH


def _before(data: bytes, position: int) -> int | None:
    candidates = [*values(data, max(0, position - REACH), position)]
    for match in candidates[: -_MOST - 1 : -1]:
        if _is_level(data[match.end() : position]):
            return match.end()
    return None


def _is_level(between: bytes) -> bool:
    """Tell whether as many brackets close in a text as open in it, and none that was open before."""
    depths = [*_depths(between)]
    return not depths or (min(depths) >= 0 and depths[-1] == 0)


def _depths(text: bytes) -> Iterator[int]:
    """Yield how deep each bracket of a text leads, those in strings aside."""
    return accumulate(1 if bracket in b"[{" else -1 for bracket in _BRACKETS.findall(_STRINGS.sub(b"", text)))
