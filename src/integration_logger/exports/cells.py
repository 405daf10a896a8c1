"""Cells of a CSV file: quoted where they must be, and none that a spreadsheet takes for a formula.

A column is written at once. Most have few values or plain ones, and what is true of all need not be asked of each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from integration_logger import codec
from integration_logger.stores.columns import json_text

_SIGNS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20"
"""What formulas begin with, full-width forms included, as a part of a class of characters."""
_DROPPED: Final = (
    "'\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
)
"""What a spreadsheet may drop before a formula, as LibreOffice does a NUL; the apostrophe, so that ours can be told."""
_BLANK: Final = " \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_FORMULA: Final = re.compile(f"[{_DROPPED}{_BLANK}]*[{_SIGNS}\t\r\n]")
_SUSPECT: Final = re.compile(f"[{_DROPPED}{_BLANK}{_SIGNS}\t\r\n]")
_DIVIDED: Final = re.compile("[;\t\r\n]")
"""Where a cell ends for a spreadsheet whose columns are divided by semicolons, as in much of the world, or tabs."""
_INNER: Final = re.compile(f"(?<=[;\t\r\n])(?=[{_DROPPED}]*[{_SIGNS}])")
_INNER_OF_JSON: Final = re.compile(f"(?<=;)([{_DROPPED}]*)([{_SIGNS}])")
_QUOTED: Final = re.compile('[",\r\n]')
_FEW: Final = 4
"""A column with a value for so many cells each is written value by value."""


def safe_text(text: str) -> str:
    """Return the text, with an apostrophe before it where it is or hides a formula, and before each formula within.

    Texts that begin so after apostrophes get one, too: so to take one off where a formula would follow gives back what
    was logged.
    """
    inner = _INNER.sub("'", text) if _DIVIDED.search(text) else text
    return f"'{inner}" if _FORMULA.match(text) else inner


def quoted(text: str) -> str:
    """Return a text as it stands between two commas (RFC 4180)."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def text_cell(text: str | None) -> str:
    """Return a captured text as a cell."""
    if text is None:
        return ""
    return quoted(safe_text(text) if _SUSPECT.match(text) or _DIVIDED.search(text) else text)


def texts(values: Sequence[str | None]) -> Sequence[str]:
    """Return captured texts as cells."""
    distinct = {*values}
    if len(distinct) * _FEW > len(values):
        plain = [value or "" for value in values]
        return plain if _are_plain(plain) else [*map(text_cell, values)]
    known = {value: text_cell(value) for value in distinct}
    return [known[value] for value in values]


def _are_plain(values: Sequence[str]) -> bool:
    together = "".join(values)
    return not any(odd in together for odd in '",;\t\r\n') and not any(
        map(_SUSPECT.match, {value[:1] for value in values})
    )


def own_words(values: Sequence[str | None]) -> Sequence[str]:
    """Return words of our own as cells: none needs a look."""
    return [value or "" for value in values]


def numbers(values: Sequence[float | None]) -> Sequence[str]:
    """Return numbers as cells; they stay numbers."""
    if None in values:
        return ["" if value is None else repr(value) for value in values]
    return [*map(repr, values)]


def truths(values: Sequence[bool]) -> Sequence[str]:
    """Return true and false, as in JSON."""
    return ["true" if value else "false" for value in values]


def times(values: Sequence[Any]) -> Sequence[str]:
    """Return times, as in JSON."""
    if None in values:
        return ["" if moment is None else codec.timestamp(moment) for moment in values]
    return [*map(codec.timestamp, values)]


def json_texts(values: Sequence[str | None]) -> Sequence[str]:
    """Return JSON of lists and objects as cells: it begins with a bracket, so it is no formula."""
    known = {value: json_cell(value) if value else "" for value in {*values}}
    return [known[value] for value in values]


def json_cell(text: str) -> str:
    """Return JSON as a cell. A formula within is escaped, as JSON can: what it reads back to is the same."""
    escaped = _INNER_OF_JSON.sub(lambda match: f"{match[1]}\\u{ord(match[2]):04x}", text) if ";" in text else text
    return quoted(escaped)


def mixed(values: Sequence[Any]) -> Sequence[str]:
    """Return values of any type as cells, each as its type is."""
    return [*map(_cell, values)]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return text_cell(value) if value is None or isinstance(value, str) else json_cell(json_text(value))


Cells = Callable[..., Sequence[str]]
"""Writes a column, given the values of the fields that it is made of."""
