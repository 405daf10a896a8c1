"""What is wrong with one part of the logging now, said once on the logger ``integration_logger``."""

from __future__ import annotations

import logging
from contextlib import suppress
from time import monotonic
from typing import Final

logger = logging.getLogger("integration_logger")

WARN_EVERY: Final = 60.0
"""Seconds between two warnings of one part, however often its trouble comes and goes."""


class Trouble:
    """The present trouble of one part, in words."""

    def __init__(self) -> None:
        self.text: str | None = None
        """None while all is well."""
        self._warned_at = -WARN_EVERY

    def warn(self, sentence: str, text: str) -> None:
        """Note the trouble, and warn if that has not been done lately; never raises."""
        self.text = text
        now = monotonic()
        if now - self._warned_at >= WARN_EVERY:
            self._warned_at = now
            with suppress(Exception):  # handlers and filters are the host's
                logger.warning(sentence, text)

    def end(self) -> None:
        """All is well again."""
        self.text = None


def describe(error: BaseException) -> str:
    """Return what may be said of an error: its own words only where they cannot quote what was captured."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
