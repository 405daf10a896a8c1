"""One call while it is under way: adapters feed it, the host labels it, the recorder turns it into an Entry.

A capture only collects references and bounded bytes; decoding and everything else that costs time happens
once, in ``finish``.
"""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from time import perf_counter
from typing import Any, Final

from integration_logger import bodies
from integration_logger.bodies import Body
from integration_logger.entry import LABEL_COLUMNS, Entry, Kind, RawHeaders, Status
from integration_logger.ids import new_id
from integration_logger.texts import characters, safe_text

MAX_ERRORS: Final = 50
MAX_LABELS: Final = 100
MAX_TYPE: Final = 100  # characters of an error type
"""Labels of one entry, and values of one label."""
MAX_TRACEBACK: Final = 16 * 1024
"""Characters kept of a traceback: its end, where the cause is."""
INHERITED: Final = ("tenant", "application", "user_id")
"""Labels that an entry hands to the entries made within it, besides ``source_*``."""

_SERVER_HOST = socket.gethostname()


class Capture:
    """A call under way. What ``log.current()`` gives to the host has ``label``, ``error`` and ``discard``."""

    kind: Kind
    id: str
    started_at: datetime
    started: float
    """By the monotonic clock, to measure from."""
    attempt: int
    transaction_id: str | None
    """None: this is the first attempt, and its id."""
    parent_id: str | None
    trace_id: str | None
    """None: nobody named one, so that the digits of the id serve."""
    outer: Capture | None
    """The capture around this one, in which those of other loggers are looked for."""
    recorder: object
    """Who will record it; a logger that meets its own capture again leaves the call to that."""
    discarded: bool
    labels: dict[str, str | list[str]] | None
    late_labels: Callable[[bool], dict[str, str | list[str]]] | None
    """Asked for more labels when they are needed, and told whether the call has ended: the host knows most then, and
    may not know yet what calls within this one ask for. What was set by hand wins."""
    operation: str | None
    method: str | None
    url: str | None
    host: str | None
    route: str | None
    http_version: str | None
    client_ip: str | None
    status: Status | None
    """Set where the kind of ending decides, not the status code."""
    status_code: int | None
    error_type: str | None
    phase: str | None
    errors: list[str] | None
    traceback: str | None
    answered_for: BaseException | None
    """What a framework is about to answer with an error of the server."""
    first_byte: float | None
    duration: float | None
    request_headers: RawHeaders | None
    response_headers: RawHeaders | None
    request_body: Body | None
    response_body: Body | None

    __slots__ = tuple(__annotations__)

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.id = new_id()
        self.started_at = datetime.now(UTC)
        self.attempt = 1
        self.discarded = False
        self.outer = self.recorder = self.labels = self.late_labels = None
        self.transaction_id = self.parent_id = self.trace_id = self.operation = None
        self.method = self.url = self.host = self.route = self.http_version = self.client_ip = None
        self.status = self.status_code = self.error_type = self.phase = self.errors = self.traceback = None
        self.answered_for = self.first_byte = self.duration = None
        self.request_headers = self.response_headers = self.request_body = self.response_body = None
        self.started = perf_counter()

    def inherit(self, parent: Capture) -> None:
        """Become part of the call that this one is made in."""
        self.parent_id, self.trace_id = parent.id, parent.trace_id or parent.id.replace("-", "")
        labels = parent.all_labels(ended=False)
        self.labels = {k: v for k, v in labels.items() if k in INHERITED or k.startswith("source_")} or None

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
            self.errors.append(safe_text(text))

    def discard(self) -> None:
        """Leave this call out of the log."""
        self.discarded = True

    # --- for adapters -----------------------------------------------------------------------------

    def fail(self, error_type: str, text: object = None, *, phase: str | None = None) -> None:
        """Note what broke the call; an exception brings its traceback."""
        # both come from the host, too, and what they are taken for they need not be
        self.error_type = safe_text(error_type, MAX_TYPE)
        self.phase = None if phase is None else safe_text(phase, MAX_TYPE)
        self.status = "failed"
        if isinstance(text, BaseException):
            self.traceback = _format_traceback(text)
            text = f"{type(text).__name__}: {safe_text(text)}".removesuffix(": ")
        if text is not None:
            if self.errors is not None:
                del self.errors[MAX_ERRORS - 1 :]  # what broke the call is told, however many errors it had
            self.error(text)

    def finish(self) -> Entry:
        """Return the entry, not yet redacted, bodies longer than they will be kept."""
        code, status, error_type, errors = self.status_code, self.status, self.error_type, self.errors
        if status is None:
            status = "completed" if code is not None and code < 400 else "failed"
        if error_type is None and code is not None and code >= 400 and status == "failed":
            error_type = "http_4xx" if code < 500 else "http_5xx"
        if self.labels is None and self.late_labels is None:
            labels: dict[str, str | list[str]] = {}
            tenant = application = integration = operation = log_type = user_id = None
        else:
            labels = self.all_labels(ended=True)
            if self.late_labels is not None:  # what comes later, as an error after the answer, is told the same
                self.labels, self.late_labels = labels.copy(), None
            columns: Any = [labels.pop(name, None) for name in LABEL_COLUMNS]
            tenant, application, integration, operation, log_type, user_id = columns
        request, response = self.request_headers, self.response_headers
        return Entry(  # by place, in the order of Entry: it is what every request waits for
            self.id,
            self.kind,
            self.started_at,
            status,
            self.transaction_id or self.id,
            self.attempt,
            self.parent_id,
            self.trace_id or self.id.replace("-", ""),
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
            None if request is None else bodies.message(request, self.request_body),
            None if response is None else bodies.message(response, self.response_body),
        )

    def so_far(self) -> Entry:
        """Return what may be told of the call while it is under way, not yet redacted: no headers, no bodies.

        May be called by another thread. The host is not asked for labels: it knows most when the call ends.
        """
        labels = dict(self.labels or {})
        columns = {name: labels.pop(name, None) for name in LABEL_COLUMNS}
        return Entry(
            id=self.id,
            kind=self.kind,
            started_at=self.started_at,
            status="processing",
            transaction_id=self.transaction_id or self.id,
            attempt=self.attempt,
            parent_id=self.parent_id,
            trace_id=self.trace_id or self.id.replace("-", ""),
            **columns | {"operation": columns["operation"] or self.operation},  # type: ignore[arg-type]
            labels=labels,
            status_code=self.status_code,
            errors=tuple(self.errors or ()),
            has_errors=bool(self.errors),
            first_byte=self.first_byte,
            method=self.method,
            url=self.url,
            host=self.host,
            route=self.route,
            http_version=self.http_version,
            client_ip=self.client_ip,
            server_host=_SERVER_HOST,
        )

    def all_labels(self, *, ended: bool) -> dict[str, str | list[str]]:
        """Return the labels as they are now, in a dict of their own."""
        labels = {} if self.late_labels is None else self.late_labels(ended)
        if self.labels:
            labels.update(self.labels)
        return labels


