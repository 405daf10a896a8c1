"""Secrets in the tags of XML and HTML: what stands in a sensitive element, and values beside a sensitive name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from integration_logger.redaction.edits import MASK, Edit
from integration_logger.redaction.secrecy import is_secret

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

_LONGEST_TAG: Final = 4096
_TAG: Final = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)(?=[\s/>])[^<>]*>\Z")
_ENTITY: Final = re.compile(rb"""<!ENTITY\s+(?:%\s+)?([\w.:-]+)\s+("[^"]*"|'[^']*')""")
_ATTRIBUTE: Final = re.compile(rb"""(?<=\s)([\w.:-]+)\s*=\s*("[^"]*"|'[^']*')(?=[\s/>])""")
_NAMING: Final = frozenset((b"name", b"key", b"id", b"field", b"property"))
_VALUES: Final = frozenset((b"value", b"val", b"content", b"default"))
_NAME_ELEMENT: Final = re.compile(
    rb"<(?:(?:[\w.-]+:)?(?:name|key|field|property)(?:\s[^<>]*)?|(string))>\s*\Z", re.IGNORECASE
)
_ENTRY: Final = re.compile(rb"<entry>\s*\Z")
_NEXT_ELEMENT: Final = re.compile(rb"</[\w.:-]+\s*>\s*<([\w.:-]+)[^<>]*>")


def tagged(data: bytes, end: int, rules: Rules) -> Iterator[Edit]:
    """Yield what is secret by the tag that ends at ``end``."""
    start = data.rfind(b"<", max(0, end - _LONGEST_TAG), end)
    tag = _TAG.match(data, start, end) if start >= 0 else None
    if tag is None:
        entity = _ENTITY.match(data, start, end) if start >= 0 else None
        if entity and rules.names.sensitive(entity[1]):
            yield Edit(entity.start(2) + 1, entity.end(2) - 1, entity[1], "name")
        return
    attributes = [(match[1].lower(), match) for match in _ATTRIBUTE.finditer(data, start, end)]
    name = next((m[2][1:-1] for key, m in attributes if key in _NAMING and rules.names.sensitive(m[2][1:-1])), b"")
    for key, match in attributes:
        if name and key in _VALUES:
            yield Edit(match.start(2) + 1, match.end(2) - 1, name, "name")
    if data[end - 2] != ord("/") and (rules.names.sensitive(tag[1]) or (name and tag[1].lower() not in _HTML)):
        yield from content_of(data, start, end, name or tag[1])


_HTML: Final = frozenset(
    b"a article aside body button details dialog div dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header input"
    b" label legend li main nav ol p section select span svg table tbody tfoot thead tr ul".split()
)
"""Elements whose id names a part of the page."""


def named(data: bytes, start: int, end: int, name: bytes) -> Iterator[Edit]:
    """Yield what stands in the element after ``<name>password</name>``, whose text goes from ``start`` to ``end``."""
    following = _NEXT_ELEMENT.match(data, end)
    tag = data.rfind(b"<", max(0, start - _LONGEST_TAG), start)
    naming = _NAME_ELEMENT.match(data, tag, start) if following and tag >= 0 else None
    if following and naming and (naming[1] is None or _ENTRY.search(data, max(0, tag - 64), tag)):
        yield from content_of(data, data.rfind(b"<", 0, following.end()), following.end(), name)


def content_of(data: bytes, start: int, end: int, name: bytes) -> Iterator[Edit]:
    """Yield the edit for all that stands between a tag and the one that closes it."""
    element = re.match(rb"<([\w.:-]+)", data[start:end])
    stop = _closing(data, end, element[1]) if element else end
    value = data[end:stop].strip()
    if value and is_secret(name, value):
        yield Edit(end, stop, name, "name", MASK)


def _closing(data: bytes, position: int, element: bytes) -> int:
    depth = 1
    sign = re.compile(rb"<!\[CDATA\[|<!--|<(/?)%b(?=[\s/>])[^<>]*?(/?)>" % re.escape(element))
    while match := sign.search(data, position):
        position = match.end()
        if unread := _UNREAD.get(match[0]):
            position = data.find(unread, position)
            if position < 0:
                break
            continue
        depth += -1 if match[1] else 0 if match[2] else 1
        if not depth:
            return match.start()
    return len(data)


_UNREAD: Final = {b"<![CDATA[": b"]]>", b"<!--": b"-->"}
"""What begins a stretch without elements, and what ends it."""
