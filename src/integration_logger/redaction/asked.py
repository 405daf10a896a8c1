"""Known values that the host is asked for now and then: secrets are rotated while a process runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final

from integration_logger.context import at_work
from integration_logger.errors import ConfigurationError
from integration_logger.redaction.known import checked

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

ASK_EVERY: Final = 60.0
"""Seconds between two questions."""
RETRY: Final = 1.0
"""Seconds until the question is put again that could not be answered at first."""

logger = logging.getLogger("integration_logger")


class Asked:
    """The rules with the values that the host gave last, and with those before: calls with them may be under way."""

    def __init__(self, ask: Callable[[], Iterable[str]], make: Callable[[Iterable[str]], Rules]) -> None:
        self._ask = ask
        self._make = make
        self._values: frozenset[str] = frozenset()
        self._rules: Rules | None = None
        self._due = 0.0
        self._asking = threading.RLock()  # what asks may be recorded itself, and shall not wait for its own answer

    def rules(self) -> Rules:
        """Return the rules; only the first question is waited for, as nothing can be masked without its answer."""
        rules, now = self._rules, monotonic()
        if now >= self._due:
            self._due = now + (RETRY if rules is None else ASK_EVERY)
            if rules is None:
                return self._renew()
            with suppress(RuntimeError):  # no more threads to be had
                threading.Thread(target=self._renew_later, name="integration-logger-values", daemon=True).start()
        elif rules is None:
            return self._wait()
        return rules

    def _wait(self) -> Rules:
        with self._asking:
            if self._rules is None:
                raise ConfigurationError("Redactor: the function given as values has not answered")
            return self._rules

    def _renew(self) -> Rules:
        with self._asking:
            with at_work():
                values = frozenset(checked(self._ask()))
            if self._rules is None or values != self._values:
                self._rules, self._values = self._make(values | self._values), values
                self._rules.prepare()
            self._due = monotonic() + ASK_EVERY
            return self._rules

    def _renew_later(self) -> None:
        try:
            self._renew()
        except Exception as error:
            # the error's own text may quote what it failed on
            logger.warning("values of the Redactor could not be renewed: %s", type(error).__name__)
