"""What is kept of sensitive headers: names of cookies and their attributes, and the scheme of credentials."""

from __future__ import annotations

import re
from typing import Final

from integration_logger.redaction.edits import MASK

COOKIES: Final = frozenset((b"cookie", b"set-cookie"))
URLS: Final = frozenset(
    (b"referer", b"referrer", b"location", b"content-location", b"x-original-url", b"x-forwarded-uri")
)

_SCHEME: Final = re.compile(
    rb"\s*(?:basic|bearer|digest|negotiate|token|apikey|aws4-hmac-sha256)\s+(?=\S)", re.IGNORECASE
)

_COOKIE: Final = re.compile(rb"=[^;\s][^;]*+")
_MASKED_COOKIE: Final = b"=" + MASK
_FOLDED: Final = re.compile(rb"(,\s*+[^\s;,=]++=)[^;,]*+")
"""Another cookie in the same header, after a comma; that of a date has no such sign after it."""


def mask(name: bytes, value: bytes) -> bytes:
    """Return the value of a sensitive header (its name in lower case) without what is secret in it."""
    if name in COOKIES:
        return _mask_cookies(value, only_first=name == b"set-cookie")
    scheme = _SCHEME.match(value) if name.endswith(b"authorization") else None
    return (scheme[0] if scheme else b"") + MASK if value.strip() else value


def _mask_cookies(value: bytes, *, only_first: bool) -> bytes:
    """Mask the values of cookies; what follows the first of Set-Cookie are attributes, and no secrets."""
    first, separator, attributes = value.partition(b";") if only_first else (value, b"", b"")
    if b"," in attributes:
        attributes = _FOLDED.sub(rb"\1" + MASK, attributes)
    masked, count = _COOKIE.subn(_MASKED_COOKIE, first)
    if count == first.count(b";") + 1:  # each has a name and a value, as nearly always
        return masked + separator + attributes
    if b"=" not in first:
        return MASK + separator + attributes if first.strip() else value
    return b";".join(_mask_cookie(pair) for pair in first.split(b";")) + separator + attributes


def _mask_cookie(pair: bytes) -> bytes:
    name, equals, value = pair.partition(b"=")
    if not equals:
        return MASK if name.strip() else pair
    return name + equals + MASK if value.strip() else pair
