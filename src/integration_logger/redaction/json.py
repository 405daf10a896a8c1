"""Secrets in JSON: values under sensitive names, and whatever strings and numbers hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from integration_logger.redaction import spans
from integration_logger.redaction.edits import MASK, Decoded, Edit, decode, merge
from integration_logger.redaction.names import Names
from integration_logger.redaction.scan import NAME, Hit
from integration_logger.redaction.text import by_shape, is_secret
from integration_logger.redaction.values import Shape

_MASK: Final = b'"' + MASK + b'"'
_GAP: Final = re.compile(rb"[ \t\r\n]*+")
_STRING_BEFORE: Final = re.compile(rb'"[ \t\r\n]*\Z')
_COLON_AFTER: Final = re.compile(rb"[ \t\r\n]*+:")
_ESCAPES: Final = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.", re.DOTALL)
_NAME_KEYS: Final = frozenset(
    ["name", "key", "field", "header", "id", "param", "parameter", "label", "variable", "attribute", "property"]
)
_VALUE_KEY: Final = re.compile(rb'"[A-Za-z_]{0,16}val(?:ue)?s?[A-Za-z_]{0,16}"\s*+:', re.IGNORECASE)
_REACH: Final = 8 * 1024  # bytes before a name in which its value is looked for

Inner = Callable[[bytes], list[Edit]]
"""Finds the secrets in what a string holds, once its escapes are undone."""

_validate: Final = msgspec.json.Decoder(msgspec.Raw).decode
_text: Final = msgspec.json.Decoder(str).decode


class JSONMasker:
    """The exact pass for JSON."""

    def __init__(self, names: Names, shapes: tuple[Shape, ...], inner: Inner) -> None:
        self._names = names
        self._shapes = shapes
        self._inner = inner

    def edits(self, data: bytes, hits: list[Hit]) -> list[Edit]:
        """Return what the hits prove to be secret, provided that the data is JSON or the beginning of it."""
        found: list[Edit] = []
        outside = 0  # a place that is in no string, before which all is done
        for hit in sorted(hits, key=_position):
            if _position(hit) < outside:
                continue
            if hit.kind == NAME and (name := _key_before(data, hit.end - 1)) is not None:
                found += self._under(data, hit.end, name)
                outside = max(hit.end, found[-1].end if found else 0)
            elif hit.kind < 0 or by_shape(data, [hit], self._shapes) or data[hit.end : hit.end + 1] == b"\\":
                start = _string_around(data, outside, _position(hit))
                if start is None:
                    found += by_shape(data, [hit], self._shapes)
                else:
                    edits, outside = self._string(data, start)
                    found += edits
        return merge(found)

    def _string(self, data: bytes, start: int) -> tuple[list[Edit], int]:
        end = spans.quoted(data, start)
        content = undo_escapes(data[start + 1 : end - 1 if end <= len(data) and _is_closed(data, start, end) else end])
        if (colon := _COLON_AFTER.match(data, end)) is not None:
            return self._under(data, colon.end(), content.data.decode("utf-8", "replace")), colon.end()
        edits = [content.restore(edit, _escape).moved(start + 1) for edit in self._inner(content.data)]
        if not edits and (name := content.data.decode("utf-8", "replace")) and self._names.sensitive(name):
            edits = self._pair(data, start, end, name)
        return edits, end

    def _under(self, data: bytes, position: int, name: str) -> list[Edit]:
        if not self._names.sensitive(name):
            return []
        gap = _GAP.match(data, position)
        start = gap.end() if gap else position
        end = spans.json_value(data, start)
        return [Edit(start, end, name, "name", _MASK)] if is_secret(name, data[start:end]) else []

    def _pair(self, data: bytes, start: int, end: int, name: str) -> list[Edit]:
        """``{"name": "password", "value": ...}``, in either order."""
        colon = data.rfind(b":", max(0, start - 64), start)
        key = _key_before(data, colon) if colon >= 0 and not data[colon + 1 : start].strip() else None
        if key is None or key.lower() not in _NAME_KEYS:
            return []
        for match in _VALUE_KEY.finditer(data, end):
            depth = spans.level(data, end, match.start())
            if depth == 0:
                return self._under(data, match.end(), name)
            if depth < 0:
                break
        begin = max(0, start - _REACH)
        for match in reversed([*_VALUE_KEY.finditer(data, begin, start)]):
            if spans.level(data, match.end(), start) == 0:
                return self._under(data, match.end(), name)
        return []


def undo_escapes(data: bytes) -> Decoded:
    """Undo the escapes of a JSON string."""
    return decode(data, _ESCAPES, _unescape)


def _unescape(escape: bytes) -> bytes:
    try:
        return _text(b'"' + escape + b'"').encode()
    except (msgspec.DecodeError, UnicodeError):
        return b"?"


def _escape(mask: bytes) -> bytes:
    return mask.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def is_json(data: bytes, *, truncated: bool) -> bool:
    """Tell whether the data is JSON, lines of JSON or, where it is truncated, the beginning of either."""
    if _is_document(data, truncated):
        return True
    lines = [line for line in data.lstrip(b"\x1e").splitlines() if line.strip(b" \t\x1e")]
    return len(lines) > 1 and all(_is_document(line, truncated and line is lines[-1]) for line in lines)


def _is_document(data: bytes, truncated: bool) -> bool:
    try:
        _validate(data)
    except msgspec.DecodeError as error:
        return truncated and _ran_out(str(error), len(data))
    except RecursionError:
        return _LEXICAL.fullmatch(data) is not None
    return True


_BYTE: Final = re.compile(r"\(byte (\d+)\)\Z")
_LEXICAL: Final = re.compile(rb'(?:[\[\]{},:\s]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[-+.\w]++)*+', re.DOTALL)


def _ran_out(message: str, length: int) -> bool:
    """Tell whether the decoder stopped because there was no more, not because of what there was."""
    byte = _BYTE.search(message)
    return "truncated" in message if byte is None else int(byte[1]) >= length


def _position(hit: Hit) -> int:
    return hit.start if hit.kind >= 0 else hit.end - 1


def _key_before(data: bytes, colon: int) -> str | None:
    """Return the key that ends before the colon, or None where the colon is not that of a key."""
    head = data[max(0, colon - 192) : colon].rstrip(b" \t\r\n")
    if head[-1:] != b'"' or _slashes(head[:-1]) % 2:
        return None
    return head[head.rfind(b'"', 0, -1) + 1 : -1].decode("utf-8", "replace")


def _slashes(head: bytes) -> int:
    return len(head) - len(head.rstrip(b"\\"))


_STRINGS: Final = re.compile(rb'(?:[^"]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)


def _string_around(data: bytes, outside: int, position: int) -> int | None:
    """Return where the string begins that the position is in, or None; ``outside`` is a place before all strings."""
    match = _STRINGS.match(data, outside, position)
    end = match.end() if match else outside
    return None if end >= position else end


def _is_closed(data: bytes, start: int, end: int) -> bool:
    return end - start > 1 and data[end - 1 : end] == b'"' and not _slashes(data[start + 1 : end - 1]) % 2
