"""What ASGI and WSGI have in common: the options of a middleware, and one HTTP call that comes in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from integration_logger.adapters import signals
from integration_logger.adapters.adapter import Adapter, announced, report
from integration_logger.adapters.trace_context import OPENTELEMETRY, trace_id
from integration_logger.bodies import Body
from integration_logger.capture import Capture
from integration_logger.context import current, own
from integration_logger.entry import RawHeaders

if TYPE_CHECKING:
    from integration_logger.recorder import Recorder

_NO_BODY_STATUS: Final = frozenset((204, 304))
_NO_BODY_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS", "DELETE", "TRACE"))
_ANNOUNCE_BODIES: Final = frozenset(("1.0", "1.1"))
"""Versions of HTTP in which a request without Content-Length and Transfer-Encoding has no body."""


def quoted(path: str | bytes) -> str:
    """Return a decoded path as it stands in a URL."""
    return quote(path if isinstance(path, bytes) else path.encode("utf-8", "surrogatepass"), safe="/%:@!$&'()*+,;=~")


def full_url(scheme: str, name: str | None, target: str) -> tuple[str | None, str]:
    """Return the host without any userinfo, and the full URL."""
    if name is not None and "@" in name:  # userinfo has no place in a Host header, and may be a password
        name = name.rpartition("@")[2]
    return name, f"{scheme}://{name}{target}" if name else target


class Middleware(Adapter):
    """Which calls are recorded that come in, and how."""

    def __init__(self, recorder: Recorder, **options: Any) -> None:
        super().__init__(recorder, **options)
        signals.listen()

    def has(self, capture: Capture | None) -> bool:
        """Tell whether this logger, installed twice, has the call already."""
        return own(capture, self.recorder) is not None


class InboundCall:
    """One call from its request to its end; ``settle`` ends it."""

    __slots__ = ("capture", "disconnected", "given", "handled", "middleware", "open", "remaining")

    def __init__(self, middleware: Middleware, given: Any, outer: Capture | None) -> None:
        self.middleware = middleware
        self.given = given
        """What the server tells of the call: the scope or environ."""
        self.open = True
        """Until the entry is recorded."""
        self.disconnected = False
        self.handled: Exception | None = None
        self.remaining = -1
        """Bytes until Content-Length is reached; -1 where the length is not announced."""
        self.capture = capture = Capture("inbound")
        capture.outer = outer
        capture.recorder = recorder = middleware.recorder
        parent = own(current.get(), recorder)
        if parent is not None:
            capture.inherit(parent)

    def asked(
        self, method: str, http_version: str | None, peer: str | None, headers: RawHeaders
    ) -> Callable[[bytes], bytes | None]:
        """Note the request, but for its address; return what finds a header."""
        capture, middleware = self.capture, self.middleware
        capture.request_headers = headers
        header = dict(headers).get
        capture.method = method
        capture.http_version = http_version
        if peer is not None:
            proxies = middleware.recorder.trusted_proxies
            capture.client_ip = peer if proxies is None else proxies.client(peer, headers)
        if (traceparent := header(b"traceparent")) is not None or OPENTELEMETRY in sys.modules:
            capture.trace_id = trace_id(traceparent) or capture.trace_id
        if middleware.labels is not None:
            capture.late_labels = self._labels
        length = header(b"content-length")
        if (
            length is not None
            or header(b"transfer-encoding") is not None
            or (method not in _NO_BODY_METHODS and http_version not in _ANNOUNCE_BODIES)
        ):
            capture.request_body = body = middleware.body(header(b"content-type"), header(b"content-encoding"))
            body.ended = length == b"0"
        return header

    def _labels(self, ended: bool) -> dict[str, str | list[str]]:
        return self.middleware.labels_of(self.given, ended)

    def received(self, data: bytes, ended: bool) -> None:
        """Note a part of the request's body that the app has read."""
        body = self.capture.request_body
        if body is None:
            if not data:
                return
            header = dict(self.capture.request_headers or ()).get
            body = self.middleware.body(header(b"content-type"), header(b"content-encoding"))
            self.capture.request_body = body
        body.feed(data)
        body.ended = ended

    def answered(self, status: int, headers: RawHeaders, handling: BaseException | None) -> bool:
        """Note the head of the answer, and the exception that it was made for; return whether it is the whole."""
        capture = self.capture
        capture.status_code = status
        capture.response_headers = headers
        header = dict(headers).get
        length, kind = header(b"content-length"), header(b"content-type")
        if length is None or kind is None:  # an app may write them in capitals
            header = {name.lower(): value for name, value in headers}.get
            length, kind = header(b"content-length"), header(b"content-type")
        capture.response_body = body = self.middleware.body(kind, header(b"content-encoding"))
        if status >= 500 and isinstance(handling, Exception) and not hasattr(handling, "status_code"):
            # a framework's outermost handler answers 500 while it handles the exception, and raises it on afterwards
            self.handled = handling
            if not self.disconnected:
                capture.fail("exception", handling, phase="wait")
        elif status >= 500 and capture.answered_for is not None:
            capture.fail("exception", capture.answered_for, phase="wait")
        self.remaining = announced(length)
        if status in _NO_BODY_STATUS or capture.method == "HEAD":
            body.omitted = None
            return True
        return self.remaining == 0

    def sent(self, chunk: bytes, body: Body, last: bool) -> bool:
        """Note a part of the answer's body; return whether the client has the whole body with it."""
        body.feed(chunk)
        if not last and (self.remaining < 0 or body.size < self.remaining):
            return False
        body.ended = not self.disconnected
        if body.size < self.remaining:
            self.capture.fail("protocol", "the response is shorter than its Content-Length", phase="receive")
        return True

    def unread(self) -> None:
        """Note that the answer's body passes by unseen."""
        body = self.capture.response_body
        if body is not None:
            body.omitted = "unread"
            body.size = max(self.remaining, 0)

    def settle(self, error: BaseException | None) -> None:
        """Finish after the app has returned, or raised (the caller raises on); never raises."""
        try:
            if self.open:
                self._failed(error)
                self.record()
            elif isinstance(error, Exception) and (
                self.handled is None or (error is not self.handled and error.__context__ is not self.handled)
            ):
                self.middleware.recorder.after_response(self.capture, error)
        except Exception as problem:
            report(self.middleware.recorder, problem)

    def _failed(self, error: BaseException | None) -> None:
        """Say why the answer is not complete, now that it never will be."""
        if self.disconnected:
            self.client_left()
        elif error is None:
            self.capture.fail(
                "protocol", "the application returned without completing its response", phase=self._phase()
            )
        elif isinstance(error, Exception):
            self.raised(error)
        else:
            self.capture.fail("cancelled", f"{type(error).__name__} while the call was under way", phase=self._phase())

    def client_left(self) -> None:
        """Note that nobody waits for the rest of the answer."""
        body = self.capture.response_body
        if body is not None and (body.content_type.name or "").lower().startswith("text/event-stream"):
            self.capture.status = "completed"  # leaving is how event streams end
        elif self.capture.error_type is None:
            self.capture.fail("disconnect", "the client left before the answer was complete", phase=self._phase())

    def raised(self, error: Exception) -> None:
        """Note the exception that ended the call."""
        if self.capture.status_code is None:
            # the framework's own handler, which may be outside of here, answers with this
            self.capture.status_code = 500
            self.capture.label(status_inferred="true")
        self.capture.fail("exception", error, phase=self._phase())

    def _phase(self) -> str:
        return "wait" if self.capture.first_byte is None else "receive"

    def route(self) -> str | None:
        """Return the template of the route that took the call, where the framework tells."""
        return self.capture.route

    def record(self) -> None:
        """Write the entry; what happens later is not part of the call."""
        self.open = False
        capture = self.capture
        capture.duration = perf_counter() - capture.started
        body = capture.request_body
        if body is not None and body.size == 0 and not body.ended and body.omitted != "off":
            body.omitted = "unread"
        try:
            capture.route = self.route()
        except Exception as error:
            report(self.middleware.recorder, error)
        self.middleware.recorder.record(capture)
        # a task that outlives the call has the capture
        capture.request_body = capture.response_body = capture.answered_for = None