class Detached:
    """What ``log.current()`` is outside of a captured call: it takes the same calls and does nothing."""

    def label(self, **labels: object) -> None:
        """Do nothing."""

    def error(self, text: object) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Do nothing."""


def add_labels(labels: dict[str, str | list[str]], more: Mapping[str, object]) -> None:
    """Add labels in place, as bounded text; the ones that have a column take one value only."""
    for name, value in more.items():
        name = name if type(name) is str and len(name) < 256 and name.isascii() else safe_text(name)
        if value is None:
            labels.pop(name, None)
        elif len(labels) >= MAX_LABELS and name not in labels:
            continue
        elif isinstance(value, list | tuple | set | frozenset) and name not in LABEL_COLUMNS:
            labels[name] = [safe_text(item) for item in islice(value, MAX_LABELS)]
        else:
            labels[name] = value if type(value) is str and value.isascii() and len(value) < 256 else safe_text(value)


def _format_traceback(error: BaseException) -> str:
    try:
        text = characters("".join(traceback.format_exception(error, limit=-50)))
    except Exception:
        return "<the traceback could not be formatted>"
    return text if len(text) <= MAX_TRACEBACK else _cut_start(text)


def _cut_start(text: str) -> str:
    """Cut a text after a line, and after a key whose beginning is gone, because its end is not known for a secret."""
    text = text[-MAX_TRACEBACK:].partition("\n")[2]
    before, end_of_key, after = text.partition("-----END")
    return after.partition("\n")[2] if end_of_key and "-----BEGIN" not in before else text
