"""Where a value ends that begins at a known place."""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = {
    b'"': re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z|\\\Z)', re.DOTALL),
    b"'": re.compile(rb"'(?:[^'\\]++|\\.)*+(?:'|\Z|\\\Z)", re.DOTALL),
    b"`": re.compile(rb"`(?:[^`\\]++|\\.)*+(?:`|\Z|\\\Z)", re.DOTALL),
}
_SCALAR: Final = re.compile(rb"[^\s,\]}]*+")
_BRACKETS: Final = re.compile(rb"""[\[\]{}"]""")
_BRACKETS_OR_QUOTES: Final = re.compile(rb"""[\[\](){}"'`]""")

# A sign that may be part of a value ends it where what follows looks like the next thing.
_SIGN: Final = rb"""[&;,)\]}](?!\s|\Z|[\w.%-]{1,64}=|["'\\)\]},;<&]|u00)"""
_BARE: Final = re.compile(rb"""(?:[^\s"'<>&;,)\]}]++|""" + _SIGN + rb")*+")
_SCHEME: Final = re.compile(rb"(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)[ \t]++", re.IGNORECASE)


def json_value(data: bytes, position: int) -> int:
    """Return the end of the JSON value that begins at the position."""
    first = data[position : position + 1]
    if first == b'"':
        return quoted(data, position)
    if first in (b"{", b"["):
        return container(data, position, _BRACKETS)
    match = _SCALAR.match(data, position)
    return match.end() if match else position


def text_value(data: bytes, position: int) -> int:
    """Return the end of a value in running text: a quoted one, a list, an object, a call, or a word."""
    if data[position : position + 1] in _QUOTED:
        return quoted(data, position)
    match = _BARE.match(data, _SCHEME.match(data, position).end() if _SCHEME.match(data, position) else position)
    end = match.end() if match else position
    if data[position : position + 1] in (b"{", b"[", b"("):
        return container(data, position, _BRACKETS_OR_QUOTES)
    return end


def quoted(data: bytes, position: int) -> int:
    """Return the end of the string whose opening quote is at the position; that of the data if it has none."""
    match = _QUOTED[data[position : position + 1]].match(data, position)
    return match.end() if match else len(data)


def container(data: bytes, position: int, signs: re.Pattern[bytes] = _BRACKETS) -> int:
    """Return the end of the list or object that begins at the position, brackets in strings not counted."""
    depth = 0
    while match := signs.search(data, position):
        sign = match[0]
        if sign in _QUOTED:
            position = quoted(data, match.start())
            continue
        position = match.end()
        depth += 1 if sign in b"[{(" else -1
        if depth <= 0:
            return position
    return len(data)


def level(data: bytes, start: int, end: int) -> int:
    """Return how many brackets more are open at ``end`` than at ``start``; -1 where an outer one was closed."""
    depth = 0
    while match := _BRACKETS.search(data, start, end):
        if match[0] == b'"':
            start = quoted(data, match.start())
            continue
        start = match.end()
        depth += 1 if match[0] in b"[{" else -1
        if depth < 0:
            return depth
    return depth
