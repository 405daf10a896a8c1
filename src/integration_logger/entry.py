"""The one record of the log: an Entry, its two Messages, and its Run.

Names here are public: JSON, CSV, columns and Python say the same. Entries are immutable and are
appended once, when the call or run has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Literal

import msgspec

Kind = Literal["inbound", "outbound", "call", "script", "run", "audit"]
Status = Literal["processing", "completed", "failed"]
Outcome = Literal["success", "error"]
Omitted = Literal["unread", "binary", "unparseable", "limit", "off"]
Headers = tuple[tuple[str, str], ...]
RawHeaders = Sequence[tuple[bytes, bytes]]
Labels = Mapping[str, str | list[str]]

KINDS: tuple[Kind, ...] = ("inbound", "outbound", "call", "script", "run", "audit")
STATUSES: tuple[Status, ...] = ("processing", "completed", "failed")
PHASES = ("connect", "send", "wait", "receive")
"""Where a call can break."""

# Labels that have a column of their own; every other label lives in ``Entry.labels``.
LABEL_COLUMNS = ("tenant", "application", "integration", "operation", "log_type", "user_id")


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One half of a call: what was sent or what came back, already redacted."""

    raw_headers: RawHeaders = ()
    """Names and values as they passed, in order, duplicates kept; ``headers`` has them as text."""
    body: bytes | None = None
    """Content-decoded, redacted, in the original charset, cut to ``max_body`` bytes; None where none is kept."""
    content_type: str | None = None
    content_encoding: str | None = None
    size: int = 0
    """Bytes as they passed, before content-decoding."""
    decoded_size: int | None = None
    """Bytes after content-decoding, where that is known and differs from ``size``."""
    truncated: bool = False
    """True where ``body`` is only the beginning."""
    omitted: Omitted | None = None
    """Why there is no body although one passed."""

    @property
    def headers(self) -> Headers:
        """Names and values as text; bytes beyond ASCII are read as latin-1 (RFC 9110, 5.5)."""
        return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw_headers])


class Run(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a pipeline or model run reports besides its outcome."""

    job_id: str | None = None
    job_name: str | None = None
    setup_seconds: float | None = None
    execution_seconds: float | None = None
    row_count: int | None = None
    raw_row_count: int | None = None
    mb_estimate: float | None = None
    has_deltas: bool | None = None
    is_billable: bool | None = None
    initial_savepoint: Any = None
    new_savepoint: Any = None
    external_ip: str | None = None


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One attempt of a call with the outside world, or one run; what the log browser shows as a line.

    The order of the fields is the order in the spool: new ones are added at the end, with a default.
    Give them by name; only the request path counts on their places, because that is seven times faster.
    """

    id: str
    """UUIDv7 of this attempt; the idempotency key."""
    kind: Kind
    started_at: datetime
    """UTC, to the microsecond."""
    status: Status
    transaction_id: str
    """Shared by all retries and redirects of one logical call."""
    attempt: int = 1
    parent_id: str | None = None
    trace_id: str | None = None
    tenant: str | None = None
    application: str | None = None
    integration: str | None = None
    operation: str | None = None
    log_type: str | None = None
    user_id: str | None = None
    labels: dict[str, str | list[str]] = {}
    status_code: int | None = None
    """None: there was no response."""
    error_type: str | None = None
    phase: str | None = None
    errors: tuple[str, ...] = ()
    traceback: str | None = None
    has_errors: bool = False
    first_byte: float | None = None
    """Seconds until the answer began."""
    duration: float | None = None
    """Seconds until its last byte; background work not included."""
    method: str | None = None
    url: str | None = None
    host: str | None = None
    route: str | None = None
    http_version: str | None = None
    client_ip: str | None = None
    server_host: str | None = None
    request: Message | None = None
    response: Message | None = None
    variables: Any = None
    run: Run | None = None
    redacted: tuple[str, ...] = ()
    """Places that were masked, each ``place: reason``."""
    expires_at: datetime | None = None
    bodies_expire_at: datetime | None = None
    seq: int | None = None
    """Given by the store, ascending in commit order, never reused; None before it is stored."""

    @property
    def outcome(self) -> Outcome | None:
        """``success`` or ``error``; None while the call is in flight."""
        if self.status == "processing":
            return None
        return "success" if self.status == "completed" else "error"

    @property
    def ended_at(self) -> datetime | None:
        """When the last byte had passed; None while the call is in flight."""
        return None if self.duration is None else self.started_at + timedelta(seconds=self.duration)

    @property
    def status_label(self) -> str:
        """The status code in words (RFC 9110), or ``No answer``."""
        return "No answer" if self.status_code is None else status_label(self.status_code)


class InFlight(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A call or run that has begun and not ended, as its process last reported it."""

    owner: str
    """UUID of the process that carries it."""
    entry: Entry
    """What is known so far; its status is ``processing``."""


@lru_cache(1024)
def status_label(code: int) -> str:
    """Return the reason phrase of a status code, or the name of its class for codes nobody registered."""
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        classes = {1: "Informational", 2: "Success", 3: "Redirect", 4: "Client error", 5: "Server error"}
        return classes.get(code // 100, "Unknown status")
