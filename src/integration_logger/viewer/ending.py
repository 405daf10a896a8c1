"""How a stream learns that the server around it is to end."""

from __future__ import annotations

import signal


def server_is_ending() -> bool:
    """Tell whether the server was asked to end, as far as that can be seen.

    uvicorn, asked to end, waits for open streams for ever and tells them nothing. It can be seen from its own
    handler of the signal, which is only looked at.
    """
    handler = signal.getsignal(signal.SIGTERM)
    return bool(getattr(getattr(handler, "__self__", None), "should_exit", False))
