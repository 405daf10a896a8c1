"""Verdicts that are asked for again and again: looking one up costs less than calling a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

_K = TypeVar("_K", bytes, str, tuple[bytes, ...])
_V = TypeVar("_V")

_MOST: Final = 4096
_LARGEST: Final = 1024  # what callers send has no bound of its own


class Remembered(dict[_K, _V], Generic[_K, _V]):
    """What a function says of each key, for as many keys as may come; of those not too large it is remembered."""

    def __init__(self, find: Callable[[_K], _V], size: Callable[[_K], int] = len) -> None:
        self._find: Callable[[_K], _V] = find
        self._size: Callable[[_K], int] = size

    def __missing__(self, key: _K) -> _V:
        verdict = self._find(key)
        if self._size(key) <= _LARGEST:
            if len(self) >= _MOST:
                self.clear()
            self[key] = verdict
        return verdict
