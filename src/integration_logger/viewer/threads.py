"""The viewer's own few threads, so that neither a slow store nor a long page ever holds up the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")

THREADS = 4


class Threads:
    """So many threads at a time, for each event loop. A cancelled caller does not wait for his, unless told to."""

    def __init__(self, name: str, most: int, *, abandon: bool = True) -> None:
        self._most = most
        self._abandon = abandon
        self._limiter: RunVar[CapacityLimiter] = RunVar(f"integration_logger_{name}_threads")

    async def __call__(self, function: Callable[..., T], *args: object) -> T:
        """Run a blocking function in one of them."""
        try:
            limiter = self._limiter.get()
        except LookupError:
            limiter = CapacityLimiter(self._most)
            self._limiter.set(limiter)
        return await to_thread.run_sync(function, *args, limiter=limiter, abandon_on_cancel=self._abandon)


in_thread = Threads("viewer", THREADS)
"""For reading the store."""
in_access_thread = Threads("access", 8)
"""For the host's decisions about access, so that slow ones take neither its own threads nor those of the readers."""
in_password_thread = Threads("password", 1)
"""For passwords: whoever guesses many holds up others who guess, and no reader."""
in_export_thread = Threads("export", 2, abandon=False)
"""For files that are made while they are sent: so long as one is read from, it cannot be closed."""
