"""A spool folder, its writer, a store, and shippers between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration_logger.retention import Retention
from integration_logger.shipping.shipper import Shipper
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.writer import SpoolWriter
from integration_logger.stores.memory import MemoryStore
from tests.shipping.shippers import URL, Ship


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def shipper(folder: Path, store: MemoryStore) -> Iterator[Ship]:
    """Make shippers for the folder."""
    with ExitStack() as stack:

        def make(**options: Any) -> Shipper:
            given = {"url": URL, "folder": folder, "memory": MemoryQueue(), "owner": "me"} | options
            made = Shipper(given.pop("store", store), Retention(), **given)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def writer(folder: Path) -> Iterator[SpoolWriter]:
    writer = SpoolWriter(folder, URL, max_bytes=1024**3)
    yield writer
    writer.close()
