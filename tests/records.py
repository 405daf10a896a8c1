"""Recording calls without a server, and looking at what is stored."""

from __future__ import annotations

from integration_logger import IntegrationLogger
from integration_logger.capture import Capture
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.base import Store


def record(log: IntegrationLogger, number: int = 1) -> list[str]:
    """Record so many calls; return their ids."""
    ids = []
    for _ in range(number):
        capture = Capture("inbound")
        capture.method, capture.status_code = "GET", 200
        log.recorder.record(capture)
        ids.append(capture.id)
    return ids


def stored(store: Store) -> list[str]:
    """Return the ids of all entries, in the order in which they were stored."""
    return [entry.id for entry in store.stream(Query(scope=EVERYTHING, order="asc"))]
