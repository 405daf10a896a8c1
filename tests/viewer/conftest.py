"""A log in memory, and the way to its browser for a reader who may do everything."""

from __future__ import annotations

import pytest

from integration_logger.stores.memory import MemoryStore
from tests.viewer.server import Client, viewer


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def api(store: MemoryStore) -> Client:
    return Client(viewer(store))
