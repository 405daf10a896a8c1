"""Names that are values themselves: ``{"name": "password", "value": ...}``, and how far apart the two may be."""

from __future__ import annotations

import re
from typing import Final

NAMES: Final = frozenset(b"name key field header id param parameter label variable attribute property".split())
"""Keys whose value may be the name of what stands beside it."""
VALUE: Final = re.compile(rb"""["'][A-Za-z_]{0,16}val(?:ue)?s?[A-Za-z_]{0,16}["'][ \t\r\n]*+:""", re.IGNORECASE)
REACH: Final = 2048
"""Bytes before and after a name in which its value is looked for."""

_NAMED: Final = re.compile(rb"""["'](%b)["'][ \t\r\n]*+:[ \t\r\n]*+[bBuU]?["']\Z""" % b"|".join(NAMES), re.IGNORECASE)
_STRING: Final = rb""""(?:[^"\\]++|\\.)*+"|'(?:[^'\\]++|\\.)*+'"""
_TOKEN: Final = re.compile(rb"(%b)|[\[\]{}]" % _STRING, re.DOTALL)
_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_MOST: Final = 8  # candidates before a name


def value_beside(data: bytes, start: int, end: int) -> int | None:
    """Return where in a text the value of a name begins, which stands from ``start`` to ``end`` in the same object."""
    naming = _NAMED.search(data, max(0, start - 64), start)
    if naming is None:
        return None
    after = _after(data, end + 1)
    return after if after is not None else _before(data, naming.start())


def _after(data: bytes, position: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(data, position, position + REACH):
        if token[1]:
            match = VALUE.match(data, token.start()) if not depth else None
            if match:
                return match.end()
        else:
            depth += 1 if token[0] in b"[{" else -1
            if depth < 0:
                return None
    return None


def _before(data: bytes, position: int) -> int | None:
    candidates = [*VALUE.finditer(data, max(0, position - REACH), position)]
    for match in candidates[: -_MOST - 1 : -1]:
        if _is_level(data[match.end() : position]):
            return match.end()
    return None


def _is_level(between: bytes) -> bool:
    """Tell whether as many brackets close in a text as open in it, and none that was open before."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", between)):
        depth += 1 if bracket in b"[{" else -1
        if depth < 0:
            return False
    return depth == 0
