"""The viewer's own few threads, so that neither a slow store nor a long page ever holds up the host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf
from typing import TypeVar

from anyio import CapacityLimiter, move_on_after, to_thread
from anyio.lowlevel import RunVar

from integration_logger.errors import StoreError

T = TypeVar("T")

THREADS = 4
ANSWER = 30.0
"""Seconds that a reader waits for an answer; a store that needs longer is taken for one that is away."""


class _Crew:
    """The threads of one event loop, those included that nobody waits for any more."""

    def __init__(self, most: int) -> None:
        self.limiter = CapacityLimiter(most)
        self._most = 2 * most
        self._lock = threading.Lock()
        self._busy = 0

    def run(self, function: Callable[..., T], *args: object) -> T:
        with self._lock:
            if self._busy >= self._most:
                raise StoreError(f"{self._busy} earlier questions have no answer yet")
            self._busy += 1
        try:
            return function(*args)
        finally:
            with self._lock:
                self._busy -= 1


class Threads:
    """So many threads at a time, for each event loop. A cancelled caller does not wait for his, unless told to."""

    def __init__(self, name: str, most: int, *, abandon: bool = True) -> None:
        self._most = most
        self._abandon = abandon
        self._crew: RunVar[_Crew] = RunVar(f"integration_logger_{name}_threads")

    async def __call__(self, function: Callable[..., T], *args: object, seconds: float = inf) -> T:
        """Run a blocking function in one of them.

        Raises ``StoreError`` where it has not answered within ``seconds``, or too many others have not.
        """
        try:
            crew = self._crew.get()
        except LookupError:
            crew = _Crew(self._most)
            self._crew.set(crew)
        with move_on_after(seconds):
            return await to_thread.run_sync(
                crew.run, function, *args, limiter=crew.limiter, abandon_on_cancel=self._abandon
            )
        raise StoreError(f"no answer within {seconds:g} s")


in_thread = Threads("viewer", THREADS)
"""For reading the store."""
in_access_thread = Threads("access", 8)
"""For the host's decisions about access, so that slow ones take neither its own threads nor those of the readers."""
in_password_thread = Threads("password", 1)
"""For passwords: whoever guesses many holds up others who guess, and no reader."""
in_export_thread = Threads("export", 2, abandon=False)
"""For files that are made while they are sent: so long as one is read from, it cannot be closed."""
