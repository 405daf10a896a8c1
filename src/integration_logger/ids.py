"""Identifiers: UUIDv7 (RFC 9562, 5.7), from a library that reseeds itself in forked children."""

from __future__ import annotations

from uuid_utils import uuid7


def new_id() -> str:
    """Return a new UUIDv7 string; ids made later sort later, to the millisecond."""
    return str(uuid7())
