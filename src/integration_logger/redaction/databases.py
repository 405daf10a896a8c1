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
    SQL,
    STATEMENTS,
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
_AFTER_NAME: Final = _CLOSERS + "(?:[:=,}<>]|%(?:3[ad]|2c|7d))"
_AFTER_PARAMETER: Final = _CLOSERS + "(?:=|%3d)"
# Only as whole words: as endings they are too common.
_ALONE: Final = r"(?:^|[^a-z0-9]|%[0-9a-f]{2}|\\u[0-9a-f]{4}|\\[a-z])(?:pass|pw)"
_IN_TAG: Final = r"""[-_.$0-9]*["']?[\s/][^<>]*>"""

_LONG_NUMBER: Final = -KINDS - 1
_Pattern = tuple[int, str, int]


class Databases:
    """The compiled patterns; several databases are scanned faster than one that has all of them."""

    def __init__(self, names: Names, shapes: Sequence[Shape]) -> None:
        card = (shapes.index(CARD), CARD.suspect, hyperscan.HS_FLAG_SOM_LEFTMOST)
        self._main = _compile(_main_patterns(names, shapes))
        self._digits = _compile((_LONG_NUMBER, digits, hyperscan.HS_FLAG_SINGLEMATCH) for digits in DIGITS)
        self._cards = _compile([card])
        self._with_at = _compile((i, shape.suspect, 0) for i, shape in enumerate(shapes) if not shape.anchored)
        self._local = threading.local()

    def hits(self, data: bytes) -> Sequence[Hit]:
        """Return everything suspect in the data."""
        found: list[Hit] = []
        try:
            main, digits, cards, with_at = self._local.scratches
        except AttributeError:  # the thread's first scan: scratch memory in use twice at once is an error
            main, digits, cards, with_at = self._local.scratches = self._scratches()
        self._digits.scan(data, _collect, 0, found, digits)
        if found:
            found = []
            self._cards.scan(data, _collect, 0, found, cards)
            # Long numbers are common, and most are nobody's card: those cost no exact pass.
            found = [hit for hit in found if _is_card(data, hit[1])]
        self._main.scan(data, _collect, 0, found, main)
        if b"@" in data:
            self._with_at.scan(data, _collect, 0, found, with_at)
        return found

    def _scratches(self) -> list[Any]:
        return [hyperscan.Scratch(each) for each in (self._main, self._digits, self._cards, self._with_at)]


def _main_patterns(names: Names, shapes: Sequence[Shape]) -> Iterator[_Pattern]:
    caseless, start = hyperscan.HS_FLAG_CASELESS, hyperscan.HS_FLAG_SOM_LEFTMOST
    for name in scan_patterns(names.listed | names.endings):
        yield NAME, name + _AFTER_NAME, caseless
        yield NAME, name + _IN_TAG, caseless
    yield NAME, f"grant_type{_AFTER_NAME}", 0
    yield NAME, _ALONE + _AFTER_NAME, caseless
    parameters = "|".join(scan_patterns(names.in_queries))
    yield PARAMETER, f"(?:{parameters}|code|state|input_value){_AFTER_PARAMETER}", caseless
    for kind, patterns in ((ESCAPE, ESCAPES), (PERCENT, PERCENTS), (SQL, STATEMENTS)):
        for pattern in patterns:
            yield kind, pattern, caseless
    for index, shape in enumerate(shapes):
        if shape.anchored and shape is not CARD:
            yield index, shape.suspect, start | caseless * shape.caseless


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
