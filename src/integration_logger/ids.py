"""Identifiers: UUIDv7 for entries (RFC 9562, 5.7) and W3C trace ids.

A generator of our own, because the host may seed the global one, and libraries with a generator
in native code repeat themselves in forked children.
"""

from __future__ import annotations

import os
import random
import time

_source = random.Random(os.urandom(32))  # noqa: S311 - identifiers are not secrets; entries are guarded by scope
_bits = _source.getrandbits
_VERSION_7 = 7 << 76
_VARIANT = 2 << 62
_LOW_62 = (1 << 62) - 1


def _reseed() -> None:
    _source.seed(os.urandom(32))


os.register_at_fork(after_in_child=_reseed)


def new_id() -> str:
    """Return a new UUIDv7 string; ids made later sort later, to the millisecond."""
    bits = _bits(74)
    value = (time.time_ns() // 1_000_000) << 80 | _VERSION_7 | (bits >> 62) << 64 | _VARIANT | bits & _LOW_62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_trace_id() -> str:
    """Return 32 random hexadecimal digits (W3C Trace Context, trace-id)."""
    return f"{_bits(128) or 1:032x}"
