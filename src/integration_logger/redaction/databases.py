"""The scan by hyperscan: all patterns at once, at memory speed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from integration_logger.redaction.names import Names, scan_patterns
from integration_logger.redaction.suspects import (
    ESCAPE,
    ESCAPES,
    KINDS,
    NAME,
    PARAMETER,
    PERCENT,
    PERCENTS,
    Hit,
)
from integration_logger.redaction.values import CARD, DIGITS, Shape

hyperscan: Any
try:
    import hyperscan
except ImportError:  # no wheel for this platform
    hyperscan = None

# One class for all that may close a name, %5D and \\t included, is scanned faster than alternatives are.
_CLOSERS: Final = r"""[-_. $"'`\[\]\s\\)+%0-9bdnrt]*"""
_AFTER_NAME: Final = _CLOSERS + "(?:[:=,}<>]|%3[ad])"
_AFTER_PARAMETER: Final = _CLOSERS + "(?:=|%3d)"
_IN_TAG: Final = r"""[-_.$0-9]*["']?[\s/][^<>]*>"""

_LONG_NUMBER: Final = -KINDS - 1
_Pattern = tuple[int, str, int]


class Databases:
    """The compiled patterns; three databases are scanned faster than one that has all of them."""

    def __init__(self, names: Names, shapes: Sequence[Shape]) -> None:
        self._main = _compile(_main_patterns(names, shapes))
        self._others = _compile(_other_patterns(shapes))
        self._cards = _compile([(shapes.index(CARD), CARD.suspect, hyperscan.HS_FLAG_SOM_LEFTMOST)])
        self._local = threading.local()

    def hits(self, data: bytes) -> Sequence[Hit]:
        """Return everything suspect in the data."""
        found: list[Hit] = []
        try:
            main, others, cards = self._local.scratches
        except AttributeError:  # the thread's first scan: scratch memory in use twice at once is an error
            main, others, cards = self._local.scratches = self._scratches()
        self._main.scan(data, _collect, 0, found, main)
        self._others.scan(data, _collect, 0, found, others)
        if found and any(hit[0] == _LONG_NUMBER for hit in found):
            found = [hit for hit in found if hit[0] != _LONG_NUMBER]
            numbers: list[Hit] = []
            self._cards.scan(data, _collect, 0, numbers, cards)
            # Long numbers are common, and most are nobody's card: those cost no exact pass.
            found += [hit for hit in numbers if _is_card(data, hit[1])]
        return found

    def _scratches(self) -> tuple[Any, Any, Any]:
        return hyperscan.Scratch(self._main), hyperscan.Scratch(self._others), hyperscan.Scratch(self._cards)


def _main_patterns(names: Names, shapes: Sequence[Shape]) -> Iterator[_Pattern]:
    caseless, start = hyperscan.HS_FLAG_CASELESS, hyperscan.HS_FLAG_SOM_LEFTMOST
    for name in scan_patterns(names.listed | names.endings):
        yield NAME, name + _AFTER_NAME, caseless
        yield NAME, name + _IN_TAG, caseless
    parameters = "|".join(scan_patterns(names.in_queries))
    yield PARAMETER, f"(?:{parameters}|code|state){_AFTER_PARAMETER}", caseless
    for kind, patterns in ((ESCAPE, ESCAPES), (PERCENT, PERCENTS)):
        for pattern in patterns:
            yield kind, pattern, caseless
    for index, shape in enumerate(shapes):
        if shape.anchored and shape is not CARD:
            yield index, shape.suspect, start | caseless * shape.caseless


def _other_patterns(shapes: Sequence[Shape]) -> Iterator[_Pattern]:
    for digits in DIGITS:
        yield _LONG_NUMBER, digits, hyperscan.HS_FLAG_SINGLEMATCH
    for index, shape in enumerate(shapes):
        if not shape.anchored:
            yield index, shape.suspect, 0


def _compile(patterns: Iterable[_Pattern]) -> Any:
    listed = [*patterns]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.encode() for _, pattern, _ in listed],
        ids=[kind - _LONG_NUMBER for kind, _, _ in listed],  # they may not be negative
        flags=[flags for _, _, flags in listed],
    )
    return database


def _collect(kind: int, start: int, end: int, flags: int, found: list[Hit]) -> None:
    found.append((kind + _LONG_NUMBER, start, end))


def _is_card(data: bytes, start: int) -> bool:
    number = CARD.exact.match(data, start)
    return number is not None and CARD.holds(number[1])
