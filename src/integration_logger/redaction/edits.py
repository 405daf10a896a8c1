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
    name: bytes
    """Of what is masked; empty for a value that is known by its shape."""
    reason: str
    mask: bytes = MASK

    def moved(self, by: int) -> Edit:
        """Return the edit as it is in a longer text that begins so many bytes earlier."""
        return self._replace(start=self.start + by, end=self.end + by)


def whole(data: bytes, reason: str) -> list[Edit]:
    """Return the edit for what cannot be told apart: all of it goes."""
    return [Edit(0, len(data), b"", f"{reason}, {len(data)} bytes")]


def apply(data: bytes, edits: Iterable[Edit], limit: int | None = None) -> bytes:
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
    for edit in sorted(edits, key=_place):
        if not merged or edit.start >= merged[-1].end:
            merged.append(edit)
        elif edit.end > merged[-1].end:
            merged[-1] = merged[-1]._replace(end=edit.end)
    return merged


def _place(edit: Edit) -> tuple[int, int]:
    return edit.start, -edit.end


Decode = Callable[[bytes], bytes]


class Layer:
    """Text in which some bytes stand for others, with the encoding undone and the way back."""

    def __init__(
        self,
        data: bytes,
        encoded: re.Pattern[bytes],
        decode: Callable[[bytes], bytes],
        encode: Callable[[bytes], bytes],
    ) -> None:
        parts: list[bytes] = []
        # Where each stretch that was copied or decoded as one begins, here and in the original; then both lengths.
        self._offsets: list[int] = []
        self._positions: list[int] = []
        self._encode = encode
        offset = position = 0
        for match in encoded.finditer(data):
            for part, begin in ((data[position : match.start()], position), (decode(match[0]), match.start())):
                parts.append(part)
                self._offsets.append(offset)
                self._positions.append(begin)
                offset += len(part)
            position = match.end()
        parts.append(data[position:])
        self._offsets += (offset, offset + len(data) - position)
        self._positions += (position, len(data))
        self.data = b"".join(parts)

    def restore(self, edit: Edit, moved: int = 0) -> Edit:
        """Return an edit of ``data`` as one of the original bytes, which begin ``moved`` bytes into a longer text."""
        start, _ = self._stretch(edit.start)
        _, end = self._stretch(edit.end)
        return edit._replace(start=start + moved, end=end + moved, mask=self._encode(edit.mask))

    def _stretch(self, offset: int) -> tuple[int, int]:
        """Return where the byte at ``offset`` stood; for one that was decoded, where its encoding begins and ends."""
        index = bisect_right(self._offsets, offset) - 1
        begin, within = self._positions[index], offset - self._offsets[index]
        if not within:
            return begin, begin
        end = self._positions[index + 1]
        copied = end - begin == self._offsets[index + 1] - self._offsets[index]
        return (begin + within, begin + within) if copied else (begin, end)
