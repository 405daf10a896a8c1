"""The seam for what processes must agree on: cursors, claims and leases, next to the store."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Absent(msgspec.Struct, frozen=True):
    """The type of ``ABSENT``: a compare-and-set that expects no value."""


ABSENT = Absent()


class State(Protocol):
    """One small key-value table with compare-and-set, claims and leases by the database's clock."""

    def get(self, key: str) -> bytes | None:
        """Return the value, or None."""
        ...

    def put(self, key: str, value: bytes, *, expected: bytes | Absent | None = None) -> bool:
        """Set a value; with ``expected`` only if the present one is that (``ABSENT``: none).

        Return whether it was set.
        """
        ...

    def delete(self, key: str, *, expected: bytes | None = None) -> None:
        """Remove a value, with ``expected`` only if it is that one; does nothing if there is none."""
        ...

    def list(self, prefix: str) -> dict[str, bytes]:
        """Return all values whose key begins with the prefix."""
        ...

    def claim(self, key: str, seconds: float) -> bool:
        """Return True to the first who asks, and again to the next one after it was released or has run out."""
        ...

    def release(self, key: str) -> None:
        """Give a claim back; does nothing if there is none."""
        ...

    def lease(self, key: str, owner: str, seconds: float) -> int | None:
        """Take or renew a lease.

        Return its fencing token, which grows with each new holder, or None if another holds it.
        """
        ...
