"""Where a value ends that begins at a known place."""

from __future__ import annotations

import re
from typing import Final

# Unterminated strings end with the data: what was cut off is no less secret.
_QUOTED: Final = {
    quote: re.compile(rb"%b(?:[^%b\\]++|\\.)*+(?:%b|\\?\Z)" % (quote, quote, quote), re.DOTALL)
    for quote in (b'"', b"'", b"`")
}
_TRIPLE: Final = (b'"""', b"'''")
_SCALAR: Final = re.compile(rb"[^\s,\]}]*+")
_SIGNS: Final = re.compile(rb'[\[{]++|[\]}]++|"')
_TEXT_SIGNS: Final = re.compile(rb"""[\[({]++|[\])}]++|["'`]""")

Style = re.Pattern[bytes]
"""How far a value without quotes goes."""
# In text a sign may be part of a value; it ends it where what follows looks like the next thing.
IN_TEXT: Final[Style] = re.compile(
    rb"""(?:[^\s"'<>&;,)\]}]++|(?<=[^\s=:])["'](?=\w)|[&;,)\]}](?!\s|\Z|[\w.%-]{1,64}=|["'\\)\]},;<&]))*+"""
)
IN_QUERY: Final[Style] = re.compile(rb"""[^\s"'<>&#]*+""")
ENCODED: Final[Style] = re.compile(rb"""(?:[^\s"'<>&%]++|%(?!2[02367]|3[ce]))*+""", re.IGNORECASE)
_SCHEME: Final = re.compile(rb"(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)[ \t]+", re.IGNORECASE)


def json_value(data: bytes, position: int) -> int:
    """Return the end of the JSON value that begins at the position."""
    first = data[position : position + 1]
    if first == b'"':
        return quoted(data, position)
    if first in (b"{", b"["):
        return _container(data, position, _SIGNS)
    match = _SCALAR.match(data, position)
    return match.end() if match else position


def text_value(data: bytes, position: int, style: Style = IN_TEXT) -> int:
    """Return the end of a value in running text: a quoted one, a list, an object, a call, or a word."""
    first = data[position : position + 1]
    if data[position : position + 3] in _TRIPLE:
        end = data.find(data[position : position + 3], position + 3)
        return end + 3 if end >= 0 else len(data)
    if first in _QUOTED:
        return quoted(data, position)
    if first in (b"{", b"[", b"("):
        return _container(data, position, _TEXT_SIGNS)
    scheme = _SCHEME.match(data, position)
    match = style.match(data, scheme.end() if scheme else position)
    return match.end() if match else position


def connected(data: bytes, key: int, position: int) -> int:
    """Return the end of a value of a connection string, ``Server=a;Password=b c;``, or the position."""
    match = _CONNECTED.match(data, position)
    return match.end() if match and (match[1] or data[key - 1 : key] == b";") else position


_CONNECTED: Final = re.compile(rb"""[^;\r\n"'<>=&]{1,128}+(?=(;[A-Za-z][A-Za-z ]{1,40}+=)|[;"']|\Z)""")


def block(data: bytes, key: int, position: int) -> int:
    """Return the end of the lines after a place that stand further right than the line that the key is in."""
    nearest = max(0, key - _LONGEST_LINE)
    begin = max(data.rfind(b"\n", nearest, key), data.rfind(b"\r", nearest, key), nearest - 1) + 1
    indent = _INDENT.match(data, begin)
    deeper = len(indent[0]) + 1 if indent else 1
    reached = position
    while (line := _NEXT_LINE.match(data, position)) and (len(line[1]) >= deeper or not line[2]):
        position = line.end()
        reached = position if line[2] else reached
    return reached


_LONGEST_LINE: Final = 1024
"""Bytes before a key in which its line is looked for: in text without line breaks each search would go to its start."""
_INDENT: Final = re.compile(rb"[ \t]*+")
_NEXT_LINE: Final = re.compile(rb"(?:\r\n|\n|\r)([ \t]*+(?:- )?)([^\r\n]*+)")


def quoted(data: bytes, position: int) -> int:
    """Return the end of the string whose opening quote is at the position; that of the data if it has none."""
    match = _QUOTED[data[position : position + 1]].match(data, position)
    return match.end() if match else len(data)


def is_closed(data: bytes, start: int, end: int) -> bool:
    """Tell whether a string that was found to end there has its closing quote."""
    last = data[start + 1 : end - 1]
    return end - start > 1 and data[end - 1] == data[start] and not (len(last) - len(last.rstrip(b"\\"))) % 2


def _container(data: bytes, position: int, signs: re.Pattern[bytes]) -> int:
    depth = 0
    while match := signs.search(data, position):
        run = match[0]
        position = match.end()
        if run in _QUOTED:
            position = quoted(data, match.start())
        elif run[:1] in _OPENING:
            depth += len(run)
        elif depth <= len(run):
            return match.start() + depth
        else:
            depth -= len(run)
    return len(data)


_OPENING: Final = (b"{", b"[", b"(")
