"""The scan: one look at all bytes, at memory speed, that says where a secret may be.

It has no false negatives: whatever the exact pass would mask, the scan sees. Where hyperscan is missing, the
standard library finds the same places, more slowly.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from integration_logger.redaction.names import Names, parameter_pattern, scan_patterns
from integration_logger.redaction.values import Shape

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
"""Ends an ASCII letter or digit that is written as in URLs."""

# One class for all that may close a name, %5D included, is scanned faster than alternatives are.
_AFTER_NAME: Final = r"""[-_. $"'`\[\]\s\\)%0-9d]*(?:[:=,}\])<>]|%3[ad])"""
_IN_TAG: Final = r"""["']?[\s/][^<>]*>"""
_PARAMETER: Final = r"(?:[?&;#]|\\u0026|%26|%3f)(?:[a-z]+[-_])*(?:{})(?:=|%3d)"
_CALLBACK: Final = "|code|state"
_ESCAPE: Final = r"\\u00(?:2[0-589a-f]|3[0-9abdf]|[4-7][0-9a-f])"  # encoders write < > & ' so for the sake of HTML
_PERCENT: Final = r"%(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])"

Hits = Callable[[bytes], Sequence[Hit]]


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
                self.hits = _scan_with(*_databases(self._names, self._shapes))
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
            for kind, pattern in ((PARAMETER, parameters), (ESCAPE, _ESCAPE), (PERCENT, _PERCENT), (NAME, "<[^<>]*>"))
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


def _databases(names: Names, shapes: Sequence[Shape]) -> tuple[Any, Any]:
    """Return the main database, and one for the shapes whose matches the scanner cannot begin cheaply."""
    caseless, start = hyperscan.HS_FLAG_CASELESS, hyperscan.HS_FLAG_SOM_LEFTMOST
    patterns = [
        (NAME, pattern + after, caseless) for pattern in scan_patterns(names.listed) for after in (_AFTER_NAME, _IN_TAG)
    ]
    patterns.append((PARAMETER, _PARAMETER.format(parameter_pattern(names.in_queries) + _CALLBACK), caseless))
    patterns += [(ESCAPE, _ESCAPE, caseless), (PERCENT, _PERCENT, caseless)]
    patterns += [
        (kind, shape.suspect, start | caseless * shape.caseless) for kind, shape in enumerate(shapes) if shape.anchored
    ]
    others = [(kind, shape.suspect, 0) for kind, shape in enumerate(shapes) if not shape.anchored]
    return _database(patterns), _database(others)


def _database(patterns: Sequence[tuple[int, str, int]]) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.encode() for _, pattern, _ in patterns],
        ids=[kind - PERCENT for kind, _, _ in patterns],
        flags=[flags for _, _, flags in patterns],
    )
    return database


def _scan_with(main: Any, userinfo: Any) -> Hits:
    """Return the scan of these databases, with scratch memory of its own for each thread that uses it."""
    scan, scan_userinfo, local = main.scan, userinfo.scan, threading.local()

    def hits(data: bytes) -> Sequence[Hit]:
        found: list[Hit] = []
        try:
            scratch, scratch_userinfo = local.scratches
        except AttributeError:
            scratch, scratch_userinfo = local.scratches = hyperscan.Scratch(main), hyperscan.Scratch(userinfo)
        scan(data, match_event_handler=_collect, context=found, scratch=scratch)
        if b"@" in data:
            scan_userinfo(data, match_event_handler=_collect, context=found, scratch=scratch_userinfo)
        return found

    return hits


def _collect(kind: int, start: int, end: int, flags: int, found: list[Hit]) -> None:
    found.append((kind + PERCENT, start, end))
