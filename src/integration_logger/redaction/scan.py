"""The scan: one look at all bytes, at memory speed, that says where a secret may be.

It has no false negatives: every name and every shape that the exact pass would mask is a hit. Where hyperscan is
missing, the same hits are found by the standard library, more slowly.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from integration_logger.redaction.names import SEPARATORS, Names, scan_patterns
from integration_logger.redaction.values import Shape

try:
    import hyperscan
except ImportError:  # no wheel for this platform
    hyperscan = None

NAME: Final = -1
"""Ends with the separator after a name: ``password=``, ``"password":``, ``'password' :``."""
PAIR: Final = -2
"""Ends with what follows a name that is itself a value: ``"name": "password",``, ``("password",``."""
TAG: Final = -3
"""Ends somewhere in a tag after a name: ``<password>``, ``<add key="password" ``."""
PARAMETER: Final = -4
"""Ends with the ``=`` after a name that is sensitive in URLs only."""
ESCAPE: Final = -5
"""Ends an ASCII character written as an escape of JSON: what it hides is only seen after decoding."""

_AFTER_NAME: Final = r"""(?:["'`\]\s\\)]|%5D|%22|%27)*(?:[:=]|%3[AD])"""
_AFTER_PAIR: Final = r"""\\*["']\s*[,}\])]"""
_IN_TAG: Final = r"""(?:["']?[\s/][^<>]*)?>"""
_PARAMETER: Final = r"(?:[?&;#]|\\u0026|%26|%3f)(?:[a-z]+[-_])*"
_ESCAPED: Final = r"\\u00(?:2[0-589a-f]|3[0-9abdf]|[4-7][0-9a-f])"  # not < > & ' which encoders escape for HTML's sake


class Hit(NamedTuple):
    """Where something suspect was seen."""

    kind: int
    """An index of the shapes, or one of ``NAME``, ``PAIR``, ``TAG``, ``PARAMETER``, ``ESCAPE``."""
    start: int
    """Where the shape begins; 0 for the other kinds."""
    end: int


class Scanner:
    """Finds suspects in bytes; safe from any number of threads and after a fork."""

    def __init__(self, names: Names, shapes: Sequence[Shape]) -> None:
        self._names = names
        self._shapes = shapes
        self._lock = threading.Lock()
        self.hits: Callable[[bytes], list[Hit]] = self._first_scan if hyperscan else self.search
        """Return everything suspect in the data."""

    def search(self, data: bytes) -> list[Hit]:
        """Return the hits by the standard library alone."""
        return [*_search(data), *self._search_shapes(data)]

    def _search_shapes(self, data: bytes) -> Iterator[Hit]:
        for kind, shape in enumerate(self._shapes):
            for match in shape.exact.finditer(data):
                yield Hit(kind, match.start(), match.end())

    def _first_scan(self, data: bytes) -> list[Hit]:
        """Build the database when it is first needed, not while the host is being imported."""
        with self._lock:
            if self.hits == self._first_scan:
                self.hits = _scan_with(_database(self._names, self._shapes))
        return self.hits(data)


_SEARCHED: Final = tuple(
    (kind, re.compile(pattern.encode(), re.IGNORECASE))
    for kind, pattern in (
        (NAME, f"(?<=[a-z0-9_$.-]){_AFTER_NAME}"),
        (PAIR, f"(?<=[a-z0-9_$.-]){_AFTER_PAIR}"),
        (PARAMETER, f"{_PARAMETER}[a-z]+(?:=|%3d)"),
        (ESCAPE, _ESCAPED),
    )
)


def _search(data: bytes) -> Iterator[Hit]:
    for kind, pattern in _SEARCHED:
        for match in pattern.finditer(data):
            yield Hit(kind, 0, match.end())
    if b"<" in data:
        yield Hit(TAG, 0, len(data))


def _database(names: Names, shapes: Sequence[Shape]) -> Any:
    caseless, start = hyperscan.HS_FLAG_CASELESS, hyperscan.HS_FLAG_SOM_LEFTMOST
    patterns: list[tuple[int, str, int]] = []
    for pattern in scan_patterns(names.listed):
        for kind, after in ((NAME, _AFTER_NAME), (PAIR, _AFTER_PAIR), (TAG, _IN_TAG)):
            patterns.append((kind, pattern + after, caseless))
    parameters = "|".join(SEPARATORS.join(words) for words in sorted(names.in_queries))
    patterns.append((PARAMETER, f"{_PARAMETER}(?:{parameters}|code|state)(?:=|%3d)", caseless))
    patterns.append((ESCAPE, _ESCAPED, caseless))
    for kind, shape in enumerate(shapes):
        patterns.append((kind, shape.suspect, caseless * shape.caseless | start * shape.anchored))
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.encode() for _, pattern, _ in patterns],
        ids=[kind - ESCAPE for kind, _, _ in patterns],
        flags=[flags for _, _, flags in patterns],
    )
    return database


def _scan_with(database: Any) -> Callable[[bytes], list[Hit]]:
    """Return the scan of one database, with scratch memory of its own for each thread that uses it."""
    scan, local = database.scan, threading.local()

    def hits(data: bytes) -> list[Hit]:
        found: list[Hit] = []
        try:
            scratch = local.scratch
        except AttributeError:
            scratch = local.scratch = hyperscan.Scratch(database)
        scan(data, match_event_handler=_collect, context=found, scratch=scratch)
        return found

    return hits


def _collect(kind: int, start: int, end: int, flags: int, found: list[Hit]) -> None:
    found.append(Hit(kind + ESCAPE, start, end))
