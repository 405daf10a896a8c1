"""The encodings that text is wrapped in, undone so that what they hide is seen, and masked in place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import msgspec

from integration_logger.redaction.edits import Edit

_ESCAPES: Final = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)
_PERCENT: Final = re.compile(rb"%[0-9a-fA-F]{2}|\+")
_string: Final = msgspec.json.Decoder(str).decode

_Code = Callable[[bytes], bytes]


class Layer:
    """Text in which some bytes stand for others, with the encoding undone and the way back."""

    def __init__(self, original: bytes, data: bytes, encoded: re.Pattern[bytes], decode: _Code, encode: _Code) -> None:
        self.data = data
        self._original = original
        self._encoded = encoded
        self._decode = decode
        self._encode = encode

    def restore(self, edit: Edit, moved: int = 0) -> Edit:
        """Return an edit of ``data`` as one of the original bytes, which begin ``moved`` bytes into a longer text."""
        start, _ = self._place(edit.start)
        _, end = self._place(edit.end)
        return Edit(start + moved, end + moved, edit.name, edit.reason, self._encode(edit.mask))

    def _place(self, offset: int) -> tuple[int, int]:
        """Return where the byte at ``offset`` stood; for one that was decoded, where its encoding begins and ends."""
        offsets, positions = self._stretches
        index = bisect_right(offsets, offset) - 1
        begin, within = positions[index], offset - offsets[index]
        if not within:
            return begin, begin
        end = positions[index + 1]
        copied = end - begin == offsets[index + 1] - offsets[index]
        return (begin + within, begin + within) if copied else (begin, end)

    @cached_property
    def _stretches(self) -> tuple[list[int], list[int]]:
        """Where each stretch that was copied or decoded as one begins, here and in the original; then both lengths."""
        offsets, positions = [0], [0]
        shift = 0
        for match in self._encoded.finditer(self._original):
            start, end = match.span()
            offsets += (start - shift, start - shift + len(self._decode(match[0])))
            positions += (start, end)
            shift = end - offsets[-1]
        offsets.append(len(self.data))
        positions.append(len(self._original))
        return offsets, positions


def escapes(data: bytes) -> Layer:
    """Undo the escapes of a JSON string."""
    try:
        decoded = _string(b'"%b"' % data).encode()
    except (msgspec.DecodeError, UnicodeError):  # more than JSON allows: what can be undone is
        decoded = _ESCAPES.sub(lambda match: _unescape(match[0]), data)
    return Layer(data, decoded, _ESCAPES, _unescape, _escape)


def percent(data: bytes) -> Layer:
    """Undo the percent encoding of a form or a query."""
    return Layer(data, unquote_to_bytes(data.replace(b"+", b" ")), _PERCENT, _unquote, _quote)


def _unescape(escape: bytes) -> bytes:
    try:
        return _string(b'"%b"' % escape).encode()
    except (msgspec.DecodeError, UnicodeError):  # no escape of JSON, or half a pair of surrogates
        return escape


def _escape(mask: bytes) -> bytes:
    return mask.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _unquote(escape: bytes) -> bytes:
    return b" " if escape == b"+" else bytes.fromhex(escape[1:].decode())


@lru_cache(64)
def _quote(mask: bytes) -> bytes:
    return quote(mask, safe="[]").encode()
