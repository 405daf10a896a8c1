"""A host that uses the public API, and a reader who asks the JSON API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration_logger import ALL, Principal
from integration_logger.testing import RecordingLogger, recording
from tests.viewer.server import Client

READER = Principal("ana", role="owner", tenants=ALL)


class Reader:
    """Asks the log browser of a logger."""

    def __init__(self, log: RecordingLogger, principal: Principal = READER, **options: Any) -> None:
        self._log = log
        self._client = Client(log.viewer(authorize=lambda _: principal, **options))

    def get(self, path: str) -> Any:
        """Return what a path answers: JSON, or a page as text."""
        assert self._log.entries is not None  # what was recorded is in the store
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json() if "json" in answer.headers["content-type"] else answer.text

    def items(self, query: str = "") -> list[dict[str, Any]]:
        """Return the entries that a query finds, the newest first."""
        found: list[dict[str, Any]] = self.get(f"/api/entries?limit=500&{query}")["items"]
        return found

    def one(self, query: str = "") -> dict[str, Any]:
        """Return the only entry that a query finds, whole."""
        (item,) = self.items(query)
        whole: dict[str, Any] = self.get(f"/api/entries/{item['id']}")
        return whole


@pytest.fixture
def log() -> Iterator[RecordingLogger]:
    with recording(external_ip="3.220.239.218") as made:
        yield made


@pytest.fixture
def reader(log: RecordingLogger) -> Reader:
    return Reader(log)
