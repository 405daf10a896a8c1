"""The body of a message: which syntax and charset it is in, its exact pass, and the cut."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([\w.:+-]{1,40})""", re.IGNORECASE)
_TRANSPARENT: Final = re.compile(
    r"utf-?8|us-ascii|ascii|latin-?1|(?:iso|windows|cp)[-_]?(?:8859[-_]\d+|125\d)|utf-8-sig", re.I
)
"""Charsets in which an ASCII character is that byte and no other byte is one."""


class Plan(NamedTuple):
    """How bodies of one content type are read."""

    syntax: str
    charset: str | None
    """Where the bytes have to be decoded first."""
    boundary: bytes | None = None


@lru_cache(maxsize=512)
def plan(content_type: str | None) -> Plan:
    """Read a content type."""
    kind, _, parameters = (content_type or "").partition(";")
    kind = kind.strip().lower()
    match = _CHARSET.search(parameters)
    charset = match[1] if match and not _TRANSPARENT.fullmatch(match[1]) else None
    return Plan(_syntax(kind), charset)


def _syntax(kind: str) -> str:
    if "json" in kind:
        return "json"
    if kind == "application/x-www-form-urlencoded":
        return "form"
    if kind.startswith("multipart/"):
        return "multipart"
    return "xml" if kind.endswith(("xml", "html")) else "text"
