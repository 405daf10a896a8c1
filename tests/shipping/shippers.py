"""What tests of the shipper share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from integration_logger.shipping.shipper import Shipper
from integration_logger.spool.writer import SpoolWriter
from tests.spools import encoded

URL = "sqlite:////srv/log.db"

Ship = Callable[..., Shipper]


def spooled(writer: SpoolWriter, number: int) -> list[str]:
    """Put so many entries on the spool; return their ids."""
    ids = []
    for _ in range(number):
        entry, data = encoded()
        assert writer.append(data) is None
        ids.append(entry.id)
    return ids


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
