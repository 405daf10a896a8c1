"""The encodings that text is wrapped in, undone so that what they hide is seen, and masked in place."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

import msgspec

from integration_logger.redaction.edits import Layer

_ESCAPES: Final = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)
_PERCENT: Final = re.compile(rb"%[0-9a-fA-F]{2}|\+")
_string: Final = msgspec.json.Decoder(str).decode


def escapes(data: bytes) -> Layer:
    """Undo the escapes of a JSON string."""
    return Layer(data, _ESCAPES, _unescape, lambda mask: mask.replace(b"\\", b"\\\\").replace(b'"', b'\\"'))


def percent(data: bytes) -> Layer:
    """Undo the percent encoding of a form or a query."""
    return Layer(data, _PERCENT, _unquote, lambda mask: quote(mask, safe="[]").encode())


def _unescape(escape: bytes) -> bytes:
    try:
        return _string(b'"' + escape + b'"').encode()
    except (msgspec.DecodeError, UnicodeError):  # no escape of JSON, or half a pair of surrogates
        return escape


def _unquote(escape: bytes) -> bytes:
    return b" " if escape == b"+" else bytes.fromhex(escape[1:].decode())
