"""The host's own secrets, by value."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest

from integration_logger.entry import Message
from integration_logger.errors import ConfigurationError
from integration_logger.redaction import Redactor, bodies, databases
from integration_logger.redaction.known import known
from integration_logger.redaction.rules import Rules
from integration_logger.redaction.search import Search

VALUE = 's3cr&t <"välue">/x+y'
RULES = [Rules(shapes=known([VALUE, "another-secret"]))]
RULES[0]._scanner.hits = Search(RULES[0].names, RULES[0].shapes).hits
if databases.hyperscan:
    RULES.append(Rules(shapes=known([VALUE, "another-secret"])))
    RULES[1]._scanner.hits = databases.Databases(RULES[1].names, RULES[1].shapes).hits

WRITTEN = {
    "plain": VALUE,
    "json": json.dumps({"a": VALUE}),
    "json, not ascii": json.dumps(["x", VALUE], ensure_ascii=False),
    "json in json": json.dumps(json.dumps([VALUE])),
    "json with escapes": '"' + "".join(f"\\u{ord(char):04x}" for char in VALUE) + '"',
    "url": f"/p?x={quote(VALUE)}&y=1",
    "url, all": f"/p?x={quote(VALUE, safe='').lower()}",
    "form": f"x={quote_plus(VALUE)}",
    "html": f"<p>{html.escape(VALUE)}</p>",
    **{f"base64, {n}": b64encode(b"abc"[:n] + VALUE.encode() + b"abc").decode() for n in range(3)},
    **{f"base64 in urls, {n}": urlsafe_b64encode(b"abc"[:n] + VALUE.encode()).decode() for n in range(3)},
}


@pytest.mark.parametrize("rules", RULES, ids=["search", "hyperscan"][: len(RULES)])
@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/x-www-form-urlencoded"])
def test_however_it_is_written(rules: Rules, written: str, content_type: str) -> None:
    """As it is, and as JSON, URLs, HTML and base64 write it."""
    text = f"before {WRITTEN[written]} after" if content_type == "text/plain" else WRITTEN[written]
    kept = bodies.redact(Message(body=text.encode(), content_type=content_type), rules, 1 << 20)
    assert b"[REDACTED]" in kept.body
    assert len(kept.body) < len(text.encode())
    assert {edit.reason for edit in kept.edits} <= {"known value", f"unparseable, {len(text.encode())} bytes"}


@pytest.mark.parametrize("values", [["short"], [b"bytes-of-secret"], [None], "shortshort", None])
def test_wrong_values(values: list[object]) -> None:
    """What would mask ordinary text is refused when the host starts, without showing it."""
    with pytest.raises(ConfigurationError) as raised:
        Redactor(values=values)  # type: ignore[arg-type]
    assert "short" not in str(raised.value)


def test_no_values() -> None:
    """None are looked for where none are given."""
    assert known([]) == ()


def test_emails_and_ibans() -> None:
    """Kept by default, masked if asked for."""
    text = b"ana@example.com pays from DE89370400440532013000 or GB82 WEST 1234 5698 7654 32, not DE00"
    message = Message(body=text, content_type="text/plain")
    assert bodies.redact(message, RULES[0], 1 << 20).body == text
    redactor = Redactor(emails=True, ibans=True)
    kept = bodies.redact(message, redactor._rules, 1 << 20)
    assert kept.body == b"[REDACTED] pays from [REDACTED] or [REDACTED], not DE00"


def test_keep_may_be_a_function() -> None:
    """It is asked once for each name that looks sensitive; where it raises, the value is masked."""
    asked = []

    def keep(name: str) -> bool:
        asked.append(name)
        return name == "token" or bool(1 / 0)

    redactor = Redactor(keep=keep)
    data = b'{"token": "a", "api_key": "b", "author": "c", "token": "d"}'
    kept = bodies.redact(Message(body=data, content_type="application/json"), redactor._rules, 1 << 20)
    assert kept.body == b'{"token": "a", "api_key": "[REDACTED]", "author": "c", "token": "d"}'
    assert sorted(asked) == ["api_key", "token"]
