"""Which keys stand near a place in the same object: looked for once in each stretch of a document, not for each hit."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator

from integration_logger.redaction.pairs import REACH
from integration_logger.redaction.structure import Structure

_Find = Callable[[bytes, int, int], Iterator[re.Match[bytes]]]
_Keys = dict[int, list[re.Match[bytes]]]


class Nearby:
    """The keys of one kind, by the stretch and the container they stand in."""

    def __init__(self, data: bytes, structure: Structure, find: _Find) -> None:
        self._data = data
        self._structure = structure
        self._find = find
        self._stretches: dict[int, _Keys] = {}

    def keys(self, container: int, start: int, end: int) -> Iterator[re.Match[bytes]]:
        """Yield the keys of a container no further than ``REACH`` from what stands between two places."""
        first, last = self._structure.span(container) if container >= 0 else (0, len(self._data))
        first, last = max(first, start - REACH), min(last, end + REACH)
        for stretch in range(first // REACH, last // REACH + 1):
            found = self._keys(stretch).get(container, ())
            for index in range(bisect_left(found, first, key=_start), len(found)):
                if found[index].end() > last:
                    return
                yield found[index]

    def _keys(self, stretch: int) -> _Keys:
        if (keys := self._stretches.get(stretch)) is None:
            keys = self._stretches[stretch] = {}
            begin, end = stretch * REACH, (stretch + 1) * REACH
            for match in self._find(self._data, begin, end + REACH):
                if match.start() >= end:
                    break
                keys.setdefault(self._structure.container(match.start()), []).append(match)
        return keys


def _start(key: re.Match[bytes]) -> int:
    return key.start()
