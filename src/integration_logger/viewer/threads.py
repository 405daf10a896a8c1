"""The viewer's own few threads, so that neither a slow store nor a long page ever holds up the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")

THREADS = 4
_limiter: RunVar[CapacityLimiter] = RunVar("integration_logger_viewer_threads")


async def in_thread(function: Callable[..., T], *args: object) -> T:
    """Run a blocking function in one of the viewer's threads; a cancelled caller does not wait for it."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(THREADS)
        _limiter.set(limiter)
    return await to_thread.run_sync(function, *args, limiter=limiter, abandon_on_cancel=True)
