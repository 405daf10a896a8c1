"""Verdicts that are asked for again and again: looking one up costs less than calling a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

_K = TypeVar("_K", bytes, str)
_V = TypeVar("_V")

_MOST: Final = 4096
_LONGEST: Final = 256  # what callers send has no bound of its own


class Remembered(dict[_K, _V], Generic[_K, _V]):
    """What a function says of each key, for as many keys as may come; of those not too long it is remembered."""

    def __init__(self, find: Callable[[_K], _V]) -> None:
        self._find: Callable[[_K], _V] = find

    def __missing__(self, key: _K) -> _V:
        verdict = self._find(key)
        if len(key) <= _LONGEST:
            if len(self) >= _MOST:
                self.clear()
            self[key] = verdict
        return verdict
