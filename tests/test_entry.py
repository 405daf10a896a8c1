"""The entry: its names, what is derived from them, and that nobody changes one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest

from integration_logger.entry import LABEL_COLUMNS, Entry, Message, Run, status_label
from tests.factories import make_entry

PUBLIC = (
    "id", "kind", "started_at", "status", "transaction_id", "attempt", "parent_id", "trace_id", "tenant", "application",
    "integration", "operation", "log_type", "user_id", "labels", "status_code", "error_type", "phase", "errors",
    "traceback", "has_errors", "first_byte", "duration", "method", "url", "host", "route", "http_version", "client_ip",
    "server_host", "request", "response", "variables", "run", "redacted", "expires_at", "bodies_expire_at", "seq",
)  # fmt: skip


def test_fields_keep_their_names_and_places() -> None:
    """The order is that of the spool: fields are only ever added at the end."""
    assert Entry.__struct_fields__[: len(PUBLIC)] == PUBLIC
    assert Message.__struct_fields__[:8] == (
        "raw_headers", "body", "content_type", "content_encoding", "size", "decoded_size", "truncated", "omitted",
    )  # fmt: skip
    assert Run.__struct_fields__[:12] == (
        "job_id", "job_name", "setup_seconds", "execution_seconds", "row_count", "raw_row_count", "mb_estimate",
        "has_deltas", "is_billable", "initial_savepoint", "new_savepoint", "external_ip",
    )  # fmt: skip
    assert set(LABEL_COLUMNS) <= set(PUBLIC)


def test_entries_cannot_be_changed() -> None:
    """What is published stays as it was."""
    entry = make_entry()
    assert entry.request is not None
    with pytest.raises(AttributeError):
        entry.status = "failed"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        entry.request.body = b""  # type: ignore[misc]


@pytest.mark.parametrize(("status", "outcome"), [("completed", "success"), ("failed", "error"), ("processing", None)])
def test_the_outcome_follows_from_the_status(status: str, outcome: str | None) -> None:
    """Success, error, or not known yet."""
    assert make_entry(status=status).outcome == outcome


def test_the_end_is_the_start_and_the_duration() -> None:
    """A call in flight has none."""
    started = datetime(2026, 11, 21, tzinfo=UTC)
    assert make_entry(started_at=started, duration=2.5).ended_at == started + timedelta(seconds=2.5)
    assert make_entry(duration=None).ended_at is None


@pytest.mark.parametrize("code", [*(status.value for status in HTTPStatus), 299, 499, 599, 999, 0, 101])
def test_every_status_code_has_words(code: int) -> None:
    """Registered codes have their own, others those of their class."""
    assert status_label(code)
    assert make_entry(status_code=code).status_label == status_label(code)


def test_no_status_code_is_no_answer() -> None:
    """Where nothing came back, that is what is said."""
    assert make_entry(status_code=None).status_label == "No answer"
    assert status_label(404) == "Not Found"
    assert status_label(499) == "Client error"


def test_headers_are_text_in_order() -> None:
    """Bytes beyond ASCII are read as latin-1, duplicates stay."""
    message = Message(raw_headers=[(b"a", b"\xe9"), (b"A", b""), (b"a", b"2")])
    assert message.headers == (("a", "é"), ("A", ""), ("a", "2"))
