"""Any Python value as plain data that every encoder takes: bounded, without cycles, and never an exception.

For what a host hands over itself: variables of scripts, savepoints of runs, bodies of calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import date, datetime, time
from enum import Enum
from itertools import islice
from math import isfinite
from typing import Any, Final

import msgspec

from integration_logger.texts import MAX_TEXT, safe_text

DEEPEST: Final = 12
MAX_ITEMS: Final = 1_000
"""Members and items of one value, at all depths together."""
MAX_CHARACTERS: Final = 64 * 1024
"""Characters of all its texts together."""
_WRITTEN_OUT: Final = 4_000
"""Bits of the longest whole number that is written out."""
_MORE: Final = "\N{HORIZONTAL ELLIPSIS}"
_NO_MEMBERS: Final = object()


def plain(value: object) -> Any:
    """Return a value as dicts, lists, texts, numbers, true, false and none."""
    return Plain().of(value)


class Plain:
    """Turns values into plain data, with one bound for all that it is given."""

    __slots__ = ("_around", "_items", "_longest", "_room", "cut")

    def __init__(self, items: int = MAX_ITEMS, characters: int = MAX_CHARACTERS, longest: int = MAX_TEXT) -> None:
        self._items = items
        self._room = characters
        self._longest = longest
        self._around: set[int] = set()
        """What the value at hand lies in, to notice one that lies in itself."""
        self.cut = False
        """True where something was left out."""

    def of(self, value: Any) -> Any:
        """Return the plain form of a value; what is lazy, such as an iterator or a query, is not asked."""
        kind = type(value)
        if kind is str:
            return self._text(value)
        if value is None or kind is bool:
            return value
        try:
            if kind is int:
                return _whole(value)
            if kind is dict or kind is list or kind is tuple:
                return self._compound(value)
            return self._other(value)
        except Exception:  # an object of the host that cannot be looked at
            return f"<{kind.__name__} that could not be read>"

    def _other(self, value: Any) -> Any:
        if isinstance(value, float):
            return float(value) if isfinite(value) else str(float(value))
        if isinstance(value, Enum):
            return self.of(value.value)
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int):
            return _whole(int(value))
        if isinstance(value, bytes | bytearray | memoryview):
            return self._bytes(value)
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        if isinstance(value, BaseException):
            return self._text(f"{type(value).__name__}: {safe_text(value)}")
        return self._compound(value)

    def _compound(self, value: Any) -> Any:
        if id(value) in self._around:
            return "<itself>"
        if len(self._around) >= DEEPEST:
            self.cut = True
            return _MORE
        self._around.add(id(value))
        try:
            if type(value) is list:
                return self._list(value)
            members = _members(value)
            if members is not _NO_MEMBERS:
                return self._mapping(members)
            if isinstance(value, Sequence | Set | deque):
                return self._list(value)
        finally:
            self._around.discard(id(value))
        if hasattr(type(value), "__iter__") or hasattr(type(value), "__aiter__"):
            return f"<{type(value).__name__}>"
        return self._text(value)

    def _mapping(self, members: Mapping[Any, Any]) -> dict[str, Any]:
        found = {self._text(name): self.of(item) for name, item in self._some(members.items())}
        if left := len(members) - len(found):
            self.cut = True
            found[_MORE] = f"{left} more"
        return found

    def _list(self, items: Sequence[Any] | Set[Any] | deque[Any]) -> list[Any]:
        found = [self.of(item) for item in self._some(items)]
        if left := len(items) - len(found):
            self.cut = True
            found.append(f"{_MORE} {left} more")
        return found

    def _some(self, items: Iterable[Any]) -> Iterable[Any]:
        """Yield as many as there is room for; taken at once, because another thread may change them."""
        taken = [*islice(items, max(self._items, 0))]
        for item in taken:
            if self._items <= 0 or self._room <= 0:
                break
            self._items -= 1
            yield item

    def _text(self, value: object) -> str:
        if type(value) is str and (length := len(value)) <= self._longest and length <= self._room and value.isascii():
            self._room -= length
            return value
        limit = min(self._longest, max(self._room, 0))
        text = safe_text(value, limit)
        if len(text) > limit:
            self.cut = True
        self._room -= len(text)
        return text

    def _bytes(self, data: bytes | bytearray | memoryview) -> str:
        if len(data) <= self._longest:
            try:
                return self._text(bytes(data).decode())
            except UnicodeDecodeError:
                pass
        self.cut = True
        return f"<{len(data)} bytes>"


def _whole(value: int) -> int | str:
    bits = value.bit_length()
    if bits <= 63:
        return value
    return str(value) if bits <= _WRITTEN_OUT else f"<a whole number of {bits} bits>"


def _members(value: Any) -> Any:
    """Return the members of a dict or of a record by name; those that its author hides when it is printed are left out.

    Knows dataclasses, named tuples, and the models of attrs, msgspec and pydantic by what they say of themselves.
    """
    kind: Any = type(value)
    if kind is dict or isinstance(value, Mapping):
        return value
    if is_dataclass(kind):
        names = [field.name for field in dataclass_fields(kind) if field.repr]
    elif isinstance(value, msgspec.Struct):
        names = [*value.__struct_fields__]
    elif isinstance(value, tuple) and hasattr(kind, "_fields"):
        return dict(zip(kind._fields, value, strict=True))
    elif hasattr(kind, "__pydantic_fields__"):
        shown = [name for name, field in kind.__pydantic_fields__.items() if field.repr]
        return {name: value.__dict__.get(name) for name in shown} | (value.__pydantic_extra__ or {})
    elif hasattr(kind, "__attrs_attrs__"):
        names = [field.name for field in kind.__attrs_attrs__ if field.repr]
    else:
        return _NO_MEMBERS
    return {name: getattr(value, name, None) for name in names}
