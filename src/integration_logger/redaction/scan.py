"""The scan: one look at all bytes, at memory speed, that says where a secret may be.

It has no false negatives: whatever the exact pass would mask, the scan sees. Where hyperscan is missing, the
standard library finds the same places, more slowly.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from integration_logger.redaction.names import Names, parameter_pattern, scan_patterns
from integration_logger.redaction.values import CARD, DIGITS, Shape

hyperscan: Any
try:
    import hyperscan
except ImportError:  # no wheel for this platform
    hyperscan = None

Hit = tuple[int, int, int]
"""Kind, start and end. A kind is the index of a shape, or one of those below, which have no start."""

NAME: Final = -1
"""Ends with the sign after a name: ``password=``, ``"password":``, ``("password",``, ``<password>``."""
PARAMETER: Final = -2
"""Ends with the ``=`` after a name that is sensitive in URLs only."""
ESCAPE: Final = -3
"""Ends an ASCII character that is written as an escape of JSON: what it hides is only seen after decoding."""
PERCENT: Final = -4
"""Ends something that URLs encode and that hides what is looked for: a letter, a number after a sign."""
_DIGITS: Final = -5

# One class for all that may close a name, %5D included, is scanned faster than alternatives are.
_AFTER_NAME: Final = r"""[-_. $"'`\[\]\s\\)%0-9d]*(?:[:=,}\])<>]|%3[ad])"""
_IN_TAG: Final = r"""["']?[\s/][^<>]*>"""
_PARAMETER: Final = r"(?:[?&;#]|\\u0026|%26|%3f)(?:[a-z]+[-_])*(?:{})(?:=|%3d)"
_CALLBACK: Final = "|code|state"
_ESCAPE: Final = r"\\u00(?:2[0-589a-f]|3[0-9abdf]|[4-7][0-9a-f])"  # encoders write < > & ' so for the sake of HTML
_PERCENT: Final = (
    r"%(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])",
    r"%[0-9a-f]{2}[2-6][0-9]{3}",
    r"%20[0-9]{4,6}%20[0-9]{4}",
    r"\+[0-9]{4,6}\+[0-9]{4}",
)

Hits = Callable[[bytes], Sequence[Hit]]
Pattern = tuple[int, str, int]


class Scanner:
    """Finds suspects in bytes; safe from any number of threads and after a fork."""

    def __init__(self, names: Names, shapes: Sequence[Shape]) -> None:
        self._names = names
        self._shapes = shapes
        self._lock = threading.Lock()
        self._search = _Search(names, shapes)
        self.hits: Hits = self._first_scan if hyperscan else self._search
        """Return everything suspect in the data."""

    def _first_scan(self, data: bytes) -> Sequence[Hit]:
        """Build the databases when they are first needed, not while the host is being imported."""
        with self._lock:
            if self.hits == self._first_scan:
                self.hits = _Databases(self._names, self._shapes).hits
        return self.hits(data)


class _Search:
    """The scan by the standard library alone."""

    def __init__(self, names: Names, shapes: Sequence[Shape]) -> None:
        self._shapes = [
            (shape.mark, re.compile(shape.suspect.encode(), re.IGNORECASE if shape.caseless else 0)) for shape in shapes
        ]
        self._last_words = _LastWords(names)
        parameters = _PARAMETER.format(parameter_pattern(names.in_queries) + _CALLBACK)
        self._patterns = [
            (kind, re.compile(pattern.encode(), re.IGNORECASE))
            for kind, pattern in (
                (PARAMETER, parameters),
                (ESCAPE, _ESCAPE),
                (PERCENT, "|".join(_PERCENT)),
                (NAME, "<[^<>]*>"),
            )  # fmt: skip
        ]

    def __call__(self, data: bytes) -> list[Hit]:
        hits = [(NAME, 0, match.end()) for match in _NAMED.finditer(data) if self._last_words[match[1]]]
        for kind, pattern in self._patterns:
            hits += [(kind, 0, match.end()) for match in pattern.finditer(data)]
        for kind, (mark, suspect) in enumerate(self._shapes):
            if mark in data:
                hits += [(kind, match.start(), match.end()) for match in suspect.finditer(data)]
        return hits


_NAMED: Final = re.compile(rb"(?<![A-Za-z0-9_.$-])([A-Za-z0-9_.$-]++)" + _AFTER_NAME.encode(), re.IGNORECASE)


class _LastWords(dict[bytes, bool]):
    """Whether a word may be the last of a sensitive name, remembered."""

    def __init__(self, names: Names) -> None:
        self._endings = tuple(names.last_words())

    def __missing__(self, word: bytes) -> bool:
        if len(self) >= 4096:
            self.clear()
        verdict = self[word] = word.rstrip(b"0123456789_.$-").lower().endswith(self._endings)
        return verdict


def _main_patterns(names: Names, shapes: Sequence[Shape]) -> Iterator[Pattern]:
    caseless, start = hyperscan.HS_FLAG_CASELESS, hyperscan.HS_FLAG_SOM_LEFTMOST
    for pattern in scan_patterns(names.listed):
        yield NAME, pattern + _AFTER_NAME, caseless
        yield NAME, pattern + _IN_TAG, caseless
    yield PARAMETER, _PARAMETER.format(parameter_pattern(names.in_queries) + _CALLBACK), caseless
    yield ESCAPE, _ESCAPE, caseless
    for pattern in _PERCENT:
        yield PERCENT, pattern, caseless
    for kind, shape in enumerate(shapes):
        if shape.anchored and shape is not CARD:
            yield kind, shape.suspect, start | caseless * shape.caseless


def _other_patterns(shapes: Sequence[Shape]) -> Iterator[Pattern]:
    for pattern in DIGITS:
        yield _DIGITS, pattern, hyperscan.HS_FLAG_SINGLEMATCH
    for kind, shape in enumerate(shapes):
        if not shape.anchored:
            yield kind, shape.suspect, hyperscan.HS_FLAG_SINGLEMATCH


def _database(patterns: Iterable[Pattern]) -> Any:
    listed = [*patterns]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.encode() for _, pattern, _ in listed],
        ids=[kind - _DIGITS for kind, _, _ in listed],
        flags=[flags for _, _, flags in listed],
    )
    return database


