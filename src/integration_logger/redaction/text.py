"""Secrets in running text: ``name=value``, ``name: value``, ``'name': 'value'``, and what is known by its shape."""

from __future__ import annotations

import re
from typing import Final

from integration_logger.redaction import spans
from integration_logger.redaction.edits import MASK, Edit, merge
from integration_logger.redaction.names import Names
from integration_logger.redaction.scan import NAME, PAIR, PARAMETER, Hit
from integration_logger.redaction.values import Shape

_LOOK_BACK: Final = 192  # bytes before a separator that are searched for the name
_IN_NAMES: Final = bytes(c if c < 128 and (chr(c).isalnum() or chr(c) in "_-.$ ") else 0 for c in range(256))
_CLOSERS: Final = b"\"'`] \t\r\n\\)"
_ENCODED_CLOSER: Final = re.compile(rb"%(?:5D|22|27)\Z", re.IGNORECASE)
_OPENER: Final = re.compile(rb"(?:(?<=%)[0-9A-Fa-f]{2}|(?<=\\)(?:u[0-9A-Fa-f]{4}|[a-z]))")
_GAP: Final = re.compile(rb"[\s>:=]*+(?:[bBuUrRfF]{1,2}(?=[\"'])|[A-Za-z_][\w.]{0,64}(?=\([\"']))?")
_LINE: Final = re.compile(rb"[^\r\n]*+")
_PAIR_START: Final = re.compile(rb"""[(\[{]\s*[bBuUrR]{0,2}["']\Z""")
_EMPTY: Final = frozenset((b"", b"null", b"none", b"nil", b"true", b"false", b"[]", b"{}", b"undefined"))
_TWELVE_DIGITS: Final = re.compile(rb"(?:[0-9][ -]?){12}")
_END_OF_URL: Final = re.compile(rb"""[\s"'<>]""")
_LONGEST_URL: Final = 2048


def edits(data: bytes, hits: list[Hit], names: Names, shapes: tuple[Shape, ...], *, prose: bool = False) -> list[Edit]:
    """Return what the hits prove to be secret; in ``prose`` a word after a colon has to look like a secret."""
    found = by_shape(data, hits, shapes)
    for hit in hits:
        if hit.kind == NAME:
            found += _by_name(data, hit.end, names, prose)
        elif hit.kind == PAIR:
            found += _by_pair(data, hit.end, names)
        elif hit.kind == PARAMETER:
            found += _by_parameter(data, hit.end, names)
    return merge(found)


def by_shape(data: bytes, hits: list[Hit], shapes: tuple[Shape, ...]) -> list[Edit]:
    """Return the secrets that are known by their shape."""
    found = []
    for kind, start in {(hit.kind, hit.start if shapes[hit.kind].anchored else 0) for hit in hits if hit.kind >= 0}:
        shape = shapes[kind]
        matches = [shape.exact.match(data, start)] if shape.anchored else shape.exact.finditer(data)
        found += [Edit(*m.span(1), "", shape.reason) for m in matches if m and shape.holds(m[1])]
    return found


def is_secret(name: str, value: bytes) -> bool:
    """Tell whether the value of a sensitive name is worth masking: null, booleans and empty texts are not."""
    if value.strip(b"\"'` \t\r\n").lower() in _EMPTY:
        return False
    # In a mail, cc is a list of people; elsewhere it is a credit card.
    return name.lower().rstrip("0123456789_-")[-2:] != "cc" or _TWELVE_DIGITS.search(value) is not None


def name_before(data: bytes, end: int) -> str:
    """Return the name that ends at ``end``, quotes, brackets and blanks not counted."""
    core = data[max(0, end - _LOOK_BACK) : end].rstrip(_CLOSERS)
    while encoded := _ENCODED_CLOSER.search(core):
        core = core[: encoded.start()].rstrip(_CLOSERS)
    start = core.translate(_IN_NAMES).rfind(b"\0") + 1
    opener = _OPENER.match(core, start)
    return core[opener.end() if opener else start :].decode("ascii", "replace")


def _separator(data: bytes, end: int) -> int:
    return end - 3 if data[end - 3 : end - 2] == b"%" else end - 1


def _by_name(data: bytes, end: int, names: Names, prose: bool) -> list[Edit]:
    separator = _separator(data, end)
    name = name_before(data, separator)
    if not names.sensitive(name):
        return []
    start = _after_gap(data, end)
    stop = spans.text_value(data, start)
    bare = data[separator - 1 : separator] not in b"\"'`"
    if bare and data[separator : separator + 1] == b":" and data[end : end + 1] in (b" ", b"\t"):
        if prose and not _looks_secret(data[start:stop]):
            return []
        if not prose and _begins_line(data, separator, name):
            stop = max(stop, _LINE.match(data, start).end())  # type: ignore[union-attr]
    return _edit(data, start, stop, name)


def _begins_line(data: bytes, separator: int, name: str) -> bool:
    return data[: separator - len(name)][-1:] in (b"", b"\n", b"\r")


def _looks_secret(word: bytes) -> bool:
    return len(word) >= 20 or (len(word) >= 4 and not word.isalpha())


def _by_parameter(data: bytes, end: int, names: Names) -> list[Edit]:
    name = name_before(data, _separator(data, end))
    if not names.sensitive_parameter(name) and not (name in ("code", "state") and _is_callback(data, end)):
        return []
    return _edit(data, end, spans.text_value(data, end), name)


def _is_callback(data: bytes, end: int) -> bool:
    """``code`` and ``state`` are secrets where one URL has both: the answer of an authorization server."""
    begin = max(0, end - _LONGEST_URL)
    head = _END_OF_URL.split(data[begin:end])[-1]
    url = head + _END_OF_URL.split(data[end : end + _LONGEST_URL])[0]
    return all(re.search(rb"[?&;#](?:amp;)?" + name + rb"=", url) for name in (b"code", b"state"))


def _by_pair(data: bytes, end: int, names: Names) -> list[Edit]:
    """``("password", "hunter2")``: a list of pairs, as headers are printed."""
    if data[end - 1 : end] != b",":
        return []
    name = name_before(data, end - 1)
    head = data[max(0, end - _LOOK_BACK) : end]
    if not names.sensitive(name) or not _PAIR_START.search(head[: head.rfind(name.encode())]):
        return []
    start = _after_gap(data, end)
    return _edit(data, start, spans.text_value(data, start), name)


def _after_gap(data: bytes, position: int) -> int:
    gap = _GAP.match(data, position)
    return gap.end() if gap else position


def _edit(data: bytes, start: int, stop: int, name: str) -> list[Edit]:
    value = data[start:stop]
    if not is_secret(name, value):
        return []
    quote = value[:1] if value[:1] in (b'"', b"'", b"`") else b""
    return [Edit(start, stop, name, "name", quote + MASK + quote)]
