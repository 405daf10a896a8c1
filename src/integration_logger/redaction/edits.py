"""What is to be masked in some bytes, and the masking itself: by position, every other byte as it was."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

MASK: Final = b"[REDACTED]"


class Edit(NamedTuple):
    """One stretch of bytes that must not be kept."""

    start: int
    end: int
    name: str
    """Of what is masked; empty for a value that is known by its shape."""
    reason: str
    mask: bytes = MASK

    def moved(self, by: int) -> Edit:
        """Return the edit as it is in a longer text that begins so many bytes earlier."""
        return self._replace(start=self.start + by, end=self.end + by)


def apply(data: bytes, edits: list[Edit], limit: int | None = None) -> bytes:
    """Return the data with the edits made, cut to ``limit`` bytes; the edits are sorted and do not overlap."""
    parts: list[bytes] = []
    position = 0
    for start, end, _, _, mask in edits:
        if limit is not None and start >= limit:
            break
        parts += (data[position:start], mask)
        position = end
    parts.append(data[position:limit])
    return b"".join(parts)[:limit]


def merge(edits: Iterable[Edit]) -> list[Edit]:
    """Sort the edits; of those that overlap the first stays, as far as the last of them reaches."""
    merged: list[Edit] = []
    for edit in sorted(edits):
        if not merged or edit.start >= merged[-1].end:
            merged.append(edit)
        elif edit.end > merged[-1].end:
            merged[-1] = merged[-1]._replace(end=edit.end)
    return merged


class Decoded(NamedTuple):
    """Bytes after an encoding was undone, and the way back to where each of them stood."""

    data: bytes
    offsets: list[int]
    """Where each stretch that was copied or decoded as one begins in ``data``; then its length."""
    positions: list[int]
    """Where the same stretches begin in the original; then its length."""

    def restore(self, edit: Edit, encode: Callable[[bytes], bytes]) -> Edit:
        """Return an edit of ``data`` as one of the original bytes."""
        start, _ = self._stretch(edit.start)
        _, end = self._stretch(edit.end)
        return edit._replace(start=start, end=end, mask=encode(edit.mask))

    def _stretch(self, offset: int) -> tuple[int, int]:
        """Return where the byte at ``offset`` stood; for one that was decoded, where its encoding begins and ends."""
        index = bisect_right(self.offsets, offset) - 1
        begin, within = self.positions[index], offset - self.offsets[index]
        if not within:
            return begin, begin
        end = self.positions[index + 1]
        copied = end - begin == self.offsets[index + 1] - self.offsets[index]
        return (begin + within, begin + within) if copied else (begin, end)


def decode(data: bytes, encoded: re.Pattern[bytes], replace: Callable[[bytes], bytes]) -> Decoded:
    """Undo an encoding: whatever the pattern finds is replaced, the rest copied."""
    parts: list[bytes] = []
    offsets, positions = [], []
    offset = position = 0
    for match in encoded.finditer(data):
        start, end = match.span()
        for part, begin in ((data[position:start], position), (replace(match[0]), start)):
            parts.append(part)
            offsets.append(offset)
            positions.append(begin)
            offset += len(part)
        position = end
    parts.append(data[position:])
    offsets += (offset, offset + len(data) - position)
    positions += (position, len(data))
    return Decoded(b"".join(parts), offsets, positions)
