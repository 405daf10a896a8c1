"""What goes when a store holds more than it may: the oldest entries first, whatever their dates say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

LEFT: Final = 0.95
"""How much of ``max_bytes`` is left in use, so that the next entries do not exceed it at once."""


class Bounds(msgspec.Struct, frozen=True):
    """The most that a store may hold; None is no bound. Audit entries are not counted as rows, and never go."""

    rows: int | None = None
    bytes: int | None = None

    def exceeded(self, rows: int, size: int) -> bool:
        """Tell whether so many entries in so many bytes are too many."""
        return (self.rows is not None and rows > self.rows) or (self.bytes is not None and size > self.bytes)

    def below(self, rows: int, size: int, oldest: Iterable[tuple[int, int]]) -> int:
        """Return the ``seq`` below which entries go, 0 for none.

        ``rows`` and ``size`` are what the store will hold without what has expired; ``oldest`` yields ``seq`` and
        bytes of those entries in order, and is read no further than is needed.
        """
        rows_over = 0 if self.rows is None else rows - self.rows
        bytes_over = 0.0 if self.bytes is None or size <= self.bytes else size - self.bytes * LEFT
        below = 0
        for seq, length in oldest:
            if rows_over <= 0 and bytes_over <= 0:
                break
            rows_over, bytes_over, below = rows_over - 1, bytes_over - length, seq + 1
        return below
