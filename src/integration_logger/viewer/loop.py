"""The one event loop of a process whose host has none: a thread that begins with the first request."""

from __future__ import annotations

import asyncio
import threading

from integration_logger.forks import in_child, this_process

_starting = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_inherited: list[asyncio.AbstractEventLoop] = []
"""Loops of the parents: whoever closed them here would take their descriptors out of what the parent waits for."""


def event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop; starts its thread where this process has none."""
    global _loop
    this_process()
    with _starting:
        if _loop is None:
            loop = asyncio.new_event_loop()
            try:
                threading.Thread(target=loop.run_forever, name="integration-logger viewer", daemon=True).start()
            except RuntimeError:  # the system has no thread left: the next request tries again
                loop.close()
                raise
            _loop = loop
        return _loop


def _after_fork() -> None:
    global _starting, _loop
    _starting = threading.Lock()
    if _loop is not None:
        _inherited.append(_loop)
        _loop = None


in_child(_after_fork)
