"""A slow and plain masking of JSON to hold the fast one against: it parses every token, and knows names only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from integration_logger.redaction.names import Names

NAMES = Names()
MASK = '"[REDACTED]"'
HARMLESS = {"null", "true", "false", '""', "[]", "{}"}
_BLANKS = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[^\s,\]}]+")


def mask(text: str) -> str:
    """Return valid JSON with the value of every sensitive name masked."""
    return "".join(_value(text, _blanks(text, 0), [0])) if text.strip() else text


def _blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _end(text: str, position: int) -> int:
    if text[position] == '"':
        return int(json.decoder.scanstring(text, position + 1, True)[1])  # type: ignore[attr-defined]
    if text[position] in "{[":
        return int(json.JSONDecoder().raw_decode(text, position)[1])
    match = _SCALAR.match(text, position)
    assert match
    return match.end()


def _value(text: str, position: int, emitted: list[int]) -> Iterator[str]:
    yield from _walk(text, position, emitted)
    yield text[emitted[0] :]


def _walk(text: str, position: int, emitted: list[int]) -> Iterator[str]:
    """Yield all up to the end of each masked value below the container at the position."""
    opening = text[position]
    if opening not in "{[":
        return
    position = _blanks(text, position + 1)
    while text[position] not in "}]":
        sensitive = False
        if opening == "{":
            end = _end(text, position)
            sensitive = NAMES.sensitive(json.loads(text[position:end], strict=False).encode("utf-8", "replace"))
            position = _blanks(text, _blanks(text, end) + 1)
        end = _end(text, position)
        if sensitive and text[position:end].replace(" ", "") not in HARMLESS:
            yield text[emitted[0] : position] + MASK
            emitted[0] = end
        else:
            yield from _walk(text, position, emitted)
        position = _blanks(text, end)
        if text[position] == ",":
            position = _blanks(text, position + 1)
