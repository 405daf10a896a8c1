"""Names of charsets, which strangers choose."""

from __future__ import annotations

import codecs
from encodings.aliases import aliases

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_logger import charsets, codec
from integration_logger.entry import Message
from integration_logger.redaction import Redactor, bodies

RULES = Redactor()._rules
NAMES = sorted({*aliases, *aliases.values(), "utf-8-sig", "ISO-8859-1", "iso8859.1", "UTF 16", "koi8-t", "x-mac-roman"})


def is_text(name: str) -> bool:
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):  # ValueError: it has a NUL
        return False
    return True


@pytest.mark.parametrize("spell", [str, str.upper, lambda name: name.replace("_", "-")], ids=["as is", "upper", "-"])
def test_all_that_python_has_is_known(spell: object) -> None:
    """However it is spelt."""
    for name in map(spell, NAMES):  # type: ignore[call-overload]
        assert charsets.is_known(name) or not is_text(name), name


@given(name=st.text(max_size=40))
@example(name="HZ:\u00b2")
@example(name="shift\u00b2jis")
def test_what_is_not_known_has_no_codec(name: str) -> None:
    """Nothing that could be decoded is passed over."""
    assert charsets.is_known(name) or not is_text(name)


def test_python_is_not_asked_for_names_that_are_none() -> None:
    """It would remember each of them for ever, and a host that counts would count ours."""
    asked: list[str] = []
    codecs.register(asked.append)
    try:
        message = Message(body=b"password=hunter2", content_type="text/plain; charset=no-such-charset")
        assert bodies.redact(message, RULES, 100).body == b"password=[REDACTED]"
        assert codec.body_text(message) == "password=hunter2"
        assert bodies.redact(Message(body=b"\xe9", content_type="text/plain; charset=nope"), RULES, 100).truncated
    finally:
        codecs.unregister(asked.append)
    assert asked == []
