"""Addresses that authorization servers send people back to, with a code that is as good as a password."""

from __future__ import annotations

import re
from typing import Final

_PATH: Final = re.compile(
    rb"/(?:[\w.-]*callback|oauth2?|openid|oidc|sso|sign-?in(?:-\w+)?|login|auth)(?=/|\Z)", re.IGNORECASE
)
_LONGEST: Final = 512  # bytes of a URL before and after a parameter
_WITHIN: Final = bytes(0 if c in b"\0 \t\r\n\v\f\"'<>" else c for c in range(256))
_CODE: Final = re.compile(rb"(?:[?&;#]|%26|%3f|u0026)code(?:=|%3d)", re.IGNORECASE)
_WITH_CODE: Final = re.compile(rb"(?:(?:[?&;#]|%26|%3f|u0026)state|grant_type)(?:=|%3d)", re.IGNORECASE)


def is_one(path: bytes) -> bool:
    """Tell whether a path, or a URL without its query, looks like one."""
    return _PATH.search(path) is not None


def hands_over(data: bytes, end: int, name: bytes) -> bool:
    """Tell whether a ``code`` or ``state`` with a value there is a secret: in an answer, and in its exchange."""
    before, after = data[max(0, end - _LONGEST) : end], data[end : end + _LONGEST]
    path = before[: before.rfind(b"?")]
    if name == b"code" and b"/" in path and is_one(_last_url(path)):
        return True
    around = (before + after).lower()
    if b"code" not in around or not (b"state" in around or b"grant_type" in around):
        return False
    url = _last_url(before) + (after + b"\0").translate(_WITHIN).partition(b"\0")[0]
    return _CODE.search(url) is not None and _WITH_CODE.search(url) is not None


def _last_url(text: bytes) -> bytes:
    return text[text.translate(_WITHIN).rfind(b"\0") + 1 :]
