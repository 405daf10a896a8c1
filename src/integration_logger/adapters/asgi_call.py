"""One HTTP call through the ASGI middleware: the two callables that the app gets, and what they saw."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from integration_logger.adapters import asgi_scope
from integration_logger.adapters.asgi_scope import Scope
from integration_logger.bodies import Body
from integration_logger.capture import OPENTELEMETRY, Capture, add_labels, trace_id
from integration_logger.context import current

if TYPE_CHECKING:
    from integration_logger.adapters.asgi import ASGIMiddleware
    from integration_logger.recorder import Recorder

ASGIMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[ASGIMessage]]
Send = Callable[[ASGIMessage], Awaitable[None]]

SCOPE_KEY = "integration_logger"
"""Where the capture lies in the scope, for the log browser to leave itself out."""

_NO_BODY_STATUS = frozenset((204, 304))
_NO_BODY_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "DELETE", "TRACE"))
_ANNOUNCE_BODIES = frozenset(("1.0", "1.1"))
"""Versions of HTTP in which a request without Content-Length and Transfer-Encoding has no body."""


def report(recorder: Recorder, error: Exception) -> None:
    """Count a failure of logging, whatever else fails."""
    with suppress(Exception):
        recorder.failed(error)


class Call:
    """``receive`` and ``send`` of one call; ``settle`` ends it."""

    __slots__ = (
        "capture", "disconnected", "handled", "middleware", "open", "receive_inner", "remaining",
        "scope", "send_inner", "trailers",
    )  # fmt: skip

    def __init__(
        self, middleware: ASGIMiddleware, scope: Scope, receive: Receive, send: Send, outer: Capture | None
    ) -> None:
        self.middleware = middleware
        self.scope = scope
        self.receive_inner = receive
        self.send_inner = send
        self.open = True
        """Until the entry is recorded."""
        self.disconnected = False
        self.handled: Exception | None = None
        self.trailers = False
        self.remaining = -1
        """Bytes until Content-Length is reached; -1 where the length is not announced."""
        self.capture = capture = Capture("inbound")
        capture.outer = outer
        capture.recorder = recorder = middleware.recorder
        parent = current.get()
        while parent is not None and parent.recorder is not recorder:
            parent = parent.outer
        if parent is not None:
            capture.inherit(parent)
        headers = scope["headers"]
        if type(headers) is not list and not isinstance(headers, tuple):
            scope["headers"] = headers = list(headers)
        capture.request_headers = headers
        header = dict(headers).get
        capture.method = method = scope["method"]
        capture.http_version = scope.get("http_version")
        if (client := scope.get("client")) is not None:
            proxies = recorder.trusted_proxies
            capture.client_ip = client[0] if proxies is None else proxies.client(client[0], headers)
        capture.host, capture.url = asgi_scope.address(scope, header(b"host"))
        if (traceparent := header(b"traceparent")) is not None or OPENTELEMETRY in sys.modules:
            capture.trace_id = trace_id(traceparent) or capture.trace_id
        if middleware.labels is not None:
            capture.late_labels = self._labels
        length = header(b"content-length")
        if (
            length is not None
            or header(b"transfer-encoding") is not None
            or (method not in _NO_BODY_METHODS and capture.http_version not in _ANNOUNCE_BODIES)
        ):
            capture.request_body = body = middleware.body(header(b"content-type"), header(b"content-encoding"))
            body.ended = length == b"0"
        scope[SCOPE_KEY] = capture

    def _labels(self) -> dict[str, str | list[str]]:
        labels: dict[str, str | list[str]] = {}
        try:
            add_labels(labels, self.middleware.labels(self.scope) or {})  # type: ignore[misc]  # there are some
        except Exception as error:  # without labels an entry is seen by fewer, never by more
            self.middleware.recorder.failed(error, "labels_failed")
            return {}
        return labels

    def _unannounced_body(self) -> Body:
        header = dict(self.capture.request_headers or ()).get
        body = self.middleware.body(header(b"content-type"), header(b"content-encoding"))
        self.capture.request_body = body
        return body

    async def receive(self) -> ASGIMessage:
        """Pass on what the server received."""
        message = await self.receive_inner()
        if self.open:
            try:
                if message["type"] == "http.request":
                    body = self.capture.request_body
                    if body is None and message.get("body"):
                        body = self._unannounced_body()
                    if body is not None:
                        body.feed(message.get("body", b""))
                        body.ended = not message.get("more_body", False)
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
                        self._client_left()
                    self._record()
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
            body.feed(message.get("body", b""))
            if message.get("more_body", False) and (self.remaining < 0 or body.size < self.remaining):
                return False
            body.ended = not self.disconnected
            if body.size < self.remaining:
                self.capture.fail("protocol", "the response is shorter than its Content-Length", phase="receive")
            return not self.trailers
        if kind == "http.response.start":
            return self._response_started(message)
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        if kind in ("http.response.pathsend", "http.response.zerocopysend"):
            self._unread()
            return not self.trailers and not message.get("more_body", False)
        return False

    def _note_handled_exception(self) -> None:
        """A framework's outermost handler answers 500 while it handles the exception, and raises it on afterwards."""
        error = sys.exception()
        if isinstance(error, Exception) and not hasattr(error, "status_code"):
            self.handled = error
            if not self.disconnected:
                self.capture.fail("exception", error, phase="wait")

    def _response_started(self, message: ASGIMessage) -> bool:
        headers = message.get("headers", ())
        if type(headers) is not list and not isinstance(headers, tuple):
            # an iterator can be read once: keep what it yields for the server
            message["headers"] = headers = list(headers)
        capture = self.capture
        capture.status_code = status = message["status"]
        capture.response_headers = headers
        capture.first_byte = perf_counter() - capture.started
        header = dict(headers).get
        length, kind = header(b"content-length"), header(b"content-type")
        if length is None or kind is None:  # an app may write them in capitals
            header = {name.lower(): value for name, value in headers}.get
            length, kind = header(b"content-length"), header(b"content-type")
        capture.response_body = body = self.middleware.body(kind, header(b"content-encoding"))
        if status >= 500:
            self._note_handled_exception()
        self.trailers = message.get("trailers", False)
        if length is not None and length.isdigit():
            self.remaining = int(length)
        if status in _NO_BODY_STATUS or capture.method == "HEAD":
            body.omitted = None
            return True
        return self.remaining == 0

    def _unread(self) -> None:
        body = self.capture.response_body
        if body is not None:
            body.omitted = "unread"
            body.size = max(self.remaining, 0)

    def settle(self, error: BaseException | None) -> None:
        """Finish after the app has returned, or raised (the caller raises on); never raises."""
        try:
            if self.open:
                self._failed(error)
                self._record()
            elif isinstance(error, Exception) and (
                self.handled is None or (error is not self.handled and error.__context__ is not self.handled)
            ):
                self.middleware.recorder.after_response(self.capture, error)
        except Exception as problem:
            report(self.middleware.recorder, problem)

    def _failed(self, error: BaseException | None) -> None:
        """Say why the answer is not complete, now that it never will be."""
        if self.disconnected:
            self._client_left()
        elif error is None:
            self.capture.fail(
                "protocol", "the application returned without completing its response", phase=self._phase()
            )
        elif isinstance(error, Exception):
            self._exception(error)
        else:
            self.capture.fail("cancelled", f"{type(error).__name__} while the call was under way", phase=self._phase())

    def _client_left(self) -> None:
        body = self.capture.response_body
        if body is not None and (body.content_type.name or "").lower().startswith("text/event-stream"):
            self.capture.status = "completed"  # leaving is how event streams end
        elif self.capture.error_type is None:
            self.capture.fail("disconnect", "the client left before the answer was complete", phase=self._phase())

    def _exception(self, error: Exception) -> None:
        if self.capture.status_code is None:
            # the framework's own handler, which may be outside of here, answers with this
            self.capture.status_code = 500
            self.capture.label(status_inferred="true")
        self.capture.fail("exception", error, phase=self._phase())

    def _phase(self) -> str:
        return "wait" if self.capture.first_byte is None else "receive"

    def _record(self) -> None:
        self.open = False
        capture = self.capture
        capture.duration = perf_counter() - capture.started
        body = capture.request_body
        if body is not None and body.size == 0 and not body.ended and body.omitted != "off":
            body.omitted = "unread"
        try:
            capture.route = asgi_scope.route(self.scope)
        except Exception as error:
            report(self.middleware.recorder, error)
        self.middleware.recorder.record(capture)
