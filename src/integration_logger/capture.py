"""One call while it is under way: adapters feed it, the host labels it, the recorder turns it into an Entry.

A capture only collects references and bounded bytes; decoding and everything else that costs time happens
once, in ``finish``.
"""

from __future__ import annotations

import re
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final

from integration_logger import bodies
from integration_logger.bodies import Body
from integration_logger.context import current
from integration_logger.entry import LABEL_COLUMNS, Entry, Headers, Kind, Message
from integration_logger.ids import new_id, new_trace_id

RawHeaders = Iterable[tuple[bytes, bytes]]

MAX_TEXT: Final = 4 * 1024
"""Characters kept of one error text."""
MAX_ERRORS: Final = 50
MAX_TRACEBACK: Final = 16 * 1024
"""Characters kept of a traceback: its end, where the cause is."""
INHERITED: Final = ("tenant", "application", "user_id")
"""Labels that an entry hands to the entries made within it, besides ``source_*``."""

_SERVER_HOST = socket.gethostname()


class Capture:
    """A call under way. What ``log.current()`` gives to the host has ``label``, ``error`` and ``discard``."""

    __slots__ = (
        "attempt", "client_ip", "discarded", "duration", "error_type", "errors", "first_byte", "host", "http_version",
        "id", "kind", "labels", "late_labels", "method", "operation", "outer", "parent_id", "phase", "recorder",
        "request_body",
        "request_headers", "response_body", "response_headers", "route", "started", "started_at", "status",
        "status_code", "trace_id", "traceback", "transaction_id", "url",
    )  # fmt: skip

    def __init__(self, kind: Kind) -> None:
        self.started_at = datetime.now(UTC)
        self.started = perf_counter()
        self.kind = kind
        self.id = self.transaction_id = new_id()
        self.attempt = 1
        self.outer: Capture | None = None
        """The capture of another logger that is around this one."""
        self.recorder: object | None = None
        """Who will record it; a logger that meets its own capture again leaves the call to that."""
        self.discarded = False
        self.labels: dict[str, str | list[str]] | None = None
        self.late_labels: Callable[[], Mapping[str, object] | None] | None = None
        """Asked for more labels at the end, when the host knows most; what was set by hand wins."""
        self.operation: str | None = None
        self.method: str | None = None
        self.url: str | None = None
        self.host: str | None = None
        self.route: str | None = None
        self.http_version: str | None = None
        self.client_ip: str | None = None
        self.status: str | None = None
        """Set where the kind of ending decides, not the status code."""
        self.status_code: int | None = None
        self.error_type: str | None = None
        self.phase: str | None = None
        self.errors: list[str] | None = None
        self.traceback: str | None = None
        self.first_byte: float | None = None
        self.duration: float | None = None
        self.request_headers: RawHeaders | None = None
        self.response_headers: RawHeaders | None = None
        self.request_body: Body | None = None
        self.response_body: Body | None = None
        parent = current.get()
        self.parent_id: str | None = None
        self.trace_id: str | None = None
        if parent is not None:
            self._inherit(parent)

    def _inherit(self, parent: Capture) -> None:
        self.parent_id, self.trace_id = parent.id, parent.trace_id
        if parent.labels:
            self.labels = {k: v for k, v in parent.labels.items() if k in INHERITED or k.startswith("source_")}

    # --- for the host -----------------------------------------------------------------------------

    def label(self, **labels: object) -> None:
        """Put labels on the entry; None leaves one out, a list keeps several values, all else becomes text."""
        if self.labels is None:
            self.labels = {}
        add_labels(self.labels, labels)

    def error(self, text: object) -> None:
        """Note an error that does not stop the call: the entry is marked, its outcome stays."""
        if self.errors is None:
            self.errors = []
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(_safe_text(text))

    def discard(self) -> None:
        """Leave this call out of the log."""
        self.discarded = True

    def _all_labels(self) -> dict[str, str | list[str]]:
        labels: dict[str, str | list[str]] = {}
        if self.late_labels is not None and (more := self.late_labels()):
            add_labels(labels, more)
        if self.labels:
            labels.update(self.labels)
        return labels

    # --- for adapters -----------------------------------------------------------------------------

    def respond(self, status_code: int, headers: RawHeaders | None) -> None:
        """Note that the answer has begun."""
        self.status_code = status_code
        self.response_headers = headers
        self.first_byte = perf_counter() - self.started

    def end(self) -> None:
        """Note that the last byte has passed; what happens later is not part of the call."""
        if self.duration is None:
            self.duration = perf_counter() - self.started

    def fail(self, error_type: str, text: object = None, *, phase: str | None = None) -> None:
        """Note what broke the call; an exception brings its traceback."""
        self.error_type, self.phase, self.status = error_type, phase, "failed"
        if isinstance(text, BaseException):
            self.traceback = _format_traceback(text)
            text = f"{type(text).__name__}: {_safe_text(text)}".removesuffix(": ")
        if text is not None:
            self.error(text)

    def finish(self) -> Entry:
        """Return the entry, not yet redacted, bodies longer than they will be kept."""
        self.end()
        code = self.status_code
        error_type = self.error_type
        status: Any = self.status or ("completed" if code is not None and code < 400 else "failed")
        if error_type is None and code is not None and code >= 400 and status == "failed":
            error_type = "http_4xx" if code < 500 else "http_5xx"
        labels = self._all_labels()
        pop = labels.pop
        errors = () if self.errors is None else tuple(self.errors)
        return Entry(
            id=self.id,
            kind=self.kind,
            started_at=self.started_at,
            status=status,
            transaction_id=self.transaction_id,
            attempt=self.attempt,
            parent_id=self.parent_id,
            trace_id=self.trace_id or new_trace_id(),
            tenant=pop("tenant", None),  # type: ignore[arg-type]  # add_labels keeps these as text
            application=pop("application", None),  # type: ignore[arg-type]
            integration=pop("integration", None),  # type: ignore[arg-type]
            operation=pop("operation", self.operation),  # type: ignore[arg-type]
            log_type=pop("log_type", None),  # type: ignore[arg-type]
            user_id=pop("user_id", None),  # type: ignore[arg-type]
            labels=labels,
            status_code=code,
            error_type=error_type,
            phase=self.phase,
            errors=errors,
            traceback=self.traceback,
            has_errors=status == "failed" or bool(errors),
            first_byte=self.first_byte,
            duration=self.duration,
            method=self.method,
            url=self.url,
            host=self.host,
            route=self.route,
            http_version=self.http_version,
            client_ip=self.client_ip,
            server_host=_SERVER_HOST,
            request=_message(self.request_headers, self.request_body),
            response=_message(self.response_headers, self.response_body),
        )


