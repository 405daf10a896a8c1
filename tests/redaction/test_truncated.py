"""Bodies that break off: wherever that is, nothing of a secret is kept, and all before it is."""

from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest

from integration_logger.entry import Message
from integration_logger.redaction import bodies, databases
from integration_logger.redaction.rules import Rules
from integration_logger.redaction.search import Search

RULES = Rules()
RULES._scanner.hits = (databases.Databases if databases.hyperscan else Search)(RULES.names, RULES.shapes).hits
SECRET = "Kanarienvogel,4711&<b>"
CARD = "4111111111111111"
AWS = "AKIAIOSFODNN7EXAMPLE"
PART = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
DOCUMENTS: dict[str, tuple[str, str]] = {
    "json": (
        json.dumps({"id": 17, "user": {"name": "Ana", "password": SECRET, "card": CARD}, "k": [AWS], "z": 1}),
        "application/json",
    ),
    "json, turned": (json.dumps([{"value": SECRET, "kind": "x", "name": "pin"}, {"a": AWS}]), "application/json"),
    "json in json": (
        json.dumps({"a": "b", "payload": json.dumps({"token": SECRET, "n": CARD}), "z": 1}),
        "application/json",
    ),
    "ndjson": (f'{{"a": 1}}\n{{"api_key": {json.dumps(SECRET)}}}\n{{"c": "{CARD}"}}\n', "application/x-ndjson"),
    "form": (f"a=1&password={quote_plus(SECRET)}&card={CARD}&key={AWS}&z=1", "application/x-www-form-urlencoded"),
    "multipart": (
        f"{PART.format('a', 'b')}{PART.format('password', SECRET)}{PART.format('c', CARD)}--b--",
        "multipart/form-data; boundary=b",
    ),
    "xml": (
        f'<a x="1"><password>{SECRET[:16]}</password><c n="{CARD}"/><k pin="{SECRET[:16]}">{AWS}</k></a>',
        "application/xml",
    ),
    "event stream": (
        f"event: x\ndata: {json.dumps({'secret': SECRET, 'c': CARD})}\n\ndata: {AWS}\n\n",
        "text/event-stream",
    ),
    "text": (
        f"GET /?token={quote_plus(SECRET)}&a=b\nAuthorization: Bearer {AWS}\npaid by {CARD}, thanks",
        "text/plain",
    ),
}
FRAGMENTS = {
    value[start : start + 8]
    for secret in (SECRET[:16], CARD, AWS)
    for value in (secret, quote_plus(secret))
    for start in range(len(value) - 7)
}


def at_every_byte(name: str) -> list[tuple[bytes, bytes]]:
    """Return each beginning of a document, and what is kept of it."""
    text, content_type = DOCUMENTS[name]
    data, kept = text.encode(), []
    for end in range(len(data)):
        message = Message(body=data[:end], content_type=content_type, size=len(data), truncated=True)
        kept.append((data[:end], bodies.redact(message, RULES, 1 << 16).body))
    return kept


@pytest.mark.parametrize("name", DOCUMENTS)
def test_cut_at_every_byte(name: str) -> None:
    """Not eight bytes of a secret in a row are kept."""
    for beginning, kept in at_every_byte(name):
        leaked = [fragment for fragment in FRAGMENTS if fragment.encode() in kept]
        assert not leaked, (beginning[-40:], kept[-40:])


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "multipart"])
def test_what_comes_before_is_kept(name: str) -> None:
    """Up to the last token that is no secret, what is kept begins as the whole document does."""
    text, content_type = DOCUMENTS[name]
    message = Message(body=text.encode(), content_type=content_type, size=len(text))
    whole = bodies.redact(message, RULES, 1 << 16).body
    for beginning, kept in at_every_byte(name):
        same = _common(kept, whole)
        assert len(kept) - same <= 40, (beginning[-40:], kept[-60:])


def _common(first: bytes, second: bytes) -> int:
    pairs = zip(first, second, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


def test_the_limit_cuts_after_masking() -> None:
    """Whatever the limit, a secret that is there as a whole is masked as one."""
    text, content_type = DOCUMENTS["json"]
    message = Message(body=text.encode(), content_type=content_type, size=len(text))
    whole = bodies.redact(message, RULES, 1 << 16).body
    for limit in range(len(text)):
        kept = bodies.redact(message, RULES, limit)
        assert whole.startswith(kept.body)
        assert len(kept.body) <= limit


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('{"value": [{"id": 1}, {"id": 2', '{"value": [{"id": 1}, {"id": 2'),
        ('[{"name": "color", "value": "red", "id": ', '[{"name": "color", "value": "red", "id": '),
        ('[{"value": "red"}, {"id": ', '[{"value": "red"}, {"id": '),
        ('[{"value": "red", "n": [{"a": 1}], "b": ', '[{"value": "[REDACTED]", "n": [{"a": 1}], "b": '),
        ('{"value": 1234, ', '{"value": "[REDACTED]", '),
    ],
)
def test_a_name_that_may_be_beyond_the_cut(given: str, expected: str) -> None:
    """A value whose name may have been cut off is masked; a list of values is not, for it is what a body is about."""
    message = Message(body=given.encode(), content_type="application/json", size=999, truncated=True)
    assert bodies.redact(message, RULES, 1 << 16).body.decode() == expected