class _Databases:
    """The patterns compiled; three databases together are scanned faster than one with all of them is."""

    def __init__(self, names: Names, shapes: Sequence[Shape]) -> None:
        card = (0, CARD.suspect, hyperscan.HS_FLAG_SOM_LEFTMOST)
        self._card = shapes.index(CARD)
        self._main = _database(_main_patterns(names, shapes))
        self._others = _database(_other_patterns(shapes))
        self._cards = _database([card])
        self._local = threading.local()

    def hits(self, data: bytes) -> Sequence[Hit]:
        """Return everything suspect in the data."""
        found: list[Hit] = []
        try:
            main, others, cards = self._local.scratches
        except AttributeError:  # a thread's first scan; scratch memory in use twice at once is an error
            main, others, cards = self._local.scratches = self._scratches()
        self._main.scan(data, match_event_handler=_collect, context=found, scratch=main)
        self._others.scan(data, match_event_handler=_collect, context=found, scratch=others)
        if found and any(hit[0] == _DIGITS for hit in found):
            numbers: list[Hit] = []
            self._cards.scan(data, match_event_handler=_collect, context=numbers, scratch=cards)
            found = [hit for hit in found if hit[0] != _DIGITS]
            # Long numbers are common, and most are nobody's card: what is checked here costs no exact pass.
            found += [(self._card, start, end) for _, start, end in numbers if _is_card(data, start)]
        return found

    def _scratches(self) -> tuple[Any, Any, Any]:
        return hyperscan.Scratch(self._main), hyperscan.Scratch(self._others), hyperscan.Scratch(self._cards)


def _is_card(data: bytes, start: int) -> bool:
    number = CARD.exact.match(data, start)
    return number is not None and CARD.holds(number[1])


def _collect(kind: int, start: int, end: int, flags: int, found: list[Hit]) -> None:
    found.append((kind + _DIGITS, start, end))
