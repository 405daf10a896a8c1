"""Secrets in JSON: values under sensitive names, and whatever strings and numbers hold."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from integration_logger.redaction import layers, pairs, pieces, schemas, spans
from integration_logger.redaction.edits import MASK, Edit, merge
from integration_logger.redaction.nearby import Nearby
from integration_logger.redaction.secrecy import is_secret
from integration_logger.redaction.structure import LONGEST_NAME, Structure, key_of, string_before
from integration_logger.redaction.suspects import NAME, Hit
from integration_logger.redaction.text import by_shape

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

_MASK: Final = b'"' + MASK + b'"'
_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")
_SIMPLE: Final = re.compile(rb'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+"|[^\s,\]}"{\[][^\s,\]}]*+)', re.DOTALL)
"""A value as most are: a whole string, or what has neither quotes nor brackets."""
_STRINGS: Final = re.compile(rb'(?:[^"]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)

_EXCHANGED: Final = re.compile(rb'"(code|device_code|assertion)"[ \t\r\n]*+:')
_BEGINNING: Final = re.compile(rb"(?:\xef\xbb\xbf|\x1e)?[ \t\r\n]*+[\[{]")
_validate: Final = msgspec.json.Decoder(msgspec.Raw).decode


def edits(data: bytes, hits: Sequence[Hit], rules: Rules, *, depth: int = 0) -> list[Edit]:
    """Return what the hits prove to be secret, provided that the data is JSON or the beginning of it."""
    return _Document(data, rules, depth).edits(hits)


def beside_the_cut(data: bytes) -> list[Edit]:
    """Return the edits for values whose names may come after the place where the document was cut off."""
    return [
        Edit(start, spans.json_value(data, start), key_of(data, start) or b"", "name cut off", _MASK)
        for start in pairs.nameless(data)
    ]


class _Document:
    """One document and how far it has been looked at."""

    def __init__(self, data: bytes, rules: Rules, depth: int) -> None:
        self._data = data
        self._rules = rules
        self._depth = depth
        self._outside = 0  # a place between tokens, before which all is done
        self._exchanged_until: dict[int, int] = {}

    @cached_property
    def _structure(self) -> Structure:
        return Structure(self._data)

    @cached_property
    def _values(self) -> Nearby:
        return Nearby(self._data, self._structure, pairs.values)

    @cached_property
    def _inputs(self) -> Nearby:
        return Nearby(self._data, self._structure, pairs.inputs)

    @cached_property
    def _exchanges(self) -> Nearby:
        return Nearby(self._data, self._structure, _EXCHANGED.finditer)

    def edits(self, hits: Sequence[Hit]) -> list[Edit]:
        found: list[Edit] = []
        for hit in sorted(hits, key=_end):
            if hit[2] > self._outside:
                found += self._judge(hit, hit[2] - 1)
        return merge(found)

    def _judge(self, hit: Hit, position: int) -> list[Edit]:
        """Return what a hit proves; the next one that counts is outside of what was looked at for this one."""
        is_sign = hit[0] == NAME and self._data[position] in b":,}"
        string = string_before(self._data, position) if is_sign else None
        if string is not None:
            self._outside = hit[2]
            is_key = self._data[position] == ord(":")
            name = _name(self._data[slice(*string)], is_key=is_key)
            if is_key and name == b"grant_type":
                return self._exchanged(string[0])
            if not self._rules.names.sensitive(name):
                return []
            return self._under(hit[2], name) if is_key else self._pair(*string, name)
        start = self._string_at(position)
        if start is not None:
            return self._string(start)
        self._outside = hit[2]
        shaped = by_shape(self._data, hit, self._rules.shapes)
        return [edit._replace(mask=_MASK, name=key_of(self._data, edit.start) or b"") for edit in shaped]

    def _under(self, position: int, name: bytes) -> list[Edit]:
        """Return the edit for the value that follows a sensitive key."""
        data = self._data
        if simple := _SIMPLE.match(data, position):
            start, end = simple.span(1)
        else:
            start = _after_blanks(data, position)
            end = spans.json_value(data, start)
        if data[start : start + 1] == b"{" and self._is_description(name, start, end):
            return []
        if not is_secret(name, data[start:end]) or pieces.is_piece(data, name, start):
            return []
        if end > self._outside:
            self._outside = end
        return [Edit(start, end, name, "name", _MASK)]

    def _is_description(self, name: bytes, start: int, end: int) -> bool:
        """Tell whether an object under a sensitive name has no secret: that of a path in OpenAPI, a schema."""
        container = self._structure.container(start - 1)
        parent = key_of(self._data, self._structure.span(container)[0]) if container >= 0 else None
        return name[:1] == b"/" or schemas.is_schema(parent, self._data[start:end])

    def _string(self, start: int) -> list[Edit]:
        """Return what is secret in one string: a document, a text, a key written with escapes, or half of a pair."""
        self._outside = end = spans.quoted(self._data, start)
        last = end - 1 if spans.is_closed(self._data, start, end) else end
        content = layers.escapes(self._data[start + 1 : last])
        found = [content.restore(edit, start + 1) for edit in self._rules.within(content.data, self._depth + 1)]
        found = [edit if edit.name else edit._replace(name=key_of(self._data, start) or b"") for edit in found]
        colon = _after_blanks(self._data, end)
        is_key = self._data[colon : colon + 1] == b":"
        name = _name(content.data[-LONGEST_NAME:], is_key=is_key)
        if self._rules.names.sensitive(name):
            found += self._under(colon + 1, name) if is_key else self._pair(start + 1, end - 1, name)
        return found

    def _pair(self, start: int, end: int, name: bytes) -> list[Edit]:
        """Return the edit for the value in the same object as a name that is a value, before or after it."""
        key = key_of(self._data, start - 1)
        container = self._structure.container(start)
        if key is None:
            return self._item_beside(container, start, end, name)
        if key.lower() not in pairs.NAMES:
            return []
        match = next(self._values.keys(container, start, end), None)
        return self._under(match.end(), name) if match else []

    def _exchanged(self, start: int) -> list[Edit]:
        """Return the edits for what is exchanged for a token, in the object that says so."""
        container = self._structure.container(start)
        reached = self._exchanged_until.get(container, 0)
        found: list[Edit] = []
        for match in self._exchanges.keys(container, max(start, reached + pairs.REACH), start):
            found += self._under(match.end(), match[1])
            self._exchanged_until[container] = match.end()
        return found

    def _item_beside(self, container: int, start: int, end: int, name: bytes) -> list[Edit]:
        """Return the edit for the other item of ``["name", "value"]`` in a list of such, as headers are written."""
        if self._is_location(container):
            return self._refused(self._structure.around(container), start, end, name)
        if not self._structure.is_list_in_list(container):
            return []
        first, last = self._structure.span(container)
        comma = _after_blanks(self._data, end + 1)
        value = _after_blanks(self._data, comma + 1)
        value_end = spans.json_value(self._data, value)
        is_pair = _after_blanks(self._data, first + 1) == start - 1 and _after_blanks(self._data, value_end) == last
        return self._under(comma + 1, name) if is_pair and self._data[comma : comma + 1] == b"," else []

    def _is_location(self, container: int) -> bool:
        """Tell whether a container is the list that says which value was refused (pydantic, FastAPI)."""
        return container >= 0 and key_of(self._data, self._structure.span(container)[0]) == b"loc"

    def _refused(self, container: int, start: int, end: int, name: bytes) -> list[Edit]:
        """Return the edit for the value that was refused, of which the object around a name tells."""
        match = next(self._inputs.keys(container, start, end), None)
        return self._under(match.end(), name) if match else []

    def _string_at(self, position: int) -> int | None:
        """Return where the string begins that the position is in, or None where it is in none."""
        match = _STRINGS.match(self._data, self._outside, position)
        end = match.end() if match else self._outside
        return end if end < position else None


def _name(string: bytes, *, is_key: bool) -> bytes:
    """Return the name that a string is: of a path that is a value, the last part."""
    return string if is_key else string.rpartition(b"/")[2]


def _end(hit: Hit) -> int:
    return hit[2]


def _after_blanks(data: bytes, position: int) -> int:
    match = _BLANKS.match(data, position)
    return match.end() if match else position


def looks_like(data: bytes) -> bool:
    """Tell whether the data begins like an object or a list."""
    return _BEGINNING.match(data) is not None


def is_json(data: bytes, *, truncated: bool = False) -> bool:
    """Tell whether the data is JSON, lines of JSON or, where it is truncated, the beginning of either."""
    data = data.removeprefix(codecs.BOM_UTF8)
    if _is_document(data, truncated):
        return True
    lines = [line for line in data.replace(b"\x1e", b"").split(b"\n") if line.strip()]
    return len(lines) > 1 and all(_is_document(line, truncated and line is lines[-1]) for line in lines)


def _is_document(data: bytes, truncated: bool) -> bool:
    if b"NaN" in data or b"Infinity" in data:
        data = _CONSTANTS.sub(b"null", data)
    try:
        _validate(data)
    except msgspec.DecodeError as error:
        return truncated and _ran_out(str(error), len(data))
    except RecursionError:
        return _TOKENS.fullmatch(data) is not None
    return True


_CONSTANTS: Final = re.compile(rb"\bNaN\b|-?\bInfinity\b")  # no JSON, but what Python and others write
# What is nested too deep for a parser is held to less: each value is followed by a sign, or by the end.
_TOKENS: Final = re.compile(
    rb'(?:[\[\]{},:\s]++|(?:"(?:[^"\\]++|\\.)*+"|[-+.\w]++)(?=\s*+(?:[\]},:]|\Z))|"(?:[^"\\]++|\\.)*+\\?\Z)*+',
    re.DOTALL,
)
_BYTE: Final = re.compile(r"\(byte (\d+)\)\Z")


def _ran_out(message: str, length: int) -> bool:
    """Tell whether the decoder stopped because there was no more, not because of what there was."""
    byte = _BYTE.search(message)
    return "truncated" in message if byte is None else int(byte[1]) >= length
