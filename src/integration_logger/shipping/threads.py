"""Threads that do the work of the logging beside the host's own, and never end before they are told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from integration_logger.context import at_work

AFTER_FAILURE: Final = 1.0
"""Seconds until a step that raised is tried again."""


class Worker:
    """Runs a step again and again in a daemon thread; whatever the step raises, the thread goes on."""

    def __init__(self, name: str, step: Callable[[], float], finish: Callable[[], object] = lambda: None) -> None:
        self._step = step
        """Returns the seconds until it wants to run again."""
        self._finish = finish
        """Called once, when the thread ends."""
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"integration-logger-{name}", daemon=True)

    def start(self) -> None:
        """Start the thread; raises ``RuntimeError`` where the system has none left."""
        self._thread.start()

    def wake(self) -> None:
        """Have the next step run now."""
        self._wake.set()

    def stop(self) -> None:
        """Have it end after the step that is under way; ``join`` waits for that."""
        self._stopping = True
        self._wake.set()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stopping

    def join(self, timeout: float) -> bool:
        """Wait until it has ended; return whether it has."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with at_work():
            self._work()

    def _work(self) -> None:
        while not self._stopping:
            pause = self._attempt(self._step)
            if pause > 0:
                self._wake.wait(pause)
            self._wake.clear()
        self._attempt(self._finish)

    def _attempt(self, step: Callable[[], object]) -> float:
        try:
            pause = step()
        except BaseException:  # a thread that ends would end the logging: SystemExit is no reason either
            return AFTER_FAILURE
        return pause if isinstance(pause, float | int) else 0
