"""A pytest plug-in: every client of httpx and httpx2 is recorded while the tests of somebody else run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from logged import telling

from integration_logger.testing import recording


@pytest.fixture(scope="session", autouse=True)
def integration_logger_in_front() -> Iterator[None]:
    """Record what all clients send; at the end it is told how much that was, and that no recording failed."""
    with recording() as log:
        undo = log.instrument_httpx()
        with telling(log):
            yield
            undo()
