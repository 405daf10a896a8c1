"""The log browser as a WSGI application, for hosts without an event loop.

The browser itself runs on a loop of its own. The thread in which the host asks waits meanwhile, and does what is its
own to do: it reads the request, decides about access, and hands on the answer piece by piece.
"""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from starlette.types import Message, Scope

from integration_logger.context import ENVIRON_KEY
from integration_logger.entry import status_label
from integration_logger.viewer.access import CALLER
from integration_logger.viewer.app import Viewer
from integration_logger.viewer.loop import event_loop

Environ = dict[str, Any]

CHUNK: Final = 64 * 1024
"""Bytes of a request that are read at once."""
LONGEST_LENGTH: Final = 18
"""Digits of a Content-Length; Python refuses to read very long ones."""
_BARE: Final = ("CONTENT_TYPE", "CONTENT_LENGTH")
_logger = logging.getLogger("integration_logger")


class WSGIViewer:
    """A log browser for ``DispatcherMiddleware`` and the like; it starts no thread before its first request."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Exchange:
        """Serve one request."""
        exchange = Exchange(self._viewer, environ)
        try:
            start_response(*exchange.head())
        except BaseException:
            exchange.close()
            raise
        return exchange


class _Job(NamedTuple):
    """What the caller's thread is to do, and whom it tells what came of it."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    outcome: asyncio.Future[tuple[Any, Exception | None]]


class Exchange:
    """One request and its answer; what the server iterates over."""

    def __init__(self, viewer: Viewer, environ: Environ) -> None:
        self._environ = environ
        self._left = _length(environ)
        self._bodiless = environ["REQUEST_METHOD"] == "HEAD"
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        """For the thread of the caller; None when there is nothing more to come."""
        self._head: Message | None = None
        self._chunk = b""
        self._loop = event_loop()
        self._left_alone = asyncio.Event()
        self._answer = asyncio.run_coroutine_threadsafe(self._run(viewer), self._loop)

    # --- in the thread of the caller ----------------------------------------------------------------

    def head(self) -> tuple[str, list[tuple[str, str]]]:
        """Wait for the beginning of the answer; return its status line and headers."""
        while self._head is None:
            if not self._work():
                return "500 Internal Server Error", [("Content-Type", "text/plain"), ("Content-Length", "0")]
        status: int = self._head["status"]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._head["headers"]]
        return f"{status} {status_label(status)}", headers

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._chunk or self._bodiless:
            if not self._work():
                raise StopIteration
        chunk, self._chunk = self._chunk, b""
        return chunk

    def close(self) -> None:
        """End the answer, complete or not."""
        self._answer.cancel()

    def _work(self) -> bool:
        """Do the next job; return False when there are no more."""
        job = self._jobs.get()
        if job is None:
            self._jobs.put(None)
            return False
        found, problem = None, None
        try:
            found = job.function(*job.args)
        except Exception as error:
            problem = error
        self._loop.call_soon_threadsafe(_tell, job.outcome, (found, problem))
        return True

    def _read(self) -> bytes:
        size = min(CHUNK, self._left)
        data: bytes = self._environ["wsgi.input"].read(size)
        self._left = self._left - len(data) if data else 0
        return data

    def _take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
        else:
            self._chunk = message.get("body", b"")

    # --- on the loop --------------------------------------------------------------------------------

    async def _run(self, viewer: Viewer) -> None:
        try:
            scope = _scope(self._environ)
            scope[CALLER] = self._by_caller
            await viewer(scope, self._receive, self._send)
        except Exception:  # its client has an answer already
            _logger.exception("the log browser failed")
        finally:
            self._jobs.put(None)

    async def _by_caller(self, function: Callable[..., Any], *args: Any) -> Any:
        """Have something done in the thread in which the host has asked."""
        job = _Job(function, args, self._loop.create_future())
        self._jobs.put(job)
        found, problem = await job.outcome
        if problem is not None:
            raise problem
        return found

    async def _receive(self) -> Message:
        if self._left < 0:
            await self._left_alone.wait()
            return {"type": "http.disconnect"}
        data = await self._by_caller(self._read) if self._left else b""
        more = self._left > 0
        if not more:
            self._left = -1
        return {"type": "http.request", "body": data, "more_body": more}

    async def _send(self, message: Message) -> None:
        await self._by_caller(self._take, message)


def _tell(outcome: asyncio.Future[Any], found: object) -> None:
    if not outcome.done():  # its task may have been cancelled
        outcome.set_result(found)


def _length(environ: Environ) -> int:
    """Return how many bytes of the request may be read: up to its end, where the server says where that is."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit() and len(length) <= LONGEST_LENGTH:
        return int(length)
    return CHUNK**2 if environ.get("wsgi.input_terminated") else 0


def _scope(environ: Environ) -> Scope:
    root = _text(environ.get("SCRIPT_NAME", "")).rstrip("/")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").removeprefix("HTTP/"),
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": root + _text(environ.get("PATH_INFO", "")) or "/",
        "root_path": root,
        "query_string": _bytes(environ.get("QUERY_STRING", "")),
        "headers": [*_headers(environ)],
        "client": _address(environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT")),
        "server": _address(environ.get("SERVER_NAME"), environ.get("SERVER_PORT")),
        "wsgi.environ": environ,
        "integration_logger": environ.get(ENVIRON_KEY),
    }


def _headers(environ: Environ) -> Iterator[tuple[bytes, bytes]]:
    for key, value in environ.items():
        if key.startswith("HTTP_") or (key in _BARE and value):
            yield _bytes(key.removeprefix("HTTP_").replace("_", "-").lower()), _bytes(value)


def _address(host: str | None, port: Any) -> tuple[str, int] | None:
    """Return an address as ASGI has it; None for a Unix socket."""
    return (host, int(port) if str(port).isdigit() else 0) if host else None


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _text(text: str) -> str:
    """Return what a path says: WSGI has its bytes as if they were characters."""
    return _bytes(text).decode("utf-8", "replace")
