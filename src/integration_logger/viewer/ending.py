"""How a stream learns that its reader has left, or that the server around it is to end."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
from starlette.types import Receive


def server_is_ending() -> bool:
    """Tell whether the server was asked to end, as far as that can be seen.

    uvicorn, asked to end, waits for open streams for ever and tells them nothing. It can be seen from its own
    handler of the signal, which is only looked at.
    """
    handler = signal.getsignal(signal.SIGTERM)
    return bool(getattr(getattr(handler, "__self__", None), "should_exit", False))


async def until_gone(receive: Receive, speak: Callable[[], Awaitable[None]]) -> None:
    """Speak to a reader until all is said, or until they have left."""
    async with anyio.create_task_group() as group:

        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(listen)
        with suppress(OSError):
            await speak()
        group.cancel_scope.cancel()
