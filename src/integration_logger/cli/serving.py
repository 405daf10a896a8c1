"""Serving an application on this machine until Ctrl-C, for ``serve`` and ``demo``."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import uvicorn
from starlette.types import ASGIApp

from integration_logger.errors import IntegrationLoggerError

USUAL_PORT = 8000


def listen(host: str, port: int | None) -> socket.socket:
    """Return a listening socket: on the given port, else on the usual one or, where that is taken, on any."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, USUAL_PORT if port is None else port), family=family)
    except OSError as error:
        if port is None:
            return listen(host, 0)
        raise IntegrationLoggerError(
            f"port {port} cannot be used ({error.strerror}): choose another by --port"
        ) from None
    # asyncio does so only for sockets of its own; without, each answer waits 40 ms for an acknowledgement
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address(listener: socket.socket) -> str:
    """Return the URL at which the socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def serving(app: ASGIApp, listener: socket.socket, *, expected: tuple[type[Exception], ...] = ()) -> Iterator[Event]:
    """Serve the app in a thread, which leaves the signals to the main thread; yield what is set when it ends.

    Exceptions of the app are printed, unless they are ``expected``.
    """
    # An open log browser follows a stream, which would hold up the end.
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)

    def is_news(record: logging.LogRecord) -> bool:
        raised = record.exc_info[1] if record.exc_info else None
        return not (server.should_exit or isinstance(raised, expected))

    logging.getLogger("uvicorn.error").addFilter(is_news)
    ended = Event()

    def serve() -> None:
        try:
            server.run([listener])
        finally:
            ended.set()

    thread = Thread(target=serve, name="serving", daemon=True)
    thread.start()
    try:
        yield ended
    finally:
        server.should_exit = True
        thread.join()
        logging.getLogger("uvicorn.error").removeFilter(is_news)


def wait(ended: Event, seconds: float | None = None) -> None:
    """Wait until the time is up, or until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):  # a thread whose join it interrupts counts as ended, though it runs
        if ended.wait(seconds):
            raise IntegrationLoggerError("the server ended by itself; what it printed above says why")