class Detached:
    """What ``log.current()`` is outside of a captured call: it takes the same calls and does nothing."""

    def label(self, **labels: object) -> None:
        """Do nothing."""

    def error(self, text: object) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Do nothing."""


def _message(headers: RawHeaders | None, body: Body | None) -> Message | None:
    if headers is None:
        return None
    pairs = read_headers(headers)
    named = {name.lower(): value for name, value in pairs}
    content_type, content_encoding = named.get("content-type"), named.get("content-encoding")
    if body is None or (body.size == 0 and body.omitted is None):
        return Message(headers=pairs, content_type=content_type, content_encoding=content_encoding)
    if body.omitted is not None:
        return Message(
            headers=pairs, content_type=content_type, content_encoding=content_encoding,
            size=body.size, omitted=body.omitted,
        )  # fmt: skip
    content = bodies.read(body, content_type, content_encoding)
    return Message(
        headers=pairs,
        body=content.body,
        content_type=content_type,
        content_encoding=content_encoding,
        size=body.size,
        decoded_size=content.decoded_size,
        truncated=content.truncated,
        omitted=content.omitted,
    )


def read_headers(headers: RawHeaders) -> Headers:
    """Return header fields as text; bytes beyond ASCII are read as latin-1 (RFC 9110, 5.5)."""
    try:
        return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])
    except (AttributeError, TypeError, ValueError):  # a host that breaks the protocol still gets its entry
        return tuple([(_as_text(pair[0]), _as_text(pair[-1])) for pair in headers if pair])


def _as_text(value: object) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | bytearray | memoryview) else str(value)


def add_labels(labels: dict[str, str | list[str]], more: Mapping[str, object]) -> None:
    """Add labels in place, as text; the ones that have a column take one value only."""
    for name, value in more.items():
        if value is None:
            labels.pop(name, None)
        elif isinstance(value, list | tuple | set | frozenset) and name not in LABEL_COLUMNS:
            labels[name] = [str(item) for item in value]
        else:
            labels[name] = value if type(value) is str else str(value)


def _safe_text(value: object) -> str:
    try:
        return str(value)[:MAX_TEXT]
    except Exception:  # an exception of the host whose __str__ raises
        return f"<{type(value).__name__} without a readable text>"


def _format_traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error, limit=-50))[-MAX_TRACEBACK:]
    except Exception:
        return "<the traceback could not be formatted>"


def trace_id(traceparent: bytes | None) -> str | None:
    """Return the trace id of OpenTelemetry's current span, else of a ``traceparent`` header, else None.

    The header's form is that of W3C Trace Context, 3.2: ``00-<32 hex>-<16 hex>-<2 hex>``.
    """
    if (otel := sys.modules.get("opentelemetry.trace")) is not None:
        found = otel.get_current_span().get_span_context().trace_id
        if found:
            return f"{found:032x}"
    if traceparent is not None and len(traceparent) >= 55:
        text = traceparent[3:35].decode("latin-1")
        if _TRACE_ID.fullmatch(text) and text != "0" * 32:
            return text
    return None


_TRACE_ID = re.compile("[0-9a-f]{32}")
