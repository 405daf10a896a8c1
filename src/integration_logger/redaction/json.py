"""Secrets in JSON: values under sensitive names, and whatever strings and numbers hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from integration_logger.redaction import layers, spans
from integration_logger.redaction.edits import MASK, Edit, merge
from integration_logger.redaction.scan import NAME, Hit
from integration_logger.redaction.text import by_shape, is_secret

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

_MASK: Final = b'"' + MASK + b'"'
_COLON: Final = re.compile(rb"[ \t\r\n]*+:")
_STRINGS: Final = re.compile(rb'(?:[^"]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_LONGEST_NAME: Final = 192

# {"name": "password", "value": ...}
_NAMES: Final = frozenset(b"name key field header id param parameter label variable attribute property".split())
_VALUE: Final = re.compile(rb'"[A-Za-z_]{0,16}val(?:ue)?s?[A-Za-z_]{0,16}"[ \t\r\n]*+:', re.IGNORECASE)
_REACH: Final = 8 * 1024  # bytes before and after a name in which its value is looked for

_validate: Final = msgspec.json.Decoder(msgspec.Raw).decode


def edits(data: bytes, hits: Sequence[Hit], rules: Rules, *, depth: int = 0) -> list[Edit]:
    """Return what the hits prove to be secret, provided that the data is JSON or the beginning of it."""
    found: list[Edit] = []
    outside = 0  # a place between tokens, before which all is done
    for position, hit in sorted((_position(hit, rules), hit) for hit in hits):
        if position >= outside:
            more, outside = _judge(data, hit, position, outside, rules, depth)
            found += more
    return merge(found)


def _position(hit: Hit, rules: Rules) -> int:
    kind, start, end = hit
    return start if kind >= 0 and rules.shapes[kind].anchored else end - 1


def _judge(data: bytes, hit: Hit, position: int, outside: int, rules: Rules, depth: int) -> tuple[list[Edit], int]:
    """Return what a hit proves, and a place between tokens up to which all is done by that."""
    kind, _, end = hit
    string = _string_before(data, position) if kind == NAME else None
    if string is not None:
        name = data[slice(*string)]
        if not rules.names.sensitive(name):
            return [], end
        edits = _under(data, end, name) if data[position] == ord(":") else _pair(data, *string, name)
        return edits, max((edit.end for edit in edits), default=end)
    shaped = by_shape(data, [hit], rules.shapes)
    if kind >= 0 and not shaped and b"\\" not in data[position : end + 64]:  # a number that is no card's
        return [], outside
    start = _string_at(data, outside, position)
    if start is None:
        return [edit._replace(mask=_MASK) for edit in shaped], outside
    end = spans.quoted(data, start)
    return [*_in_string(data, start, end, rules, depth)], end


def _under(data: bytes, position: int, name: bytes) -> list[Edit]:
    """Return the edit for the value that follows a sensitive key."""
    start = _skip_blanks(data, position)
    end = spans.json_value(data, start)
    return [Edit(start, end, name, "name", _MASK)] if is_secret(name, data[start:end]) else []


def _in_string(data: bytes, start: int, end: int, rules: Rules, depth: int) -> Iterator[Edit]:
    """Yield what is secret in one string: a document, a text, a key written with escapes, or half of a pair."""
    content = layers.escapes(data[start + 1 : end - 1 if spans.is_closed(data, start, end) else end])
    for edit in rules.within(content.data, depth + 1):
        yield content.restore(edit, start + 1)
    name = content.data[-_LONGEST_NAME:]
    if rules.names.sensitive(name):
        colon = _COLON.match(data, end)
        yield from _under(data, colon.end(), name) if colon else _pair(data, start + 1, end - 1, name)


def _pair(data: bytes, start: int, end: int, name: bytes) -> list[Edit]:
    """Return the edit for the value in the same object as a name that is a value, before or after it."""
    key = _key_of(data, start - 1)
    if key is None or key.lower() not in _NAMES:
        return []
    for match in _VALUE.finditer(data, end + 1, end + _REACH):
        depth = spans.level(data, end + 1, match.start())
        if depth == 0:
            return _under(data, match.end(), name)
        if depth < 0:
            break
    for match in reversed([*_VALUE.finditer(data, max(0, start - _REACH), start - 1)]):
        if spans.level(data, match.end(), start - 1) == 0:
            return _under(data, match.end(), name)
    return []


def _key_of(data: bytes, value: int) -> bytes | None:
    """Return the key whose value begins there."""
    colon = _before_blanks(data, value) - 1
    key = _string_before(data, colon) if data[colon : colon + 1] == b":" else None
    return None if key is None else data[slice(*key)]


def _string_before(data: bytes, position: int) -> tuple[int, int] | None:
    """Return where the content of the string stands that ends before a sign, or None where there is none."""
    end = _before_blanks(data, position) - 1
    if data[end : end + 1] != b'"' or data[end - 1 : end] == b"\\":
        return None
    earliest = max(0, end - _LONGEST_NAME)
    return max(earliest, data.rfind(b'"', earliest, end) + 1), end


def _before_blanks(data: bytes, position: int) -> int:
    while data[position - 1 : position] in _BLANKS:
        position -= 1
    return position


def _skip_blanks(data: bytes, position: int) -> int:
    while data[position : position + 1] in _BLANKS:
        position += 1
    return position


_BLANKS: Final = frozenset((b" ", b"\t", b"\r", b"\n"))


def _string_at(data: bytes, outside: int, position: int) -> int | None:
    """Return where the string begins that the position is in, or None; ``outside`` is a place between tokens."""
    match = _STRINGS.match(data, outside, position)
    end = match.end() if match else outside
    return end if end < position else None


def is_json(data: bytes, *, truncated: bool = False) -> bool:
    """Tell whether the data is JSON, lines of JSON or, where it is truncated, the beginning of either."""
    if _is_document(data, truncated):
        return True
    lines = [line for line in data.replace(b"\x1e", b"").split(b"\n") if line.strip()]
    return len(lines) > 1 and all(_is_document(line, truncated and line is lines[-1]) for line in lines)


def _is_document(data: bytes, truncated: bool) -> bool:
    try:
        _validate(data)
    except msgspec.DecodeError as error:
        return truncated and _ran_out(str(error), len(data))
    except RecursionError:
        return _TOKENS.fullmatch(data) is not None
    return True


_TOKENS: Final = re.compile(rb'(?:[\[\]{},:\s]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[-+.\w]++)*+', re.DOTALL)
_BYTE: Final = re.compile(r"\(byte (\d+)\)\Z")


def _ran_out(message: str, length: int) -> bool:
    """Tell whether the decoder stopped because there was no more, not because of what there was."""
    byte = _BYTE.search(message)
    return "truncated" in message if byte is None else int(byte[1]) >= length
