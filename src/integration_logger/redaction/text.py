"""Secrets in running text: ``name=value``, ``name: value``, ``'name': 'value'``, and what is known by its shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from integration_logger.redaction import layers, spans, xml
from integration_logger.redaction.edits import MASK, Edit, Layer, merge, whole
from integration_logger.redaction.scan import ESCAPE, NAME, PARAMETER, PERCENT, Hit
from integration_logger.redaction.values import Shape

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

DEEPEST: Final = 6  # texts within strings of texts; what is wrapped more often is masked whole

_LOOK_BACK: Final = 192  # bytes before a sign that are searched for the name
_LONGEST_URL: Final = 2048
_IN_NAMES: Final = bytes(c if c < 128 and (chr(c).isalnum() or chr(c) in "_-.$ [") else 0 for c in range(256))
_CLOSERS: Final = b"\"'`] \t\r\n\v\f\\)"
_ENCODED_CLOSER: Final = re.compile(rb"%(?:5D|22|27)\Z", re.IGNORECASE)
_ENCODED_OPENER: Final = re.compile(rb"(?:(?<=%)[0-9A-Fa-f]{2}|(?<=\\)(?:u[0-9A-Fa-f]{4}|[a-z]))")
_GAP: Final = re.compile(rb"[\s>:=]*+(?:[bBuUrRfF]{1,2}(?=[\"'])|[A-Za-z_][\w.]{0,64}+(?=\([\"']))?")
_LINE: Final = re.compile(rb"[^\r\n]*+")
_FIRST_OF_PAIR: Final = re.compile(rb"""[(\[{]\s*[bBuUrR]{0,2}["']\Z""")
_END_OF_URL: Final = re.compile(rb"""[\s"'<>]""")
_EMPTY: Final = frozenset((b"", b"null", b"none", b"nil", b"true", b"false", b"[]", b"{}", b"undefined"))
_TWELVE_DIGITS: Final = re.compile(rb"(?:[0-9][ -]?){12}")


def edits(data: bytes, hits: Sequence[Hit], rules: Rules, *, prose: bool = False, depth: int = 0) -> list[Edit]:
    """Return what the hits prove to be secret; in ``prose`` a word after a colon has to look like a secret."""
    if depth > DEEPEST:
        return whole(data, "nested too deep")
    found = by_shape(data, hits, rules.shapes)
    kinds = {kind for kind, _, _ in hits}
    for kind, _, end in hits:
        if kind == NAME:
            found += _named(data, end, rules, prose)
        elif kind == PARAMETER:
            found += _parameter(data, end, rules)
    if b"\\" in data and not kinds.isdisjoint((ESCAPE, NAME)):
        found += _unwrapped(layers.escapes(data), data, rules, prose, depth)
    if PERCENT in kinds:
        found += _unwrapped(layers.percent(data), data, rules, prose, depth)
    return merge(found)


def _unwrapped(layer: Layer, data: bytes, rules: Rules, prose: bool, depth: int) -> Iterator[Edit]:
    if layer.data != data and (hits := rules.hits(layer.data)):
        for edit in edits(layer.data, hits, rules, prose=prose, depth=depth + 1):
            yield layer.restore(edit)


def by_shape(data: bytes, hits: Sequence[Hit], shapes: Sequence[Shape]) -> list[Edit]:
    """Return the secrets that are known by their shape."""
    found = []
    for kind, start in {(kind, start if shapes[kind].anchored else 0) for kind, start, _ in hits if kind >= 0}:
        shape = shapes[kind]
        matches = (shape.exact.match(data, start),) if shape.anchored else shape.exact.finditer(data)
        found += [Edit(*match.span(1), b"", shape.reason) for match in matches if match and shape.holds(match[1])]
    return found


def is_secret(name: bytes, value: bytes) -> bool:
    """Tell whether the value of a sensitive name is worth masking: null, booleans and empty texts are not."""
    if len(value) < 16 and value.strip(b"\"'` \t\r\n").lower() in _EMPTY:
        return False
    # In a mail, cc is a list of people; elsewhere it is a credit card.
    return name.rstrip(b"0123456789_-.")[-2:].lower() != b"cc" or _TWELVE_DIGITS.search(value) is not None


def name_before(data: bytes, end: int) -> bytes:
    """Return the name that ends at ``end``, quotes, brackets and blanks not counted."""
    core = data[max(0, end - _LOOK_BACK) : end].rstrip(_CLOSERS)
    while core.endswith((b"5D", b"5d", b"22", b"27")) and (encoded := _ENCODED_CLOSER.search(core)):
        core = core[: encoded.start()].rstrip(_CLOSERS)
    start = core.translate(_IN_NAMES).rfind(b"\0") + 1
    opener = _ENCODED_OPENER.match(core, start) if start else None
    return core[opener.end() if opener else start :]


def _named(data: bytes, end: int, rules: Rules, prose: bool) -> list[Edit]:
    sign = data[end - 1 : end]
    if sign in b":=":
        return _assigned(data, end, end - 1, rules, prose)
    if sign == b",":
        return _paired(data, end, rules)
    if sign == b">":
        return [*xml.tagged(data, end, rules)]
    if sign == b"<":
        return _element(data, end - 1, rules)
    return _assigned(data, end, end - 3, rules, prose) if sign in b"aAdD" else []


def _assigned(data: bytes, end: int, sign: int, rules: Rules, prose: bool) -> list[Edit]:
    name = name_before(data, sign)
    if not rules.names.sensitive(name):
        return []
    start = _after_gap(data, end)
    stop = spans.text_value(data, start, in_url=end - sign > 1)
    if data[sign : sign + 1] == b":" and data[end : end + 1] in (b" ", b"\t") and data[sign - 1] not in b"\"'`":
        if prose and not _looks_secret(data[start:stop]):
            return []
        if not prose and data[: max(0, sign - len(name))][-1:] in (b"", b"\n", b"\r"):  # a header, a line of YAML
            stop = max(stop, _line_end(data, start))
    return _edit(data, start, stop, name)


def _looks_secret(word: bytes) -> bool:
    return len(word) >= 20 or (len(word) >= 4 and not word.isalpha())


def _line_end(data: bytes, start: int) -> int:
    line = _LINE.match(data, start)
    return line.end() if line else start


def _parameter(data: bytes, end: int, rules: Rules) -> list[Edit]:
    sign = end - 1 if data[end - 1 : end] == b"=" else end - 3
    name = name_before(data, sign)
    if not rules.names.sensitive_parameter(name) and not (name in (b"code", b"state") and _is_callback(data, end)):
        return []
    return _edit(data, end, spans.text_value(data, end, in_url=end - sign > 1), name)


def _is_callback(data: bytes, end: int) -> bool:
    """``code`` and ``state`` are secrets where one URL has both: the answer of an authorization server."""
    head = _END_OF_URL.split(data[max(0, end - _LONGEST_URL) : end])[-1]
    url = head + _END_OF_URL.split(data[end : end + _LONGEST_URL], maxsplit=1)[0]
    return all(re.search(rb"(?:[?&;#]|%%26|%%3f|u0026)%b(?:=|%%3d)" % name, url, re.I) for name in (b"code", b"state"))


def _paired(data: bytes, end: int, rules: Rules) -> list[Edit]:
    """``("password", "hunter2")``: a list of pairs, as headers are printed."""
    name = name_before(data, end - 1)
    if not rules.names.sensitive(name):
        return []
    head = data[max(0, end - _LOOK_BACK) : end]
    if not _FIRST_OF_PAIR.search(head[: head.rfind(name)]):
        return []
    start = _after_gap(data, end)
    return _edit(data, start, spans.text_value(data, start), name)


def _element(data: bytes, end: int, rules: Rules) -> list[Edit]:
    name = name_before(data, end)
    return [*xml.named(data, data.rfind(name, 0, end), end, name)] if rules.names.sensitive(name) else []


def _after_gap(data: bytes, position: int) -> int:
    gap = _GAP.match(data, position)
    return gap.end() if gap else position


def _edit(data: bytes, start: int, stop: int, name: bytes) -> list[Edit]:
    value = data[start:stop]
    if not is_secret(name, value):
        return []
    quote = value[:1] if value[:1] in (b'"', b"'", b"`") else b""
    return [Edit(start, stop, name, "name", quote + MASK + quote)]
