"""One line of ``check``."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    todo: str | None = None
    """What to do about it; None where all is well."""
