"""How often somebody may ask: so many times in a stretch of time, in this process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final

MAX_CALLERS: Final = 10_000
"""Callers that are remembered; the one who has been silent longest is forgotten first."""


class Rates:
    """Counts requests of callers; ``limits`` are pairs of a number of requests and the seconds they are counted in."""

    def __init__(self, limits: Sequence[tuple[int, float]]) -> None:
        self._limits = limits
        self._most = max(number for number, _ in limits)
        self._lock = threading.Lock()
        self._callers: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Count a request of the caller and return 0, or return the seconds until the next one is taken."""
        now = time.monotonic()
        with self._lock:
            asked = self._callers.setdefault(caller, deque(maxlen=self._most))
            self._callers.move_to_end(caller)
            if len(self._callers) > MAX_CALLERS:
                self._callers.popitem(last=False)
            wait = max(self._until(asked, now, number, seconds) for number, seconds in self._limits)
            if wait <= 0:
                asked.append(now)
        return max(wait, 0.0)

    @staticmethod
    def _until(asked: deque[float], now: float, number: int, seconds: float) -> float:
        return asked[-number] + seconds - now if len(asked) >= number else 0.0
