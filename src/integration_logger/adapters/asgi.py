"""ASGI: every HTTP call that comes in, as a pure middleware that forwards the original messages.

No event loop is imported, so hosts on trio work; WebSocket and lifespan pass untouched.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from integration_logger.adapters import asgi_scope
from integration_logger.adapters.paths import PathFilter, Patterns
from integration_logger.bodies import OVERLAP, Body, content_type
from integration_logger.capture import OPENTELEMETRY, Capture, trace_id
from integration_logger.context import current
from integration_logger.errors import ConfigurationError

if TYPE_CHECKING:
    from integration_logger.recorder import Recorder

Scope = MutableMapping[str, Any]
ASGIMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[ASGIMessage]]
Send = Callable[[ASGIMessage], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Labels = Callable[[Scope], Mapping[str, object] | None]

SCOPE_KEY = "integration_logger"
"""Where the capture lies in the scope, for the log browser to leave itself out."""

_NO_BODY_STATUS = frozenset((204, 304))
_NO_BODY_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "DELETE", "TRACE"))


class ASGIMiddleware:
    """Wraps an ASGI app and records each HTTP call before the message that completes it reaches the client."""

    def __init__(
        self,
        app: ASGIApp,
        recorder: Recorder,
        *,
        include: Patterns = (),
        exclude: Patterns = (),
        labels: Labels | None = None,
        bodies: bool = True,
    ) -> None:
        self.app = app
        self.recorder = recorder
        self.wanted = PathFilter(include, exclude)
        if labels is not None and not callable(labels):
            raise ConfigurationError("labels takes a callable that gets the scope and returns a dict")
        self.labels = labels
        self.bodies = bodies
        self.limit = recorder.max_body + OVERLAP

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        call = self._begin(scope, receive, send)
        if call is None:
            await self.app(scope, receive, send)
            return
        token = current.set(call.capture)
        try:
            await self.app(scope, call.receive, call.send)
        except BaseException as error:
            call.settle(error)
            raise
        else:
            call.settle(None)
        finally:
            current.reset(token)

    def _begin(self, scope: Scope, receive: Receive, send: Send) -> Call | None:
        try:
            if scope["type"] != "http":
                if scope["type"] == "lifespan":
                    self.recorder.start()
                return None
            if not self.wanted(scope["path"]):
                return None
            outer = scope.get(SCOPE_KEY)
            if outer is not None and self._has_it(outer):
                return None
            return Call(self, scope, receive, send, outer)
        except Exception as error:
            report(self.recorder, error)
            return None

    def body(self, type_header: bytes | None, coding: bytes | None) -> Body:
        """Return what will collect a body of this kind."""
        body = Body(self.limit, content_type(type_header), coding)
        if not self.bodies:
            body.leave_out("off")
        return body

    def _has_it(self, capture: Capture | None) -> bool:
        """Whether this logger, installed twice, has the call already."""
        while capture is not None:
            if capture.recorder is self.recorder:
                return True
            capture = capture.outer
        return False


def report(recorder: Recorder, error: Exception) -> None:
    """Count a failure of logging, whatever else fails."""
    with suppress(Exception):
        recorder.failed(error)


class Call:
    """One HTTP call through the middleware: the two callables that the app gets, and what they saw."""

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
        if (parent := current.get()) is not None:
            capture.inherit(parent)
        capture.request_headers = headers = scope["headers"]
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
        if length is not None or method not in _NO_BODY_METHODS or header(b"transfer-encoding") is not None:
            capture.request_body = body = middleware.body(header(b"content-type"), header(b"content-encoding"))
            body.ended = length == b"0"
        scope[SCOPE_KEY] = capture

    def _labels(self) -> Mapping[str, object] | None:
        labels = self.middleware.labels
        try:
            return labels(self.scope) if labels is not None else None
        except Exception as error:  # without labels an entry is seen by fewer, never by more
            self.middleware.recorder.failed(error, "labels_failed")
            return None

    async def receive(self) -> ASGIMessage:
        """Pass on what the server received."""
        message = await self.receive_inner()
        if self.open:
            try:
                if message["type"] == "http.request":
                    body = self.capture.request_body
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
                    self._record()
            except Exception as error:
                report(self.middleware.recorder, error)
        try:
            await self.send_inner(message)
        except OSError:
            self.disconnected = True
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
            body.ended = True
            if self.capture.status_code >= 500:  # type: ignore[operator]  # set with the response's body
                self._note_handled_exception()
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
            self.capture.fail("exception", error, phase="wait")

    def _response_started(self, message: ASGIMessage) -> bool:
        headers = message.get("headers", ())
        if not isinstance(headers, list | tuple):  # an iterator can be read once: keep what it yields for the server
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
            elif isinstance(error, Exception) and error is not self.handled:
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
        if body is not None and (body.content_type.name or "").startswith("text/event-stream"):
            self.capture.status = "completed"  # leaving is how event streams end
        else:
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
        capture.route = asgi_scope.route(self.scope)
        self.middleware.recorder.record(capture)
