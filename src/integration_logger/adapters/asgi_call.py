"""One HTTP call through the ASGI middleware: the two callables that the app gets, and what they saw."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from integration_logger.adapters import asgi_scope
from integration_logger.adapters.adapter import report
from integration_logger.adapters.asgi_scope import KEY, Scope
from integration_logger.adapters.inbound import InboundCall
from integration_logger.capture import Capture

if TYPE_CHECKING:
    from integration_logger.adapters.asgi import ASGIMiddleware

ASGIMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[ASGIMessage]]
Send = Callable[[ASGIMessage], Awaitable[None]]


class Call(InboundCall):
    """``receive`` and ``send`` of one call."""

    __slots__ = ("receive_inner", "send_inner", "trailers")

    def __init__(
        self, middleware: ASGIMiddleware, scope: Scope, receive: Receive, send: Send, outer: Capture | None
    ) -> None:
        super().__init__(middleware, scope, outer)
        self.receive_inner = receive
        self.send_inner = send
        self.trailers = False
        headers = scope["headers"]
        if type(headers) is not list and not isinstance(headers, tuple):
            scope["headers"] = headers = list(headers)
        client = scope.get("client")
        header = self.asked(scope["method"], scope.get("http_version"), client and client[0], headers)
        capture = self.capture
        capture.host, capture.url = asgi_scope.address(scope, header(b"host"))
        scope[KEY] = middleware.recorder.under_way[capture.id] = capture

    async def receive(self) -> ASGIMessage:
        """Pass on what the server received."""
        message = await self.receive_inner()
        if self.open:
            try:
                if message["type"] == "http.request":
                    self.received(message.get("body", b""), not message.get("more_body", False))
                elif message["type"] == "http.disconnect":
                    self.disconnected = True
            except Exception as error:
                report(self.middleware.recorder, error)
        return message

    async def send(self, message: ASGIMessage) -> None:
        """Pass on what the app sends; the entry is written before what completes the answer is."""
        if self.open:
            try:
                if self._completes(message):
                    if self.disconnected:
                        self.client_left()
                    self.record()
            except Exception as error:
                report(self.middleware.recorder, error)
        try:
            await self.send_inner(message)
        except OSError as error:
            self.disconnected = True
            self.handled = error
            raise

    def _completes(self, message: ASGIMessage) -> bool:
        """Note what the message tells; return whether the client has the whole answer once it is sent."""
        kind = message["type"]
        if kind == "http.response.body":
            body = self.capture.response_body
            if body is None:
                return False
            whole = self.sent(message.get("body", b""), body, last=not message.get("more_body", False))
            return whole and not self.trailers
        if kind == "http.response.start":
            return self._response_started(message)
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        if kind in ("http.response.pathsend", "http.response.zerocopysend"):
            self.unread()
            return not self.trailers and not message.get("more_body", False)
        return False

    def _response_started(self, message: ASGIMessage) -> bool:
        headers = message.get("headers", ())
        if type(headers) is not list and not isinstance(headers, tuple):
            # an iterator can be read once: keep what it yields for the server
            message["headers"] = headers = list(headers)
        self.capture.first_byte = perf_counter() - self.capture.started
        self.trailers = message.get("trailers", False)
        return self.answered(message["status"], headers, sys.exception())

    def route(self) -> str | None:
        """Return the template of the route that the framework left in the scope."""
        return asgi_scope.route(self.given)
