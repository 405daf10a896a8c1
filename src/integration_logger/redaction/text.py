"""Secrets in running text: ``name=value``, ``name: value``, ``'name': 'value'``, and what is known by its shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from integration_logger.redaction import callbacks, coded, layers, pairs, pieces, spans, sql, xml
from integration_logger.redaction.edits import MASK, Edit, merge, whole
from integration_logger.redaction.names import is_alone
from integration_logger.redaction.secrecy import is_secret
from integration_logger.redaction.structure import LONGEST_NAME
from integration_logger.redaction.suspects import ESCAPE, NAME, PARAMETER, PERCENT, Hit
from integration_logger.redaction.values import Shape

if TYPE_CHECKING:
    from integration_logger.redaction.layers import Layer
    from integration_logger.redaction.rules import Rules

DEEPEST: Final = 6  # texts within strings of texts; what is wrapped more often is masked whole

_IN_NAMES: Final = bytes(c if c < 128 and (chr(c).isalnum() or chr(c) in "_-.$ []") else 0 for c in range(256))
_CLOSERS: Final = b"\"'`] \t\r\n\v\f\\)"
_ENCODED_CLOSER: Final = re.compile(rb"%(?:5D|22|27)\Z", re.IGNORECASE)
_ENCODED_OPENER: Final = re.compile(rb"(?:(?<=%)[0-9A-Fa-f]{2}|(?<=\\)(?:u[0-9A-Fa-f]{4}|[a-z]))")
_GAP: Final = re.compile(
    rb"[\s>:=]*+(?:(?<=\n)data:[ \t]*+)?(?:[bBuUrRfF]{1,2}(?=[\"'])|[A-Za-z_][\w.]{0,64}+(?=\([\"']))?"
)
_LINE: Final = re.compile(rb"[^\r\n]*+")
_FIRST_OF_PAIR: Final = re.compile(rb"""[(\[{]\s*[bBuUrR]{0,2}["']\Z""")
_QUOTES: Final = (b'"', b"'", b"`")
_ENCODED_SIGNS: Final = (b"a", b"A", b"c", b"C", b"d", b"D")  # the last of %3A, %3D, %2C and %7D


def edits(
    data: bytes, hits: Sequence[Hit], rules: Rules, *, prose: bool = False, depth: int = 0, unquoted: bool = False
) -> list[Edit]:
    """Return what the hits prove to be secret.

    In ``prose`` a word after a colon has to look like a secret. Text that comes out of a URL (``unquoted``) has
    no more escapes to undo: without that rule the ways to read a text would double with each layer.
    """
    if depth > DEEPEST:
        return whole(data, "nested too deep")
    try:
        found = _judged(data, hits, rules, prose)
    except pairs.TooMany:
        return whole(data, "too many names")
    found += by_search(data, hits, rules.shapes)
    found += sql.edits(data, hits, rules)
    found += coded.edits(data, hits, rules, depth + 1)
    if not unquoted and b"\\" in data and (found or _may_be_escaped(data, hits, rules)):
        found += _unwrapped(layers.escapes(data), data, rules, prose, depth + 1, unquoted=False)
    if (b"%" in data or b"+" in data) and any(_may_be_encoded(data, hit, rules) for hit in hits):
        found += _unwrapped(layers.percent(data), data, rules, prose, depth + 1, unquoted=True)
    return merge(found)


def _judged(data: bytes, hits: Sequence[Hit], rules: Rules, prose: bool) -> list[Edit]:
    """Return what each hit proves, but for those within what another one has proved."""
    beside = pairs.Beside(data)
    found: list[Edit] = []
    reached = 0
    for position, hit in sorted((hit[1] if hit[0] >= 0 else hit[2], hit) for hit in hits):
        if position >= reached and (edits := _judge(data, hit, rules, prose, beside)):
            found += edits
            reached = max(reached, edits[-1].end)
    return found


def _may_be_escaped(data: bytes, hits: Sequence[Hit], rules: Rules) -> bool:
    return any(
        kind == ESCAPE or (kind == NAME and rules.names.sensitive(name_before(data, end - 1))) for kind, _, end in hits
    )


def _may_be_encoded(data: bytes, hit: Hit, rules: Rules) -> bool:
    """Tell whether a name, or something else, may only be seen with the encoding of URLs undone."""
    kind, _, end = hit
    if kind != NAME:
        return kind == PERCENT
    at = _sign(data, end)
    before = data[max(0, at - LONGEST_NAME) : at]
    if at == end - 1 and b"%" not in before:
        return False
    name = layers.percent(before).data
    return rules.names.sensitive(name_before(name, len(name)))


def _sign(data: bytes, end: int) -> int:
    """Return where the sign begins that ends a hit: it may be encoded."""
    return end - 3 if data[end - 1 : end] in _ENCODED_SIGNS else end - 1


def _unwrapped(layer: Layer, data: bytes, rules: Rules, prose: bool, depth: int, *, unquoted: bool) -> Iterator[Edit]:
    if layer.data != data:
        for edit in edits(layer.data, rules.hits(layer.data), rules, prose=prose, depth=depth, unquoted=unquoted):
            yield layer.restore(edit)


def by_shape(data: bytes, hit: Hit, shapes: Sequence[Shape]) -> list[Edit]:
    """Return the secret that begins at a hit, if its shape is that of one."""
    kind, start, _ = hit
    if kind < 0 or not shapes[kind].anchored:
        return []
    match = shapes[kind].exact.match(data, start)
    secret = match is not None and shapes[kind].holds(match[1])
    return [Edit(*match.span(1), b"", shapes[kind].reason)] if match is not None and secret else []


def by_shapes(data: bytes, hits: Sequence[Hit], shapes: Sequence[Shape]) -> list[Edit]:
    """Return all secrets that are known by their shape."""
    found = [*by_search(data, hits, shapes)]
    reached = 0
    for hit in sorted(hits, key=_start):
        if hit[1] >= reached and (edits := by_shape(data, hit, shapes)):
            found += edits
            reached = edits[-1].end
    return found


def _start(hit: Hit) -> int:
    return hit[1]


def by_search(data: bytes, hits: Sequence[Hit], shapes: Sequence[Shape]) -> Iterator[Edit]:
    """Yield the secrets of which the hits do not say where they begin."""
    for shape in {shapes[kind] for kind, _, _ in hits if kind >= 0 and not shapes[kind].anchored}:
        for match in shape.exact.finditer(data):
            yield Edit(*match.span(1), b"", shape.reason)


def name_before(data: bytes, end: int) -> bytes:
    """Return the name that ends at ``end``, quotes, brackets and blanks not counted."""
    core = data[max(0, end - LONGEST_NAME) : end].rstrip(_CLOSERS)
    while core.endswith((b"5D", b"5d", b"22", b"27")) and (encoded := _ENCODED_CLOSER.search(core)):
        core = core[: encoded.start()].rstrip(_CLOSERS)
    start = core.translate(_IN_NAMES).rfind(b"\0") + 1
    opener = _ENCODED_OPENER.match(core, start) if start else None
    return core[opener.end() if opener else start :]


def _judge(data: bytes, hit: Hit, rules: Rules, prose: bool, beside: pairs.Beside) -> list[Edit]:
    kind, _, end = hit
    if kind == PARAMETER:
        return _parameter(data, end, rules)
    if kind != NAME:
        return by_shape(data, hit, rules.shapes)
    sign = data[end - 1 : end]
    if sign == b">":
        return [*xml.tagged(data, end, rules)]
    at = _sign(data, end)
    name = name_before(data, at)
    if not rules.names.sensitive(name) and not is_alone(name):
        return []
    if sign == b"<":
        return [*xml.named(data, data.rfind(name, 0, at), at, name)]
    if data[at : at + 2] in (b"%2", b"%7"):  # is seen with the encoding undone
        return []
    return _paired(data, at, end, name, beside.value) if sign in (b",", b"}") else _assigned(data, at, end, name, prose)


def _assigned(data: bytes, sign: int, end: int, name: bytes, prose: bool) -> list[Edit]:
    begin = data.rfind(name, 0, sign)
    is_bare = data[sign : sign + 1] == b":" and data[sign - 1 : sign] not in _QUOTES
    if is_bare and is_alone(name):  # of what passes, tests and people, one reads so
        prose = True
        if not name.islower():
            return []
    if is_bare and not prose and (head := _END_OF_LINE.match(data, end)):
        stop = spans.block(data, begin, head.end())
        if stop > head.end():  # the lines below, as in YAML
            return _edit(data, _after_gap(data, head.end()), stop, name)
    start = _after_gap(data, end)
    if name.lstrip().startswith(b"$") and is_bare and (declared := _DECLARED.match(data, end)):
        start = declared.end()  # of a variable of GraphQL its type is told, and perhaps a default
        return _edit(data, start, spans.text_value(data, start), name) if declared[1] else []
    stop = spans.text_value(data, start, _style(data, begin, sign, end))
    if data[end - 1 : end] == b"=" and data[start : start + 1] not in _QUOTES:
        stop = max(stop, spans.connected(data, begin, start))
    if is_bare and data[end : end + 1] in (b" ", b"\t"):
        if prose and not _looks_secret(data[start:stop]):
            return []
        if not prose and _begins_line(data, begin):  # a header, a line of YAML
            stop = max(stop, spans.block(data, begin, _line_end(data, start)))
    return _edit(data, start, stop, name)


_DECLARED: Final = re.compile(rb"\s*+\[?\s*+[A-Z]\w*+!?\s*+\]?!?(?:\s*+(=)\s*+|(?=\s*+[,)$@]))")
_END_OF_LINE: Final = re.compile(rb"[ \t]*+(?:[|>][+-]?[0-9]?[+-]?[ \t]*+)?(?=[\r\n])")
_BEFORE_NAMES: Final = b" \t<>*|#-"
_LINE_BEGINS: Final = re.compile(rb"[\r\n][%b]*+\Z" % re.escape(_BEFORE_NAMES))


def _begins_line(data: bytes, begin: int) -> bool:
    """Tell whether a name is the first of its line, signs of lists, quotations and dumps aside."""
    before = data[max(0, begin - 8) : begin]
    return _LINE_BEGINS.search(before) is not None or (begin <= 8 and not before.strip(_BEFORE_NAMES))


def _style(data: bytes, begin: int, sign: int, end: int) -> spans.Style:
    if end - sign > 1:
        return spans.ENCODED
    return spans.IN_QUERY if data[begin - 1 : begin] in (b"?", b"&") and begin else spans.IN_TEXT


def _looks_secret(word: bytes) -> bool:
    return len(word) >= 20 or (len(word) >= 4 and not word.strip(b".,!?").isalpha())


def _line_end(data: bytes, start: int) -> int:
    line = _LINE.match(data, start)
    return line.end() if line else start


def _parameter(data: bytes, end: int, rules: Rules) -> list[Edit]:
    sign = end - 1 if data[end - 1 : end] == b"=" else end - 3
    name = name_before(data, sign)
    if name.endswith(b"input_value"):
        return _refused(data, end, rules)
    listed = rules.names.sensitive_parameter(name) and not rules.names.sensitive(name)  # those are hits of their own
    if not listed and name not in (b"code", b"state"):
        return []
    begin = data.rfind(name, 0, sign)
    if not _BEFORE_PARAMETER.search(data, max(0, begin - 6), begin):
        return []
    if not listed and not callbacks.hands_over(data, end, name):
        return []
    return _edit(data, end, spans.text_value(data, end, _style(data, begin, sign, end)), name)


def _refused(data: bytes, end: int, rules: Rules) -> list[Edit]:
    """Return the edit for a value that pydantic quotes, where the line before the message names what is secret."""
    message = data.rfind(b"\n  ", max(0, end - pairs.REACH), end)
    name = data[data.rfind(b"\n", max(0, message - LONGEST_NAME), message) + 1 : message] if message >= 0 else b""
    if not name.strip() or not rules.names.sensitive(name[-LONGEST_NAME:]):
        return []
    return _edit(data, end, spans.text_value(data, end), name)


_BEFORE_PARAMETER: Final = re.compile(rb"(?:[?&;#]|\\u0026|%26|%3f)\Z", re.IGNORECASE)


def _paired(
    data: bytes, sign: int, end: int, name: bytes, value_beside: Callable[[int, int], int | None]
) -> list[Edit]:
    """``("password", "hunter2")``, as headers are printed, and ``{"name": "password", "value": "hunter2"}``."""
    begin = data.rfind(name, 0, sign)
    beside = value_beside(begin, begin + len(name))
    is_option = data[end - 1 : end] == b"," and name.startswith(b"--")  # of a command: ["mysql", "--password", "x"]
    if (
        beside is None
        and not is_option
        and (data[end - 1 : end] == b"}" or not _FIRST_OF_PAIR.search(data[max(0, begin - 8) : begin]))
    ):
        return []
    start = _after_gap(data, end if beside is None else beside)
    return _edit(data, start, spans.text_value(data, start), name)


def _after_gap(data: bytes, position: int) -> int:
    gap = _GAP.match(data, position)
    return gap.end() if gap else position


def _edit(data: bytes, start: int, stop: int, name: bytes) -> list[Edit]:
    value = data[start:stop]
    if not is_secret(name, value) or _is_placeholder(data, start, name) or pieces.is_piece(data, name, start):
        return []
    quote = value[:1] if value[:1] in _QUOTES else b""
    return [Edit(start, stop, name.split()[-1], "name", quote + MASK + quote)]


_PLACEHOLDER: Final = re.compile(
    rb"""["']?(?:%s|\?|\$[0-9]{1,2}|\$(\w+)|\$\{(\w+)\}|\{\{?\s*+(\w+)\s*+\}?\}|%\((\w+)\)s|:(\w+)|<(\w+)>)"""
    rb"""(?=["')\]},;&\s]|\Z)"""
)


def _is_placeholder(data: bytes, start: int, name: bytes) -> bool:
    """Tell whether a value only says where one of this name will be put: ``password: $password``, ``token=%s``."""
    match = _PLACEHOLDER.match(data, start)
    if match is None:
        return False
    said = match[match.lastindex] if match.lastindex else name
    return said.lower().replace(b"_", b"").endswith(name.split()[-1].lower().strip(b"$-.").replace(b"_", b""))
