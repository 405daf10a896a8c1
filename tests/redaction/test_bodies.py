"""Bodies: charsets, the cut, and what is known of them beforehand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger.entry import Message
from integration_logger.redaction import bodies
from integration_logger.redaction.rules import Rules

RULES = Rules()
TEXT = {"password": "Kanarienvogel-4711", "name": "João", "note": "日本語", "author": "Ana"}


def redact(data: bytes, content_type: str | None, *, truncated: bool = False, limit: int = 1 << 20) -> bodies.Redacted:
    return bodies.redact(Message(body=data, content_type=content_type, truncated=truncated), RULES, limit)


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "utf-7", "iso-2022-jp"])
@pytest.mark.parametrize("told", [True, False])
def test_charsets_that_are_not_ascii(charset: str, told: bool) -> None:
    """The bytes go back into the charset that they came in."""
    if charset in ("gb18030", "utf-7", "iso-2022-jp") and not told:
        pytest.skip("cannot be told from ASCII")
    text = json.dumps({**TEXT, "name": "x"}, ensure_ascii=charset == "utf-7")
    kind = f"application/json; charset={charset}" if told else "application/json"
    kept = redact(text.encode(charset), kind)
    assert kept.body.decode(charset) == text.replace("Kanarienvogel-4711", "[REDACTED]")


@pytest.mark.parametrize("charset", ["utf-16", "shift_jis", "latin-1", "utf-8"])
def test_without_a_secret_not_a_byte_changes(charset: str) -> None:
    """Whatever the charset."""
    data = "author: Ana; tokens_used=3".encode(charset)
    assert redact(data, f"text/plain; charset={charset}").body == data


@pytest.mark.parametrize("charset", ["latin-1", "windows-1252", "ISO-8859-15", "utf8", "us-ascii", '"UTF-8"'])
def test_charsets_read_as_they_are(charset: str) -> None:
    """Where ASCII is one byte a character, the bytes are masked in place."""
    data = b"caf\xe9 password=hunter2\xe9 ok"
    assert redact(data, f"text/plain; charset={charset}").body == b"caf\xe9 password=[REDACTED] ok"


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (b"caf\xe9 password=hunter2", "x-unknown"),
        (b"\xff\xfep\0a\0s\0s\0=", "utf-16"),
        (b"\xd8\x00\xd8\x00", "utf-16-be"),
        (b"a\0b", "rot13"),
        (b"x\x9cK\xcbO\x02\0", "zlib"),
    ],
)
def test_what_cannot_be_decoded_goes_whole(data: bytes, charset: str) -> None:
    """Nobody knows what may be in it."""
    kept = redact(data, f"text/plain; charset={charset}")
    assert kept.body in (b"[REDACTED]", b"[REDACTED]"[: len(kept.body)]) or b"hunter2" not in kept.body


def test_unknown_charset_of_ascii_text() -> None:
    """Plain ASCII is ASCII, whatever it calls itself."""
    assert redact(b"password=hunter2 ok", "text/plain; charset=x-y").body == b"password=[REDACTED] ok"


def test_utf_16_is_cut_within_its_bytes() -> None:
    """The limit counts bytes of what is kept."""
    data = json.dumps({"a": "b" * 500, "token": "Kanarienvogel-4711"}).encode("utf-16")
    kept = redact(data[:-30], "application/json", truncated=True, limit=1020)
    assert len(kept.body) <= 1020
    assert kept.truncated
    assert "Kanar" not in kept.body.decode("utf-16", "replace")


def test_the_limit() -> None:
    """Redacted first, then cut; a secret that the limit cuts through is seen whole."""
    data = b'{"a":"' + b"x" * 80 + b'","password":"Kanarienvogel-4711","b":"y"}'
    for limit in range(60, len(data) + 5):
        kept = redact(data, "application/json", limit=limit)
        assert len(kept.body) <= limit
        assert b"Kanar" not in kept.body
        assert kept.truncated == (limit < len(data))
        assert data.replace(b"Kanarienvogel-4711", b"[REDACTED]").startswith(kept.body[: limit - 12])


@settings(max_examples=60)
@given(st.integers(0, 400))
def test_a_shape_cut_by_the_end(end: int) -> None:
    """Of what was not seen to its end the last token goes: it may be the beginning of a secret."""
    data = b'{"note":"' + b"word " * 20 + b'ghp_16C7e42F292c6912E7710c838347Ae178B4a and more", "x": 4111111111111111}'
    kept = redact(data[:end], "application/json", truncated=True).body
    assert b"ghp_16C7" not in kept
    assert b"41111111" not in kept
    assert len(kept) >= min(end, len(data)) - 90


def test_a_whole_body_loses_nothing() -> None:
    """Only of a truncated body the last token goes."""
    assert redact(b"the last-token", "text/plain").body == b"the last-token"
    assert redact(b"the last-token", "text/plain", truncated=True).body == b"the "


def test_plain() -> None:
    """What may be kept on the word of the scan alone."""
    assert bodies.plain["application/json"]
    assert bodies.plain[""]
    assert not bodies.plain["multipart/form-data; boundary=x"]
    assert not bodies.plain["application/json; charset=utf-16"]
