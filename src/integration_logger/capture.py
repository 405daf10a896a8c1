"""One call while it is under way: adapters feed it, the host labels it, the recorder turns it into an Entry.

A capture only collects references and bounded bytes; decoding and everything else that costs time happens
once, in ``finish``.
"""

from __future__ import annotations

import re
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any, Final

import msgspec

from integration_logger import bodies
from integration_logger.bodies import Body
from integration_logger.entry import LABEL_COLUMNS, Entry, Kind, Message, RawHeaders, Status
from integration_logger.ids import new_id

MAX_TEXT: Final = 4 * 1024
"""Characters kept of one error text."""
MAX_ERRORS: Final = 50
MAX_TRACEBACK: Final = 16 * 1024
"""Characters kept of a traceback: its end, where the cause is."""
INHERITED: Final = ("tenant", "application", "user_id")
"""Labels that an entry hands to the entries made within it, besides ``source_*``."""

_SERVER_HOST = socket.gethostname()


class Capture(msgspec.Struct, eq=False):
    """A call under way. What ``log.current()`` gives to the host has ``label``, ``error`` and ``discard``."""

    kind: Kind
    started_at: datetime = msgspec.field(default_factory=partial(datetime.now, UTC))
    started: float = msgspec.field(default_factory=perf_counter)
    id: str = msgspec.field(default_factory=new_id)
    transaction_id: str | None = None
    """None: this is the first attempt, and its id."""
    attempt: int = 1
    parent_id: str | None = None
    trace_id: str | None = None
    """None: nobody named one, so that the id serves."""
    outer: Capture | None = None
    """The capture of another logger that is around this one."""
    recorder: object = None
    """Who will record it; a logger that meets its own capture again leaves the call to that."""
    discarded: bool = False
    labels: dict[str, str | list[str]] | None = None
    late_labels: Callable[[], Mapping[str, object] | None] | None = None
    """Asked for more labels at the end, when the host knows most; what was set by hand wins."""
    operation: str | None = None
    method: str | None = None
    url: str | None = None
    host: str | None = None
    route: str | None = None
    http_version: str | None = None
    client_ip: str | None = None
    status: Status | None = None
    """Set where the kind of ending decides, not the status code."""
    status_code: int | None = None
    error_type: str | None = None
    phase: str | None = None
    errors: list[str] | None = None
    traceback: str | None = None
    first_byte: float | None = None
    duration: float | None = None
    request_headers: RawHeaders | None = None
    response_headers: RawHeaders | None = None
    request_body: Body | None = None
    response_body: Body | None = None

    def inherit(self, parent: Capture) -> None:
        """Become part of the call that this one is made in."""
        self.parent_id, self.trace_id = parent.id, parent.trace_id or trace_id_of(parent.id)
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
        code, status, error_type, errors = self.status_code, self.status, self.error_type, self.errors
        if status is None:
            status = "completed" if code is not None and code < 400 else "failed"
        if error_type is None and code is not None and code >= 400 and status == "failed":
            error_type = "http_4xx" if code < 500 else "http_5xx"
        labels = self._all_labels()
        columns: Any = [labels.pop(name, None) for name in LABEL_COLUMNS] if labels else _NO_COLUMNS
        tenant, application, integration, operation, log_type, user_id = columns
        request, response = self.request_body, self.response_body
        return Entry(  # by place, in the order of Entry: it is what every request waits for
            self.id,
            self.kind,
            self.started_at,
            status,
            self.transaction_id or self.id,
            self.attempt,
            self.parent_id,
            self.trace_id or trace_id_of(self.id),
            tenant,
            application,
            integration,
            operation or self.operation,
            log_type,
            user_id,
            labels,
            code,
            error_type,
            self.phase,
            () if errors is None else tuple(errors),
            self.traceback,
            errors is not None or status == "failed",
            self.first_byte,
            self.duration,
            self.method,
            self.url,
            self.host,
            self.route,
            self.http_version,
            self.client_ip,
            _SERVER_HOST,
            _message(self.request_headers, request),
            _message(self.response_headers, response),
        )

    def _all_labels(self) -> dict[str, str | list[str]]:
        labels: dict[str, str | list[str]] = {}
        if self.late_labels is not None and (more := self.late_labels()):
            add_labels(labels, more)
        if self.labels:
            labels.update(self.labels)
        return labels


_NO_COLUMNS: Final = (None,) * len(LABEL_COLUMNS)


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
    if not isinstance(headers, list | tuple):
        headers = list(headers)
    return Message(headers) if body is None else bodies.message(headers, body)


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


def trace_id_of(id: str) -> str:
    """Return the trace id of a call that nobody gave one: the digits of its own id."""
    return id.replace("-", "")


def trace_id(traceparent: bytes | None) -> str | None:
    """Return the trace id of OpenTelemetry's current span, else of a ``traceparent`` header, else None.

    The header's form is that of W3C Trace Context, 3.2: ``00-<32 hex>-<16 hex>-<2 hex>``.
    """
    if (otel := sys.modules.get("opentelemetry.trace")) is not None:
        found = otel.get_current_span().get_span_context().trace_id
        if found:
            return f"{found:032x}"
    if traceparent is not None and (match := _TRACEPARENT.match(traceparent)) and match[1] != b"0" * 32:
        return match[1].decode()
    return None


_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
