"""The scan by the standard library alone, for platforms without hyperscan: the same hits, more slowly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from integration_logger.redaction.names import Names
from integration_logger.redaction.suspects import ESCAPE, ESCAPES, NAME, PARAMETER, PERCENT, PERCENTS, Hit, parameters
from integration_logger.redaction.values import CARD, Shape

_CLOSERS: Final = r"""(?:["'`\[\]\s)+]++|\\[nrt]?|%(?:5[BD]|2[0247])[-_.$0-9]*+)*+"""
_NAMED: Final = re.compile(
    rf"(?:(?<![A-Za-z0-9_.$-])|(?<=%3[ad]))([A-Za-z0-9_.$-]++){_CLOSERS}(?:[:=,}}<>]|%3[ad])".encode(), re.IGNORECASE
)
_TAG: Final = "<[^<>]*>"
_CACHED: Final = 4096


class Search:
    """Finds suspects with regular expressions; every one of them is linear."""

    def __init__(self, names: Names, shapes: Sequence[Shape]) -> None:
        self._last_words = _LastWords(names)
        parameter = f"{parameters(names)}[-_.$0-9]*+{_CLOSERS}(?:=|%3d)"
        found_by = {PARAMETER: parameter, ESCAPE: "|".join(ESCAPES), PERCENT: "|".join(PERCENTS), NAME: _TAG}
        self._patterns = [(kind, re.compile(pattern.encode(), re.IGNORECASE)) for kind, pattern in found_by.items()]
        self._shapes = [(shape.mark, _pattern(shape)) for shape in shapes]

    def hits(self, data: bytes) -> list[Hit]:
        """Return everything suspect in the data."""
        hits = [(NAME, 0, match.end()) for match in _NAMED.finditer(data) if self._last_words[match[1]]]
        for kind, pattern in self._patterns:
            hits += [(kind, 0, match.end()) for match in pattern.finditer(data)]
        for index, (mark, pattern) in enumerate(self._shapes):
            if mark in data:
                hits += [(index, match.start(), match.end()) for match in _overlapping(pattern, data)]
        return hits


def _overlapping(pattern: re.Pattern[bytes], data: bytes) -> Iterator[re.Match[bytes]]:
    position = 0
    while match := pattern.search(data, position):
        yield match
        position = match.start() + 1


class _LastWords(dict[bytes, bool]):
    """Whether a name may be sensitive, by the word that it ends in; remembered."""

    def __init__(self, names: Names) -> None:
        self._endings = tuple(names.last_words())

    def __missing__(self, name: bytes) -> bool:
        if len(self) >= _CACHED:
            self.clear()
        last = name.rstrip(b"0123456789_.$-").lower()
        verdict = self[name[-128:]] = not last or last.endswith(self._endings)  # nothing: the word is further ahead
        return verdict


def _pattern(shape: Shape) -> re.Pattern[bytes]:
    if shape is CARD:  # its suspect takes in the sign after a number, which may be the one before the next
        return shape.exact
    return re.compile(shape.suspect.encode(), re.IGNORECASE if shape.caseless else 0)
