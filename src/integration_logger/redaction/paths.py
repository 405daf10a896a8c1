"""Places that the host knows to be secret: ``header:X-Customer``, ``json:$.customer.tax_id``, ``xml:TaxId``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from integration_logger.errors import ConfigurationError
from integration_logger.redaction import layers, spans
from integration_logger.redaction.edits import MASK, Edit
from integration_logger.redaction.xml import content_of

KINDS: Final = ("header", "query", "form", "xml", "json")
"""What a path may begin with."""

_STEP: Final = re.compile(r"""(\.\.)?\.?(?:([\w$-]+)|(\*)|\[(?:(\*)|(\d+)|'([^']+)'|"([^"]+)")\])""")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{},]|[^\s\[\]{},":]++', re.DOTALL)
_COLON: Final = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")
_MASK: Final = b'"' + MASK + b'"'


class Step(NamedTuple):
    """One step of a JSON path."""

    key: bytes | int | None
    """Of an object, or a place in a list; None for each of either."""
    deep: bool
    """Whether it may be any number of steps further down (``..``)."""


Path = tuple[Step, ...]


class Paths:
    """The paths of one Redactor, by what they look into."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        found: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for path in _given(paths):
            kind, _, rest = path.partition(":")
            if kind not in found or not rest.strip():
                raise ConfigurationError(f"Redactor: a path begins with one of {', '.join(KINDS)} and :, not {path!r}")
            found[kind].add(rest.strip())
        self.headers = frozenset(name.lower().encode() for name in found["header"])
        self.query = frozenset(name.encode() for name in found["query"])
        self.form = frozenset(name.encode() for name in found["form"])
        self._elements = [_element(name) for name in sorted(found["xml"])]
        self._json = [_steps(path) for path in sorted(found["json"])]
        self.in_bodies = bool(self.form or self._elements or self._json)

    def may_lead_into(self, data: bytes) -> bool:
        """Tell whether a document has all the keys of one of the paths."""
        return any(_may_lead(path, data) for path in self._json)

    def in_json(self, data: bytes) -> Iterator[Edit]:
        """Yield what the paths lead to in a document, in lines of documents, or in the beginning of one."""
        if self.may_lead_into(data):
            yield from _walk(data, self._json)

    def in_xml(self, data: bytes) -> Iterator[Edit]:
        """Yield what the named elements hold."""
        for pattern in self._elements:
            for tag in pattern.finditer(data):
                for edit in content_of(data, *tag.span(), tag[1]):
                    yield edit._replace(reason="path")


def _given(paths: Iterable[str]) -> list[str]:
    listed = [] if isinstance(paths, str) or not isinstance(paths, Iterable) else [*paths]
    if isinstance(paths, str) or not isinstance(paths, Iterable) or not all(isinstance(path, str) for path in listed):
        raise ConfigurationError(f"Redactor: paths takes a list such as ['json:$.customer.tax_id'], not {paths!r}")
    return listed


def _element(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"<(?:[\w.-]+:)?(%b)(?=[\s>])[^<>]*(?<!/)>" % re.escape(name.encode()))


def _steps(path: str) -> Path:
    steps: list[Step] = []
    position = 1 if path.startswith("$") else 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise ConfigurationError(f"Redactor: cannot read the JSON path {path!r} from {path[position:]!r} on")
        deep, name, _, _, index, *quoted = match.groups()
        key = name or quoted[0] or quoted[1]
        steps.append(Step(int(index) if index else key.encode() if key else None, deep is not None))
        position = match.end()
    if not steps:
        raise ConfigurationError(f"Redactor: the JSON path {path!r} names no value")
    return tuple(steps)


def _may_lead(path: Path, data: bytes) -> bool:
    return b"\\u" in data or all(not isinstance(step.key, bytes) or step.key in data for step in path)


class _Container:
    """A list or an object on the way, and how far along each path it is."""

    __slots__ = ("index", "key", "reached")

    def __init__(self, reached: frozenset[Path], *, is_list: bool) -> None:
        self.reached = reached
        self.index = 0 if is_list else -1
        self.key: bytes | None = None

    def at(self) -> bytes | int | None:
        return self.key if self.index < 0 else self.index


def _walk(data: bytes, paths: list[Path]) -> Iterator[Edit]:
    """Go through the values of a document; what no path leads into is passed over in one step."""
    stack: list[_Container] = []
    position = 0
    while token := _TOKEN.search(data, position):
        start, position, sign = token.start(), token.end(), token[0]
        if sign in b"]}":
            del stack[-1:]
        elif sign == b",":
            if stack:
                stack[-1].index += stack[-1].index >= 0
                stack[-1].key = None
        elif stack and stack[-1].index < 0 and stack[-1].key is None:
            stack[-1].key = layers.escapes(sign.strip(b'"')).data
            colon = _COLON.match(data, position)
            position = colon.end() if colon else position
        else:
            reached = _further(stack[-1].reached, stack[-1].at()) if stack else frozenset(paths)
            if () in reached:
                position = spans.json_value(data, start)
                if sign != b"null":
                    yield Edit(start, position, _name(stack), "path", _MASK)
            elif sign in b"[{" and reached:
                stack.append(_Container(reached, is_list=sign == b"["))
            else:
                position = spans.json_value(data, start)


def _name(stack: list[_Container]) -> bytes:
    return next((container.key for container in reversed(stack) if container.key), b"")


def _further(reached: frozenset[Path], at: bytes | int | None) -> frozenset[Path]:
    """Return what is left of each path one step on."""
    further = {path[1:] for path in reached if path[0].key in (at, None)}
    return frozenset(further.union(path for path in reached if path[0].deep))
