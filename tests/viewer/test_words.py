"""What happened is said in words, what went wrong first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration_logger.entry import Message, Run
from integration_logger.viewer import lines, words
from tests.viewer.server import new_entry


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status_code": 200}, "We answered 200 OK."),
        ({"status_code": 200, "kind": "outbound"}, "shop.example.com answered 200 OK."),
        ({"status_code": 404}, "We answered 404 Not Found."),
        (
            {"status_code": 502, "kind": "outbound", "attempt": 3},
            "shop.example.com answered 502 Bad Gateway. (attempt 3)",
        ),
        ({"status": "processing", "status_code": None}, "Still open: it has begun and not ended."),
        ({"status_code": None, "error_type": "dns"}, "No answer: the name shop.example.com could not be resolved."),
        ({"status_code": None, "error_type": "connect"}, "No answer: shop.example.com could not be reached."),
        ({"status_code": None, "error_type": "tls"}, "No answer: no secure connection to shop.example.com."),
        (
            {"status_code": None, "error_type": "timeout", "phase": "wait"},
            "No answer: time ran out while waiting for shop.example.com.",
        ),
        (
            {"status_code": 200, "status": "failed", "error_type": "timeout", "phase": "receive", "kind": "outbound"},
            "shop.example.com answered 200 OK, then time ran out while receiving from shop.example.com.",
        ),
        (
            {"status_code": None, "error_type": "protocol", "kind": "outbound"},
            "No answer: shop.example.com broke the connection or the protocol.",
        ),
        (
            {"status_code": 200, "status": "failed", "error_type": "protocol"},
            "We answered 200 OK, but not in full.",
        ),
        ({"status_code": None, "error_type": "protocol"}, "No answer: the application gave none."),
        ({"status_code": None, "error_type": "cancelled"}, "It was cancelled before it ended."),
        (
            {"status_code": 200, "status": "failed", "error_type": "disconnect"},
            "The client left before the answer was complete.",
        ),
        ({"status_code": 500, "error_type": "exception", "errors": ("KeyError: 'a'",)}, "It broke: KeyError: 'a'"),
        (
            {"status_code": 200, "status": "failed", "error_type": "exception", "errors": ("OSError: gone",)},
            "We answered 200 OK, then it broke: OSError: gone",
        ),
        (
            {"status_code": None, "error_type": "abandoned"},
            "Abandoned: the process went away before the call ended. How far it got is not known.",
        ),
        (
            {"kind": "script", "status_code": None, "error_type": "script", "errors": ("ValueError: x",)},
            "The script failed: ValueError: x",
        ),
        ({"status_code": 401, "error_type": "auth", "kind": "outbound"}, "shop.example.com refused the credentials."),
        ({"status_code": 422, "error_type": "validation"}, "We found the data not valid."),
        ({"status_code": None, "error_type": "something_new"}, "It failed."),
        (
            {"kind": "run", "status_code": None, "status": "completed", "has_errors": False, "errors": ()},
            "The run completed.",
        ),
        (
            {"kind": "run", "status_code": None, "status": "completed", "errors": ("row 7",), "run": Run(row_count=1)},
            "The run completed with 1 row, and reported an error that did not stop the run.",
        ),
        (
            {"kind": "run", "status_code": None, "error_type": "abandoned", "run": Run(row_count=1200)},
            "Abandoned: the process went away before the run ended. It was last heard of with 1,200 rows.",
        ),
        ({"kind": "run", "status_code": None, "error_type": None}, "The run failed."),
        (
            {"status_code": 200, "has_errors": True, "errors": ("a", "b")},
            "We answered 200 OK, and reported 2 errors that did not stop the call.",
        ),
    ],
)
def test_says_what_happened(fields: dict[str, Any], said: str) -> None:
    assert words.headline(new_entry(**fields)) == said


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"code": "card_declined", "message": "Your card was declined."}}', "Your card was declined."),
        (b'{"detail": [{"msg": "field required", "loc": ["a"]}]}', "field required"),
        (b'{"error": "invalid_grant", "error_description": "Token revoked"}', "Token revoked"),
        (b'{"ok": false}', None),
        (b"<html>", None),
        (b"[" * 5000, None),
        (b"", None),
    ],
)
def test_finds_what_the_other_side_said_about_its_refusal(body: bytes, message: str | None) -> None:
    entry = new_entry(status_code=402, errors=(), response=Message(body=body, content_type="application/json"))
    assert words.reasons(entry) == ([message] if message else [])


def test_does_not_say_the_same_thing_twice() -> None:
    entry = new_entry(status_code=500, error_type="exception", errors=("KeyError: 'a'", "and another"))
    assert words.reasons(entry) == ["and another"]


@pytest.mark.parametrize(
    ("fields", "host", "text"),
    [
        ({"url": "https://shop.example/a/b?c=d"}, "", "/a/b?c=d"),
        ({"url": "https://u:p@api.example/v1", "kind": "outbound"}, "api.example", "/v1"),
        ({"url": "https://api.example", "kind": "outbound"}, "api.example", "/"),
        ({"url": "javascript:alert(1)"}, "", "javascript:alert(1)"),
        ({"url": "https://[::bad/x", "kind": "outbound"}, "[::bad", "/x"),
        ({"url": None, "operation": "price rule"}, "", "price rule"),
        ({"url": "https://shop.example/a\u202eb\nc"}, "", "/a\u2039U+202E\u203ab\u21b5c"),
    ],
)
def test_shows_the_target_whole_in_its_parts(fields: dict[str, Any], host: str, text: str) -> None:
    found = words.target(new_entry(**fields))
    assert (found.host, found.head + found.tail) == (host, text)
    assert len(found.tail) <= words.TAIL


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (0.0004, "0.4 ms"), (0.412, "412 ms"), (1.239, "1.24 s"), (125, "2 m 05 s"),
        (7260, "2 h 01 m"),
    ],
)  # fmt: skip
def test_writes_durations_in_few_signs(seconds: float | None, text: str) -> None:
    assert words.span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "now"), (0.4, "now"), (3, "3 s"), (60, "1 m"), (7300, "2 h"), (200_000, "2 d")]
)
def test_writes_ages_in_one_unit(seconds: float, text: str) -> None:
    now = datetime.now(UTC)
    assert words.age(now - timedelta(seconds=seconds), now) == text


@pytest.mark.parametrize(("count", "text"), [(None, "0 B"), (999, "999 B"), (1400, "1.4 kB"), (2_100_000, "2.1 MB")])
def test_writes_sizes(count: int | None, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("fields", "mark", "code", "label"),
    [
        ({"status_code": 200}, "ok", "200", "200 OK"),
        ({"status_code": 302}, "moved", "302", "302 Found"),
        ({"status_code": 404}, "refused", "404", "404 Not Found"),
        ({"status_code": 500}, "error", "500", "500 Internal Server Error"),
        ({"status_code": None}, "error", "\u2014", "No answer"),
        ({"status_code": None, "kind": "script"}, "error", "\u2014", "Failed"),
        ({"status_code": 200, "has_errors": True}, "warn", "200", "200 OK"),
        ({"status_code": 200, "status": "failed"}, "error", "200", "200 OK"),
        ({"status_code": None, "status": "completed", "has_errors": False, "kind": "run"}, "ok", "ok", "Completed"),
        ({"status_code": None, "status": "processing"}, "open", "\u2026", "Still open"),
        ({"status_code": 799}, "error", "799", "799 Unknown status"),
    ],
)
def test_marks_the_state_by_shape_and_by_word(fields: dict[str, Any], mark: str, code: str, label: str) -> None:
    entry = new_entry(**fields)
    assert (lines.mark(entry), lines.code(entry), lines.label(entry)) == (mark, code, label)


def test_the_bar_of_a_duration_grows_with_its_logarithm() -> None:
    assert [lines.bar(seconds) for seconds in (None, 0.001, 0.01, 1, 10, 500)] == [0, 0, 25, 75, 100, 100]
