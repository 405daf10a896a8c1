"""One attempt of an HTTP call that goes out, from the request as the transport gets it to the end of its answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from os import getpid
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from integration_logger.adapters import httpx_errors
from integration_logger.adapters.adapter import announced, report
from integration_logger.adapters.httpx_marks import KEY, Mark, mark_of, remember
from integration_logger.adapters.httpx_streams import RequestStream, request_stream, response_stream
from integration_logger.adapters.trace_context import OPENTELEMETRY, trace_id
from integration_logger.bodies import Body
from integration_logger.capture import Capture
from integration_logger.context import current, own
from integration_logger.entry import RawHeaders

if TYPE_CHECKING:
    from integration_logger.adapters.httpx import Outbound

_NO_BODY_STATUS: Final = frozenset((101, 204, 304))


class OutboundCall:
    """One attempt; nothing here ever raises but the making of one."""

    __slots__ = (
        "around",
        "capture",
        "handling",
        "mark",
        "open",
        "outbound",
        "parent",
        "process",
        "remaining",
        "request",
        "stream",
    )

    def __init__(self, outbound: Outbound, request: Any) -> None:
        recorder = outbound.recorder
        self.outbound = outbound
        self.request = request
        self.process = getpid()
        self.open = True
        """Until the entry is recorded, or left to somebody further inside."""
        self.remaining = -1
        """Bytes of the answer by its Content-Length; -1 where it does not say."""
        self.handling = sys.exception()
        """What the host is handling while it makes this call."""
        self.capture = capture = Capture("outbound")
        capture.recorder = recorder
        capture.outer = current.get()
        self.parent = own(capture.outer, recorder)
        self.mark = mark = self._marked(mark_of(request, recorder))
        self.around = mark.call
        if self.around is not None:
            self.parent = self.around.parent
            self.around.leave()
        if self.parent is not None:
            capture.inherit(self.parent)
        mark.transaction.add(capture)
        self._asked(request)
        mark.call = self
        recorder.under_way[capture.id] = capture

    def _marked(self, mark: Mark | None) -> Mark:
        if mark is not None:
            busy = mark.call
            if not mark.over and (busy is None or busy.capture is self.parent):
                return mark
        recorder, extensions = self.outbound.recorder, self.request.extensions
        mark = Mark(recorder)
        self.request.extensions = {**extensions, KEY: {**extensions.get(KEY, {}), recorder: mark}}
        return mark

    def _asked(self, request: Any) -> None:
        """Note the request, and look at its body as it passes."""
        capture, outbound = self.capture, self.outbound
        capture.method = request.method
        capture.url = str(request.url)
        capture.host = request.url.netloc.decode("ascii", "replace")
        if not capture.host:  # somebody forgot the scheme: no transport takes it, and it may begin with user info
            capture.url = without_user_info(capture.url)
        headers: RawHeaders = request.headers.raw
        header = {name.lower(): value for name, value in headers}.get
        if (traceparent := header(b"traceparent")) is not None or OPENTELEMETRY in sys.modules:
            capture.trace_id = trace_id(traceparent) or capture.trace_id
        if outbound.propagate and self._propagated(traceparent):
            headers = request.headers.raw
        capture.request_headers = headers
        if outbound.labels is not None:
            capture.late_labels = self._labels
        self.stream = stream = request.stream
        if _is_at_hand(type(stream)):
            content = b"".join(stream)
            if content or header(b"content-length") is not None:
                capture.request_body = body = outbound.body(header(b"content-type"), header(b"content-encoding"))
                body.feed(content)
                body.ended = True
        else:
            capture.request_body = outbound.body(header(b"content-type"), header(b"content-encoding"))
            request.stream = self.stream = request_stream(stream, self)

    def _propagated(self, present: bytes | None) -> bool:
        """Tell the other side which trace this is, unless somebody else has done so."""
        mark, digits = self.mark, self.capture.id.replace("-", "")
        if present is not None and present.decode("latin-1") != mark.traceparent:
            return False
        mark.traceparent = f"00-{self.capture.trace_id or digits}-{digits[16:]}-01"
        self.request.headers["traceparent"] = mark.traceparent
        return True

    def _labels(self, ended: bool) -> dict[str, str | list[str]]:
        return self.outbound.labels_of(self.request, ended)

    def leave(self) -> None:
        """Leave the recording to the same logger further inside, which sees every attempt."""
        if self.open:
            self.open = False
            self.capture.discarded = True
            self.outbound.recorder.under_way.pop(self.capture.id, None)
            self.mark.transaction.take_back()

    # --- the request's body ---------------------------------------------------------------------------

    def sent(self, part: bytes) -> None:
        """Note a part of the request's body."""
        body = self.capture.request_body
        if self.open and body is not None:
            self._feed(body, part)

    def sent_all(self) -> None:
        """Note that the request's body is complete."""
        body = self.capture.request_body
        if body is not None:
            body.ended = True

    def _feed(self, body: Body, part: bytes) -> None:
        try:
            body.feed(part)
        except Exception as error:
            report(self.outbound.recorder, error)

    # --- the answer -----------------------------------------------------------------------------------

    def answered(self, response: Any) -> None:
        """Note the head of the answer, and look at its body as it passes."""
        try:
            self._put_back()
            if self.open:
                self._answered(response)
        except Exception as error:
            report(self.outbound.recorder, error)
            if self.open:
                self._end(self._put_back)

    def _answered(self, response: Any) -> None:
        capture = self.capture
        capture.first_byte = perf_counter() - capture.started
        capture.status_code = status = response.status_code
        capture.response_headers = headers = response.headers.raw
        header = {name.lower(): value for name, value in headers}.get
        version = response.extensions.get("http_version")
        if version is not None:
            capture.http_version = version.decode("ascii", "replace").removeprefix("HTTP/")
        self.mark.over = status < 300 or (status < 400 and header(b"location") is None)
        length = header(b"content-length")
        if status not in _NO_BODY_STATUS and capture.method != "HEAD":
            self.remaining = announced(length)
        else:
            self.remaining = 0
        if response.is_closed:
            self._have_read(response, header(b"content-type"), header(b"content-encoding"))
        else:
            capture.response_body = self.outbound.body(header(b"content-type"), header(b"content-encoding"))
            response.stream = response_stream(response.stream, self)

    def _have_read(self, response: Any, kind: bytes | None, coding: bytes | None) -> None:
        """Note the body of an answer that comes from memory, such as a cache's."""
        at_hand = _is_at_hand(type(response.stream))
        self.capture.response_body = body = self.outbound.body(kind, coding if at_hand else None)
        try:
            body.feed(b"".join(response.stream) if at_hand else response.content)
        except Exception:  # it was closed unread
            self._end(self._left, None)
        else:
            self._end(self._complete)

    def received(self, part: bytes) -> None:
        """Note a part of the answer's body."""
        if self.open:
            self._feed(self.capture.response_body, part)  # type: ignore[arg-type]  # the stream has one

    def ended(self) -> None:
        """Note that the answer is complete: the entry is written before its reader knows."""
        if self.open:
            self._end(self._complete)

    def broke(self, error: BaseException) -> None:
        """Note what ended the answer before its end; the caller raises it on."""
        if self.open:
            self._end(self._fail, error, "receive")

    def closed(self) -> None:
        """Note that nobody reads on."""
        if self.open:
            self._end(self._left, sys.exception())

    def _complete(self) -> None:
        self.capture.response_body.ended = True  # type: ignore[union-attr]  # it has been seen

    def _left(self, error: BaseException | None) -> None:
        body = self.capture.response_body
        if body is not None:
            body.ended = 0 <= self.remaining <= body.size
            if body.size == 0 and not body.ended:
                body.omitted, body.size = "unread", max(self.remaining, 0)
        if error is not None and error is not self.handling and httpx_errors.of_the_client(error):
            self._fail(error, "receive")

    # --- the end --------------------------------------------------------------------------------------

    def raised(self, error: BaseException) -> None:
        """Note what the transport raised; the caller raises it on."""
        try:
            self._put_back()
            remember(error, self.outbound.recorder)
        except Exception as problem:
            report(self.outbound.recorder, problem)
        if self.open:
            body = self.capture.request_body
            self._end(self._fail, error, "wait" if body is None or body.ended or not body.size else "send")

    def _put_back(self) -> None:
        """Undo what this attempt has put into the request, and see what those further inside have."""
        self.mark.call = self.around
        if self.capture.trace_id is None and OPENTELEMETRY in sys.modules:  # its span began after this attempt
            self.capture.trace_id = trace_id(self.request.headers.get("traceparent", "").encode())
        if issubclass(type(self.stream), RequestStream) and self.request.stream is self.stream:
            self.request.stream = self.stream.__wrapped__

    def _fail(self, error: BaseException, phase: str) -> None:
        capture = self.capture
        remember(error, self.outbound.recorder)
        if isinstance(error, Exception):
            kind, where = httpx_errors.failure(error, self.handling)
            capture.fail(kind, error, phase=where or phase)
        else:
            capture.fail("cancelled", f"{type(error).__name__} while the call was under way", phase=phase)

    def _end(self, note: Callable[..., None], *what: Any) -> None:
        """Note how it ended, and write the entry."""
        try:
            note(*what)
        except Exception as problem:
            report(self.outbound.recorder, problem)
        try:
            self._record()
        except Exception as problem:
            report(self.outbound.recorder, problem)

    def _record(self) -> None:
        """Write the entry, and let go of what a context that outlives the call would hold."""
        self.open = False
        capture, body = self.capture, self.capture.request_body
        capture.duration = perf_counter() - capture.started
        if body is not None and body.size == 0 and not body.ended and body.omitted != "off":
            body.omitted = "unread"
        if self.process == getpid():  # else a fork has left its parent's code: the parent records it
            self.outbound.recorder.record(capture)
        capture.request_body = capture.response_body = self.handling = None


def _is_at_hand(kind: type) -> bool:
    """Tell whether a stream of this class is bytes in memory, to be read as often as one likes."""
    return kind.__name__ == "ByteStream" and kind.__module__.partition(".")[0] in ("httpx", "httpx2")


def without_user_info(url: str) -> str:
    """Return what is no whole URL without all that may be user info: a password with a ``/`` ends nowhere else."""
    before, at, after = url.rpartition("@")
    scheme, colon, _ = before.partition("://")
    if not at:
        return url
    return f"{scheme}://user@{after}" if colon else f"[REDACTED]@{after}"  # masking finds the one by itself
