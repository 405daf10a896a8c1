"""What is to be masked in some bytes, and the masking itself: by position, every other byte as it was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

MASK: Final = b"[REDACTED]"


class Edit(NamedTuple):
    """One stretch of bytes that must not be kept."""

    start: int
    end: int
    name: bytes
    """Of what is masked; empty for a value that is known by its shape."""
    reason: str
    mask: bytes = MASK

    def moved(self, by: int) -> Edit:
        """Return the edit as it is in a longer text that begins so many bytes earlier."""
        return Edit(self.start + by, self.end + by, self.name, self.reason, self.mask)


def whole(data: bytes, reason: str) -> list[Edit]:
    """Return the edit for what cannot be told apart: all of it goes."""
    return [Edit(0, len(data), b"", f"{reason}, {len(data)} bytes")]


def apply(data: bytes, edits: Iterable[Edit], limit: int | None = None) -> bytes:
    """Return the first ``limit`` bytes of the data with the edits made; they are sorted and do not overlap."""
    parts: list[bytes] = []
    position = 0
    for start, end, _, _, mask in edits:
        if limit is not None and start >= limit:
            break
        parts += (data[position:start], mask)
        position = end
    parts.append(data[position:limit])
    return b"".join(parts)


def merge(edits: Iterable[Edit]) -> list[Edit]:
    """Sort the edits; of those that overlap the first stays, as far as the last of them reaches."""
    merged: list[Edit] = []
    for edit in sorted(edits, key=_place):
        if not merged or edit.start >= merged[-1].end:
            merged.append(edit)
        elif edit.end > merged[-1].end:
            merged[-1] = merged[-1]._replace(end=edit.end)
    return merged


def fresh(data: bytes, edits: Iterable[Edit]) -> list[Edit]:
    """Return the edits that change something: what has been redacted before has nothing to tell."""
    return [edit for edit in edits if data[edit.start : edit.end] not in (edit.mask, MASK)]


def _place(edit: Edit) -> tuple[int, int, str]:
    return edit.start, -edit.end, edit.reason
