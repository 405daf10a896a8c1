"""The helper with which a host tests its own rules."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import pytest

from integration_logger.entry import Entry, Message
from integration_logger.redaction import Redactor
from integration_logger.testing import assert_redacted
from tests.factories import make_entry

SECRET = "Ana & Cia/4711"


def entry(body: str) -> Entry:
    raw = body.encode()
    message = Message(body=raw, content_type="text/plain", size=len(raw))
    return make_entry(request=message, redacted=("somewhere: name",))


def test_what_is_masked_passes() -> None:
    """One entry or several."""
    masked = Redactor().redact(make_entry(errors=(f"password='{SECRET}'",)), 1 << 16)
    assert_redacted(masked, SECRET)
    assert_redacted([masked, entry("clean")], SECRET, "another one")


@pytest.mark.parametrize(
    "shown", [SECRET, quote(SECRET), b64encode(f"x{SECRET}y".encode()).decode(), "Ana &amp; Cia/4711", SECRET[3:11]]
)
def test_what_is_shown_fails(shown: str) -> None:
    """However it is written, and if only a part of it is there; the field is named."""
    with pytest.raises(AssertionError, match="request of entry"):
        assert_redacted([entry("clean"), entry(f"so {shown} it is")], SECRET)


def test_nothing_masked_proves_nothing() -> None:
    """Entries that nobody had to mask anything in, or none at all, are no proof."""
    for entries in ([], [make_entry(redacted=())]):
        with pytest.raises(AssertionError, match="nothing was masked"):
            assert_redacted(entries, SECRET)
    for secrets in ((), ("",)):
        with pytest.raises(ValueError, match="secrets"):
            assert_redacted(entry("x"), *secrets)
