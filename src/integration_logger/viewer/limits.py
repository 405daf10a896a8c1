"""How much one reader may ask of the store: a bucket of tokens for each, which fills up again by itself."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Hashable
from typing import Final

from integration_logger.viewer.access import Principal

TOKENS: Final = 60.0
"""That a bucket holds: what a reader may ask for in a row."""
PER_SECOND: Final = 5.0
"""That come anew."""
WORDS: Final = 1.0
"""For a question with words: the store looks at each entry for those."""
FIGURES: Final = 1.0
"""For counting what matches."""
CHANGE: Final = 10.0
"""For what reads or changes much: exports, erasing, purging."""
EXPORTS: Final = 8
"""Files that are sent to one reader at once; each takes some memory for as long as its reader likes."""
ALL_EXPORTS: Final = 40
"""The same for all readers."""
READERS: Final = 10_000
"""Buckets that are kept; a reader who is forgotten begins with a full one."""


class Allowance:
    """What is left to each reader, each process for itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[Hashable, tuple[float, float]] = {}
        """Tokens, and when that was, the reader who asked last at the end."""

    def take(self, reader: Hashable, cost: float) -> float:
        """Take so many tokens and return 0; where there are too few, take none and return the seconds to wait."""
        now = time.monotonic()
        with self._lock:
            left, then = self._left.pop(reader, (TOKENS, now))
            left = min(TOKENS, left + (now - then) * PER_SECOND)
            wait = max(0.0, (cost - left) / PER_SECOND)
            self._left[reader] = (left if wait else left - cost, now)
            if len(self._left) > READERS:
                del self._left[next(iter(self._left))]
        return wait


class Running:
    """Files that are being sent, each process for itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Counter[Hashable] = Counter()

    def is_full(self, reader: Hashable) -> bool:
        """Tell whether the reader, or all of them together, have as many as there may be."""
        with self._lock:
            return self._of[reader] >= EXPORTS or self._of.total() >= ALL_EXPORTS

    def begin(self, reader: Hashable) -> None:
        """Count one more."""
        with self._lock:
            self._of[reader] += 1

    def end(self, reader: Hashable) -> None:
        """Count one less."""
        with self._lock:
            self._of[reader] -= 1
            self._of += Counter()  # forgets who has none


def who(principal: Principal) -> Hashable:
    """Return by what a reader is known here."""
    return principal.name, principal.role, principal.tenants, principal.applications
