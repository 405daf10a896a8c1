"""Secrets in statements of SQL that say by position what is what: rows of an INSERT, parameters that are printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from integration_logger.redaction.edits import MASK, Edit
from integration_logger.redaction.secrecy import is_secret
from integration_logger.redaction.suspects import SQL, Hit

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

_Span = tuple[int, int]
_LONGEST: Final = 8192  # bytes of a statement before its parameters

_COLUMNS: Final = re.compile(rb"""\s++["'`\w.\[\]]++\s*+\(([^()]++)\)\s*+values?\s*+""", re.IGNORECASE)
_INSERT: Final = re.compile(rb"\binto(?=\s)", re.IGNORECASE)
_ITEM: Final = re.compile(
    rb"""\s*+((?:'(?:[^'\\]++|\\.|'')*+(?:'|\Z)|"(?:[^"\\]++|\\.)*+(?:"|\Z)|\([^()]*+\)|[^,()'"]++)*+)(,|\)|\Z)""",
    re.DOTALL,
)
_NEXT_ROW: Final = re.compile(rb"\s*+,?\s*+\(")
_FIRST_ROW: Final = re.compile(rb"\s*+\[?\s*+(?=\()")
_PLACE: Final = re.compile(rb"\?|%s|[$:][0-9]++")
_NO_VALUE: Final = re.compile(rb"\?|%s|%\(\w++\)s|[:@]\w++|\$[0-9]++(?:::[\w ]++)?|default|null", re.IGNORECASE)
_COMPARED: Final = re.compile(rb"""([\w."`\[\]]{1,192}+)\s*+(?:=|<>|!=|\bi?like\b)\s*+\Z""", re.IGNORECASE)


def edits(data: bytes, hits: Sequence[Hit], rules: Rules) -> Iterator[Edit]:
    """Yield the values whose columns are sensitive; what one statement has told is not read again for the next."""
    reached = told = 0
    for end in sorted(end for kind, _, end in hits if kind == SQL):
        if end < reached:
            continue
        is_list = data[end - 1 : end] == b":"
        names = _asked(data, max(told, end - _LONGEST), end) if is_list else _columns(data, end)
        reached, told = end, end if is_list else told
        start = _FIRST_ROW.match(data, end) if is_list else _COLUMNS.match(data, end)
        hidden = [(place, name) for place, name in enumerate(names) if rules.names.sensitive(name[-192:])]
        if start is None or not hidden:
            continue
        for row in _rows(data, start.end()):
            reached = row[-1][1]
            for place, name in hidden:
                if place < len(row):
                    yield from _edit(data, name, row[place])


def _edit(data: bytes, name: bytes, span: _Span) -> Iterator[Edit]:
    value = data[slice(*span)]
    if is_secret(name, value) and not _NO_VALUE.fullmatch(value):
        quote = value[:1] if value[:1] in (b"'", b'"') else b""
        yield Edit(*span, name, "name", quote + MASK + quote)


def _columns(data: bytes, position: int) -> list[bytes]:
    """Return the names of the columns that a statement fills; ``position`` is that after INTO."""
    listed = _COLUMNS.match(data, position)
    return [name.strip(b" \t\r\n\"'`[]") for name in listed[1].split(b",")] if listed else []


def _asked(data: bytes, start: int, end: int) -> list[bytes]:
    """Return what each parameter of the statement before a list of them is for, as far as it is told."""
    begin = data.rfind(b"[SQL:", start, end)
    if begin < 0:
        return []
    statement = data[begin:end]
    inserted = _inserted(statement)
    return [inserted.get(place.start()) or _compared(statement, place.start()) for place in _PLACE.finditer(statement)]


def _inserted(statement: bytes) -> dict[int, bytes]:
    into = _INSERT.search(statement)
    listed = _COLUMNS.match(statement, into.end()) if into else None
    if into is None or listed is None:
        return {}
    columns = _columns(statement, into.end())
    return {span[0]: name for row in _rows(statement, listed.end()) for name, span in zip(columns, row, strict=False)}


def _compared(statement: bytes, end: int) -> bytes:
    match = _COMPARED.search(statement, max(0, end - 208), end)
    return match[1].rpartition(b".")[2].strip(b'"`[]') if match else b""


def _rows(data: bytes, position: int) -> Iterator[list[_Span]]:
    """Yield where the items of each row in brackets stand: ``(1, 'a'), (2, 'b')``."""
    while opened := _NEXT_ROW.match(data, position):
        position, row, sign = opened.end(), [], b","
        while sign == b"," and (item := _ITEM.match(data, position)):
            position, sign = item.end(), item[2]
            row.append((item.start(1), item.start(1) + len(item[1].rstrip())))
        yield row
        if sign != b")":
            return
