"""What a parameter takes: one definition that values are checked by, and that the API is documented from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec


class Value(msgspec.Struct, frozen=True):
    """One value of a parameter, as text: its JSON Schema, and what it takes in words."""

    schema: dict[str, Any]
    takes: str

    def fits(self, text: str) -> bool:
        """Tell whether the parameter takes a text."""
        return _fits(self.schema, text)

    def wrong(self, text: str) -> str | None:
        """Return what is wrong with a text, or None."""
        return None if self.fits(text) else f"takes {self.takes}"


def _fits(schema: dict[str, Any], text: str) -> bool:
    if "enum" in schema:
        return text in schema["enum"]
    if schema["type"] == "integer":
        whole = re.fullmatch(r"-?[0-9]{1,19}", text) is not None
        return whole and schema["minimum"] <= int(text) <= schema["maximum"] and not int(text) % schema["multipleOf"]
    if schema.get("format") == "date-time":
        return read_time(text) is not None
    if "pattern" in schema:
        return re.fullmatch(schema["pattern"], text) is not None
    return len(text) <= int(schema["maxLength"])


def one_of(words: Iterable[str]) -> Value:
    """One of some words."""
    listed = [*words]
    return Value({"type": "string", "enum": listed}, ", ".join(listed))


def shaped(pattern: str, takes: str) -> Value:
    """A text of a form; the pattern is anchored at both ends."""
    return Value({"type": "string", "pattern": pattern}, takes)


def whole(lowest: int, highest: int, *, step: int = 1, takes: str | None = None) -> Value:
    """A whole number."""
    schema = {"type": "integer", "minimum": lowest, "maximum": highest, "multipleOf": step}
    return Value(schema, takes or f"a whole number from {lowest} to {highest}")


def text(most: int) -> Value:
    """Any text of so many characters at most."""
    return Value({"type": "string", "maxLength": most}, f"at most {most} characters")


MOMENT: Final = Value({"type": "string", "format": "date-time"}, "an ISO 8601 time such as 2026-11-21T08:30:00Z")
"""A point in time; without a zone it is UTC."""


def read_time(text: str) -> datetime | None:
    """Return the time that a text says, in UTC; None where it says none."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
