"""Where a follower is, and how long it waits."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

from integration_logger.errors import ConfigurationError, ScrollError

Remember = Callable[[int], object]


class Pace:
    """How long to wait: politely where nothing comes, as told where the server says."""

    def __init__(self, *, wait: float, max_wait: float, attempts: int | None) -> None:
        if not 0 < wait <= max_wait:
            raise ConfigurationError(f"scroll: wait takes seconds above 0 and at most max_wait, not {wait!r}")
        if attempts is not None and attempts < 1:
            raise ConfigurationError(f"scroll: attempts takes a number from 1, or None, not {attempts!r}")
        self.attempts = attempts
        self._wait = wait
        self._max_wait = max_wait
        self._pause = wait

    def after(self, *, news: bool) -> float:
        """Return how long to wait after a page that was the last for now."""
        pause = self._wait if news else self._pause
        self._pause = min(pause * 2, self._max_wait)
        return pause

    def after_failure(self, failures: int, told: float | None) -> float:
        """Return how long to wait after so many failures in a row."""
        if told is not None:
            return told
        longest: float = min(self._wait * 2 ** min(failures, 16), max(self._max_wait, 60.0))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - so that many followers do not come back at once


class Place:
    """Where a follower is, and who is told."""

    def __init__(self, place: str | os.PathLike[str] | Remember | None, start: int | None) -> None:
        if start is not None and (not isinstance(start, int) or start < 0):
            raise ConfigurationError(f"scroll: start takes the seq of the last entry that is known, not {start!r}")
        self._file = None if place is None or callable(place) else Path(place)
        self._tell = place if callable(place) else None
        self._start = start or 0

    def begin(self) -> int:
        """Return the ``seq`` after which to go on."""
        try:
            text = self._file.read_text() if self._file else ""
        except FileNotFoundError:
            return self._start
        if self._file and not re.fullmatch(r"[0-9]{1,18}\n?", text):
            raise ScrollError(
                f"{self._file} does not hold a place; delete it, or write the seq of the last entry into it"
            )
        return int(text) if self._file else self._start

    def reached(self, seq: int) -> object:
        """Remember that everything up to here was dealt with; returns what the callable did."""
        if self._tell:
            return self._tell(seq)
        if self._file:
            # A file half written would be a place that is lost, so the new one takes its name when it is whole.
            new = self._file.with_name(f"{self._file.name}.new")
            new.write_text(f"{seq}\n")
            new.replace(self._file)
        return None
