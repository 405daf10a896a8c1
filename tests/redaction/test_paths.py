"""``paths=``: what is masked because of where it stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integration_logger.entry import Entry, Message
from integration_logger.errors import ConfigurationError
from integration_logger.redaction import Redactor


def redact(path: str, **fields: Any) -> Entry:
    when = datetime(2026, 11, 20, tzinfo=UTC)
    entry = Entry(id="a", kind="inbound", started_at=when, status="completed", transaction_id="a", **fields)
    return Redactor(paths=[path]).redact(entry, 1 << 20)


def body(path: str, data: str | bytes, content_type: str = "application/json", *, truncated: bool = False) -> str:
    raw = data.encode() if isinstance(data, str) else data
    message = Message(body=raw, content_type=content_type, size=len(raw), truncated=truncated)
    request = redact(path, request=message).request
    assert request is not None
    return (request.body or b"").decode()


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        ("$.a", '{"a": 1, "b": {"a": 2}}', '{"a": "[REDACTED]", "b": {"a": 2}}'),
        ("a.b", '{"b": 1, "a": {"x": [1], "b": "y", "c": 2}}', '{"b": 1, "a": {"x": [1], "b": "[REDACTED]", "c": 2}}'),
        ("$.a[*].b", '{"a": [{"b": 1}, {"b": [2, 3]}]}', '{"a": [{"b": "[REDACTED]"}, {"b": "[REDACTED]"}]}'),
        ("$.a[1]", '{"a": ["x,[", "y", "z"]}', '{"a": ["x,[", "[REDACTED]", "z"]}'),
        ("$.*.b", '{"a": {"b": 1}, "c": {"d": {"b": 3}}}', '{"a": {"b": "[REDACTED]"}, "c": {"d": {"b": 3}}}'),
        ("$..b", '[{"b": 1}, {"a": {"b": {"b": 2}}}]', '[{"b": "[REDACTED]"}, {"a": {"b": "[REDACTED]"}}]'),
        ("$.a..b", '{"b": 1, "a": [[{"b": 2}]]}', '{"b": 1, "a": [[{"b": "[REDACTED]"}]]}'),
        ("$['a b'][\"c.d\"]", '{"a b": {"c.d": 1, "c": 2}}', '{"a b": {"c.d": "[REDACTED]", "c": 2}}'),
        ("$.a", '{"\\u0061": "x", "z": 1}', '{"\\u0061": "[REDACTED]", "z": 1}'),
        ("$.a", '{"a": null, "b": 1}', '{"a": null, "b": 1}'),
        ("$.a", '{"a": true}\n{"b": 1}\n{"a": "\\"x"}\n', '{"a": "[REDACTED]"}\n{"b": 1}\n{"a": "[REDACTED]"}\n'),
        ("$.a.b", '{"a": [{"b": 1}], "b": 2}', '{"a": [{"b": 1}], "b": 2}'),
        ("$.a", '{"b": 1}', '{"b": 1}'),
        ("$.a.pin", '{"a": {"pin": 1234, "b": 1}}', '{"a": {"pin": "[REDACTED]", "b": 1}}'),
        ("$.a", '{"a": "x", oops', "[REDACTED]"),
    ],
)  # fmt: skip
def test_json(path: str, given: str, expected: str) -> None:
    """What a path leads to is masked, and nothing beside it."""
    assert body(f"json:{path}", given) == expected


def test_json_cut() -> None:
    """A document that was cut off within the value keeps nothing of it."""
    assert body("json:$.a", '{"b": 1, "a": "secr', truncated=True) == '{"b": 1, "a": "[REDACTED]"'


def test_other_charsets() -> None:
    """A path looks into the text, not into its bytes."""
    raw = '{"a": "secret", "b": "ü"}'.encode("utf-16")
    message = Message(body=raw, content_type="application/json; charset=utf-16", size=len(raw))
    request = redact("json:$.a", request=message).request
    assert request is not None
    assert (request.body or b"").decode("utf-16") == '{"a": "[REDACTED]", "b": "ü"}'


def test_xml() -> None:
    """An element by its name, in whatever namespace, as often as it occurs."""
    given = '<r><n:TaxId x="1">12</n:TaxId><TaxIdType>a</TaxIdType><TaxId/><TaxId>3<b>4</b></TaxId></r>'
    expected = '<r><n:TaxId x="1">[REDACTED]</n:TaxId><TaxIdType>a</TaxIdType><TaxId/><TaxId>[REDACTED]</TaxId></r>'
    assert body("xml:TaxId", given, "application/xml") == expected


def test_form() -> None:
    """A field of a form, and one of a multipart form."""
    assert body("form:doc", "doc=1%202&docs=3", "application/x-www-form-urlencoded") == "doc=[REDACTED]&docs=3"
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n--b--'
    kind = "multipart/form-data; boundary=b"
    assert body("form:doc", part.format("doc", "12"), kind) == part.format("doc", "[REDACTED]")


def test_query() -> None:
    """A parameter of the URL, and of those in headers."""
    headers = [(b"Referer", b"https://b.example/?doc=7"), (b"X-Note", b"doc=7")]
    entry = redact("query:doc", url="https://a.example/?doc=12&a=doc#x", request=Message(raw_headers=headers))
    assert entry.url == "https://a.example/?doc=[REDACTED]&a=doc#x"
    assert entry.request is not None
    assert entry.request.raw_headers == [(b"Referer", b"https://b.example/?doc=[REDACTED]"), (b"X-Note", b"doc=7")]
    assert entry.redacted == ("url.doc: path", "request.headers.referer.doc: path")


def test_header() -> None:
    """A header, whatever the case of its name."""
    request = redact("header:X-Customer", request=Message(raw_headers=[(b"x-customer", b"Ana"), (b"a", b"b")])).request
    assert request is not None
    assert request.raw_headers == [(b"x-customer", b"[REDACTED]"), (b"a", b"b")]


@pytest.mark.parametrize(
    "paths", ["json:$.a", [5], ["a.b"], ["cookie:x"], ["json:"], ["json:$"], ["json:$.a[-1]"], None]
)
def test_refused(paths: Any) -> None:
    """What cannot be read is refused when the redactor is built."""
    with pytest.raises(ConfigurationError, match="Redactor"):
        Redactor(paths=paths)
