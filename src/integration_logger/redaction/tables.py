"""Secrets in tables: the cells of a column whose heading is a sensitive name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from integration_logger.redaction.edits import Edit
from integration_logger.redaction.secrecy import is_secret

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

_HEADINGS: Final = re.compile(rb"(?:\xef\xbb\xbf)?[^\r\n]*+")
_CELLS: Final = {
    delimiter: re.compile(rb'[ ]*+("(?:[^"]++|"")*+(?:"|\Z)|)([^%b\r\n]*+)(%b|\r\n|\r|\n|\Z)' % (sign, sign))
    for delimiter, sign in ((b",", b","), (b";", b";"), (b"\t", b"\t"), (b"|", rb"\|"))
}


def edits(data: bytes, rules: Rules) -> Iterator[Edit]:
    """Yield what stands in the columns of CSV whose headings are sensitive; the first line tells what divides cells."""
    headings = _HEADINGS.match(data)
    first = headings[0] if headings else b""
    delimiter = max(_CELLS, key=first.count)
    cells = _CELLS[delimiter]
    names = [match[1].strip(b'"') + match[2] for match in cells.finditer(first)]
    hidden = {column: name.strip() for column, name in enumerate(names) if rules.names.sensitive(name.strip()[-192:])}
    if not hidden:
        return
    column = 0
    for match in cells.finditer(data, len(first) + 1):
        name = hidden.get(column)
        if name is not None and is_secret(name, match[1] + match[2]):
            yield Edit(match.start(1), match.end(2), name, "name")
        column = column + 1 if match[3] == delimiter else 0
