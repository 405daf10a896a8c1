"""Entries of integrations, and what is counted of them, as the observer would have brought it into State."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from integration_logger.entry import Entry
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.base import Store
from integration_logger.stores.integration_health import observe_entries
from tests.factories import make_entry


def call(code: int | None = 200, *, ago: float = 60.0, **fields: Any) -> Entry:
    """Return a call with a third party that began so many seconds ago."""
    began = datetime.now(UTC) - timedelta(seconds=ago)
    given = {"kind": "outbound", "integration": "stripe", "tenant": "acme", "application": "shop", "expires_at": None}
    return make_entry(body_size=0, status_code=code, started_at=began, **given | fields)


def count(store: Store, entries: Iterable[Entry]) -> None:
    """Store entries and have them counted."""
    store.write([*entries])
    observe_entries(store.state, store.stream(Query(scope=EVERYTHING, order="asc")))
