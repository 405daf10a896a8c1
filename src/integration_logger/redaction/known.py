"""The host's own secrets, masked wherever they occur and however they are written."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from integration_logger.errors import ConfigurationError
from integration_logger.redaction.values import Shape

SHORTEST: Final = 8
"""Characters of the shortest value that is masked; shorter ones occur in ordinary text."""


def known(values: Iterable[str]) -> tuple[Shape, ...]:
    """Return the shape of these values, or nothing for none."""
    texts = {form for value in checked(values) for form in forms(value)}
    if not texts:
        return ()
    pattern = "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
    return (Shape("known value", f"(?:{pattern})", re.compile(f"({pattern})".encode())),)


def checked(values: object) -> list[str]:
    """Return the values if they are a list of texts that are long enough."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ConfigurationError(f"Redactor: values takes a list of texts, not one {type(values).__name__}")
    return [_checked(value) for value in values]


def _checked(value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"Redactor: values takes a list of texts, not of {type(value).__name__}")
    if len(value) < SHORTEST:
        raise ConfigurationError(
            f"Redactor: a secret of {len(value)} characters would mask ordinary text: {SHORTEST} or more"
        )
    return value


def forms(value: str) -> Iterator[str]:
    """Yield a value as it is and as JSON, URLs, HTML and base64 write it."""
    yield value
    yield html.escape(value)
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]  # a document within a string of another
    for encoded in (quote(value), quote(value, safe=""), quote_plus(value)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield from (form for form in _base64_forms(value.encode()) if len(form) >= SHORTEST)


def _base64_forms(value: bytes) -> Iterator[str]:
    """Yield the characters of base64 that the value alone decides, for each place in a longer text it may have."""
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        length = (before + len(value)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * before + value)[unsure:length].decode()
