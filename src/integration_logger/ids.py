"""Identifiers: UUIDv7 (RFC 9562, 5.7), never repeated by forked processes, however they were forked."""

from __future__ import annotations

from os import getpid

from uuid_utils import reseed_rng, uuid7

_seeded_in = 0


def new_id() -> str:
    """Return a new UUIDv7 string; ids made later sort later, to the millisecond."""
    global _seeded_in
    # the library reseeds itself where Python forks; a server in C, such as uWSGI, does not tell Python
    if (process := getpid()) != _seeded_in:
        reseed_rng()
        _seeded_in = process
    return str(uuid7())
