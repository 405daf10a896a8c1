"""The scan sees whatever the exact pass would mask, with hyperscan and without, from any thread."""

from __future__ import annotations

import threading
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger.entry import Message
from integration_logger.redaction import bodies, databases
from integration_logger.redaction.rules import Rules
from integration_logger.redaction.search import Search
from tests.redaction.canaries import NAMED, SHAPED

pytestmark = pytest.mark.skipif(databases.hyperscan is None, reason="hyperscan has no wheel for this platform")

WITH = Rules()
WITH._scanner.hits = databases.Databases(WITH.names, WITH.shapes).hits
WITHOUT = Rules()
WITHOUT._scanner.hits = Search(WITHOUT.names, WITHOUT.shapes).hits

PIECES = (
    *("password", "Password", "api_key", "apiKey", "token", "tokens", "author", "pin", "userPin", "shipping", "cc"),
    *("code", "state", "sig", "signature", "key", "X-Amz-Signature", "secret", "secretary", "session", "card[number]"),
    *(
        "card%5Bnumber%5D",
        "private%20key",
        "api+key",
        "_hash",
        "eyJwaW4iOiJodW50ZXIyIn0=",
        ";Pwd=a b",
        "[eq]",
        "%5Beq%5D",
        "pass",
        "pw",
        "INSERT INTO a(password, b) VALUES ",
        "[SQL: password=?]",
        "[parameters: ",
        "_count",
        "2",
        "_",
        "-",
        "name",
        "value",
        "Authorization",
        "Cookie",
        "bearer ",
    ),
    *("Basic ", "auth", '"', "'", "\\", '\\"', "\\u0070", "\\u0022", "\\n", "%70", "%22", "%3D", "%20", "%26", "+"),
    *("%2C", "%7B", "%7D", "%25", "%2522", "%253A", "%5B", "data:", '{"name":"', '","value":"', '"value":"x","key":"'),
    *("\u00e3", "\\u00e3", ":", "=", "=>", ",", ";", "&", "?", "#", "/", "//", "https://", "@", ".", " ", "\n", "\t"),
    *("{", "}", "[", "]", "(", ")", "<", ">", "</", "/>", "null", "true", "4111111111111111", "5555 5555 5555 4444"),
    *("3782-822463-10005", "378282246310005", "30569309025904", "hunter2x", "abc", "0", "12345678901234567"),
    *(secret.value for secret in NAMED + SHAPED),
)
soup = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)
TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded", "application/xml", "text/event-stream")


def redact(rules: Rules, data: bytes, content_type: str) -> tuple[bytes, list[str]]:
    kept = bodies.redact(Message(body=data, content_type=content_type, truncated=False), rules, 1 << 20)
    return kept.body, [edit.reason for edit in kept.edits]


@settings(max_examples=800)
@given(soup, st.sampled_from(TYPES))
def test_same_with_and_without(text: str, content_type: str) -> None:
    """Two searches that share no code find the same."""
    data = text.encode()
    assert redact(WITH, data, content_type) == redact(WITHOUT, data, content_type)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(PIECES)), max_size=6))
def test_same_in_forms(pairs: list[tuple[str, str]]) -> None:
    """Also where everything is percent-encoded."""
    data = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs).encode()
    for content_type in TYPES:
        assert redact(WITH, data, content_type) == redact(WITHOUT, data, content_type)


def test_from_many_threads() -> None:
    """Sixteen threads at once see what one sees."""
    documents = [f'{{"n":{n},"password":"secret-{n}","id":"4111111111111111"}}'.encode() for n in range(50)]
    expected = [redact(WITH, data, "application/json") for data in documents]
    wrong: list[object] = []

    def work() -> None:
        try:
            for _ in range(20):
                got = [redact(WITH, data, "application/json") for data in documents]
                if got != expected:
                    wrong.append(got)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_no_request_waits_for_the_patterns() -> None:
    """Building a redactor compiles nothing; the first scans are served while a thread does."""
    scanner = Rules()._scanner
    assert scanner._compiling is None
    assert scanner.hits(b"password=hunter2x")
    assert scanner._compiling is not None
    scanner._compiling.join()
    assert scanner.hits != scanner._meanwhile
    assert scanner.hits(b"password=hunter2x")
