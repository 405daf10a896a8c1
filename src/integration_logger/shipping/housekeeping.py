"""Keeping a store to its retention rules: of all processes that have it open, one does so at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

from integration_logger.retention import Retention
from integration_logger.stores.base import Store
from integration_logger.stores.erasures import repeat_erasures
from integration_logger.stores.reports import fold_reports
from integration_logger.stores.state import ABSENT

PURGE_EVERY: Final = 60.0
"""Seconds between two purges of a store."""
LONGEST: Final = 600.0
"""Seconds for which a process that dies over its work keeps the others from it; two at once do no harm."""
PURGE: Final = "purge"
REDATE: Final = "redate"
RULES: Final = "retention-rules"
"""The key under which the rules are noted that the dates in the store are from."""


class Housekeeping:
    """Purges a store every minute, erases what arrives late, and dates entries anew where this process has other rules.

    While a new version of an application replaces an old one, processes with old and with new rules run side by
    side. Each remembers which rules were noted when it began, and dates the store anew only as long as that note
    stands: so a process that is older than a change leaves it alone, and every process changes the dates at most
    once. A process that is gone before its second look changes none: a short script has no say.
    """

    def __init__(self, store: Store, retention: Retention) -> None:
        self._store = store
        self._retention = retention
        self._looked = False
        self._dated = False
        """Nothing is left to do about the rules in the life of this process."""
        self._found: bytes | None = None
        """The rules that were noted at the first look."""

    def work(self) -> None:
        """Do what is to be done now; raises what the store raises."""
        self._purge()
        if not self._dated:
            self._redate()

    def _redate(self) -> None:
        state, mine = self._store.state, self._retention.fingerprint
        noted = state.get(RULES)
        if not self._looked:
            self._looked, self._found = True, noted
            self._dated = noted == mine
        elif noted != self._found:
            self._dated = True  # by another process with these rules, or with those of a process that began later
        elif state.claim(REDATE, LONGEST):
            with self._releasing(REDATE):
                self._store.redate(self._retention)
                state.put(RULES, mine, expected=ABSENT if noted is None else noted)
            self._dated = True

    def _purge(self) -> None:
        state, retention = self._store.state, self._retention
        if state.claim(PURGE, LONGEST):
            with self._releasing(PURGE):
                self._store.purge(datetime.now(UTC), max_rows=retention.max_rows, max_bytes=retention.max_bytes)
                repeat_erasures(self._store)
                fold_reports(state, datetime.now(UTC))
            state.claim(PURGE, PURGE_EVERY)

    @contextmanager
    def _releasing(self, key: str) -> Iterator[None]:
        """Let the next process have its turn, also after a failure."""
        try:
            yield
        finally:
            with suppress(Exception):
                self._store.state.release(key)
