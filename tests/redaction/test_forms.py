"""Forms, queries and whole URLs."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger.entry import Message
from integration_logger.redaction import bodies, forms
from integration_logger.redaction.edits import apply
from integration_logger.redaction.rules import Rules
from integration_logger.redaction.secrecy import is_secret

RULES = Rules()
FORM = "application/x-www-form-urlencoded"


def redact(data: bytes, *, truncated: bool = False) -> bytes:
    return bodies.redact(Message(body=data, content_type=FORM, truncated=truncated), RULES, 1 << 20).body


def url(data: str) -> str:
    return apply(data.encode(), forms.url_edits(data.encode(), RULES)).decode()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"user=ana&password=a%26b+c&x=1", b"user=ana&password=[REDACTED]&x=1"),
        (b"%70ass%77ord=abc", b"%70ass%77ord=[REDACTED]"),
        (b"user%5Bpassword%5D=abc&user[pin]=1", b"user%5Bpassword%5D=[REDACTED]&user[pin]=[REDACTED]"),
        (b"card[number]=1&card%5Bcvc%5D=123", b"card[number]=[REDACTED]&card%5Bcvc%5D=[REDACTED]"),
        (b"token=&token=abc&token", b"token=&token=[REDACTED]&token"),
        (b"grant_type=authorization_code&code=abc", b"grant_type=authorization_code&code=[REDACTED]"),
        (b"city=Rio&state=RJ&code=BR", b"city=Rio&state=RJ&code=BR"),
        (b"n=4111+1111+1111+1111&m=4111111111111111", b"n=[REDACTED]&m=[REDACTED]"),
        (b"p=%7B%22token%22%3A%22abc%22%2C%22a%22%3A1%7D", b"p=%7B%22token%22%3A%22[REDACTED]%22%2C%22a%22%3A1%7D"),
        (b"SAMLResponse=PHNhbWw%2B&RelayState=x", b"SAMLResponse=[REDACTED]&RelayState=x"),
        (b"sig=abc&key=def", b"sig=[REDACTED]&key=[REDACTED]"),
        (b"sk_live_4eC39HqLyjWDarjtT1zdp7dc", b"[REDACTED]"),
    ],
)  # fmt: skip
def test_forms(data: bytes, expected: bytes) -> None:
    """Names may be encoded, values hold documents, and nothing else changes."""
    assert redact(data) == expected


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from(("password", "a", "é[x]", "author", "apiKey", "pin2")), st.text(max_size=9)),
        max_size=5,
    )
)
def test_any_form(pairs: list[tuple[str, str]]) -> None:
    """Each field of a sensitive name is masked, each other one is as it was."""
    data = "&".join(f"{quote(name)}={quote_plus(value, errors='replace')}" for name, value in pairs)
    before = parse_qsl(data, keep_blank_values=True)
    after = parse_qsl(redact(data.encode()).decode(), keep_blank_values=True)
    for (name, value), (same, kept) in zip(before, after, strict=True):
        assert name == same
        secret = RULES.names.sensitive(name.encode()) and is_secret(b"x", value.encode("utf-8", "replace"))
        assert kept == ("[REDACTED]" if secret or (kept != value and not value.strip()) else value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://a.example/p?x=1", "https://a.example/p?x=1"),
        ("https://u:p@a.example/p", "https://[REDACTED]@a.example/p"),
        ("https://u:p@ss@a.example", "https://[REDACTED]@a.example"),
        ("//token@a.example/", "//[REDACTED]@a.example/"),
        ("/p?x=1&access_token=t;y&z#f", "/p?x=1&access_token=[REDACTED]&z#f"),
        ("/#access_token=t&expires_in=3", "/#access_token=[REDACTED]&expires_in=3"),
        ("/#/route?token=t", "/#/route?token=[REDACTED]"),
        ("/cb?code=c&state=s", "/cb?code=[REDACTED]&state=[REDACTED]"),
        ("/issues?state=open", "/issues?state=open"),
        ("/zip?code=01310", "/zip?code=01310"),
        ("/o?X-Amz-Signature=s&X-Amz-Date=d", "/o?X-Amz-Signature=[REDACTED]&X-Amz-Date=d"),
        ("/o?X-Amz-Credential=s&X-Amz-Date=d", "/o?X-Amz-Credential=[REDACTED]&X-Amz-Date=d"),
        ("/o?Policy=p&Signature=s&Key-Pair-Id=k", "/o?Policy=[REDACTED]&Signature=[REDACTED]&Key-Pair-Id=k"),
        ("/o?sv=1&sig=s&se=2", "/o?sv=1&sig=[REDACTED]&se=2"),
        ("/maps?key=AIza&q=rio", "/maps?key=[REDACTED]&q=rio"),
        ("/login?next=%2Fa%3Ftoken%3Dt%26b%3D1", "/login?next=%2Fa%3Ftoken%3D[REDACTED]%26b%3D1"),
        ("", ""),
    ],
)  # fmt: skip
def test_urls(given: str, expected: str) -> None:
    """Userinfo always, the query by names, the fragment like a query."""
    assert url(given) == expected
