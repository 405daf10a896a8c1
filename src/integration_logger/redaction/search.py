"""The scan by the standard library alone, for platforms without hyperscan: the same hits, more slowly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from integration_logger.redaction.names import Names, last_words
from integration_logger.redaction.remembered import Remembered
from integration_logger.redaction.suspects import (
    ESCAPE,
    ESCAPES,
    NAME,
    PARAMETER,
    PERCENT,
    PERCENTS,
    SQL,
    STATEMENTS,
    Hit,
)
from integration_logger.redaction.values import CARD, Shape

_CLOSERS: Final = r"""(?:["'`\[\]\s)+]++|\\[nrt]?|%(?:5[BD]|2[0247])[-_.$0-9]*+)*+"""
_NAMED: Final = re.compile(
    rf"(?:(?<![A-Za-z0-9_.$-])|(?<=%3[ad]))([A-Za-z0-9_.$-]++){_CLOSERS}(?:[:=,}}<>]|%(?:3[ad]|2c|7d))".encode(),
    re.IGNORECASE,
)
_TAG: Final = re.compile(rb"<[^<>]*>")
_ESCAPE: Final = re.compile("|".join(ESCAPES).encode(), re.IGNORECASE)
_PERCENT: Final = re.compile("|".join(PERCENTS).encode(), re.IGNORECASE)

_STATEMENT: Final = re.compile("|".join(STATEMENTS).encode(), re.IGNORECASE)

_EQUALS: Final = ord("=")
_IN_CARDS: Final = bytes(1 if chr(c) in "0123456789 -" else 0 for c in range(256))
_FOURTEEN: Final = b"\1" * 14


class Search:
    """Finds suspects with regular expressions; every one of them is linear."""

    def __init__(self, names: Names, shapes: Sequence[Shape]) -> None:
        self._may_be_name = _endings(last_words(names.listed | names.endings) | {b"grant_type", b"pass", b"pw"})
        self._may_be_parameter = _endings(last_words(names.in_queries | {("code",), ("state",), ("input", "value")}))
        self._shapes = [_finder(shape) for shape in shapes]

    def hits(self, data: bytes) -> list[Hit]:
        """Return everything suspect in the data."""
        hits = [*self._named(data)]
        if b"<" in data:
            hits += [(NAME, 0, match.end()) for match in _TAG.finditer(data)]
        if b"\\u" in data:
            hits += [(ESCAPE, 0, match.end()) for match in _ESCAPE.finditer(data)]
        if b"%" in data or b"+" in data:
            hits += [(PERCENT, 0, match.end()) for match in _PERCENT.finditer(data)]
        hits += [(SQL, 0, match.end()) for match in _STATEMENT.finditer(data)]
        for index, find in enumerate(self._shapes):
            hits += [(index, match.start(), match.end()) for match in find(data)]
        return hits

    def _named(self, data: bytes) -> Iterator[Hit]:
        for match in _NAMED.finditer(data):
            word, end = match[1], match.end()
            if self._may_be_name[word]:
                yield NAME, 0, end
            if (data[end - 1] == _EQUALS or data[end - 3 : end].lower() == b"%3d") and self._may_be_parameter[word]:
                yield PARAMETER, 0, end


def _endings(words: set[bytes]) -> Remembered[bytes, bool]:
    """Return for each word whether it is the end of one of some names."""
    endings = tuple(words)

    def may_be(word: bytes) -> bool:
        last = word.rstrip(b"0123456789_.$-").lower()
        return not last or last.endswith(endings)  # nothing: the word is further ahead

    return Remembered(may_be)


def _finder(shape: Shape) -> Callable[[bytes], Iterator[re.Match[bytes]]]:
    if shape is CARD:  # its suspect takes in the sign after a number, which may be the one before the next
        return lambda data: _overlapping(CARD.exact, data) if _FOURTEEN in data.translate(_IN_CARDS) else iter(())
    pattern = re.compile(shape.suspect.encode(), re.IGNORECASE if shape.caseless else 0)
    return lambda data: _overlapping(pattern, data) if shape.mark in data else iter(())


def _overlapping(pattern: re.Pattern[bytes], data: bytes) -> Iterator[re.Match[bytes]]:
    """Yield what begins within an earlier match too, as hyperscan does."""
    position = 0
    while match := pattern.search(data, position):
        yield match
        position = match.start() + 1
