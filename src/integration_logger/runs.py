"""When a pipeline or model ran last, and telling the host of each that has ended: what other processes wait for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from integration_logger.context import host_at_work
from integration_logger.entry import Entry
from integration_logger.filters import Condition
from integration_logger.observers import ALL_ENTRIES, newest_seq
from integration_logger.query import ALL, EVERYTHING, Query, Scope
from integration_logger.stores.base import Store

GRACE: Final = timedelta(minutes=1)
"""A new callback begins so long before it was registered: several processes never register it at one moment."""


def runs_only(query: Query) -> Query:
    """Return the query, bounded to runs whatever else it asks for."""
    return replace(query, conditions=(*query.conditions, Condition("kind", ("run",))))


def last_run(store: Store, log_type: str | None, job_id: object, filters: Mapping[str, object]) -> Entry | None:
    """Return the run that ended last of those that match, whole; None where there is none.

    Raises ``QueryError`` for a filter that does not exist.
    """
    asked = {"log_type": log_type, "label.job_id": job_id, **filters}
    given = {name: str(value) for name, value in asked.items() if value is not None}
    tenant = given.get("tenant")
    scope = Scope(tenants=ALL if tenant is None else frozenset((tenant,)), applications=ALL)
    query = Query.parse(given.items(), scope)
    query = replace(runs_only(query), limit=1, order="desc")
    while True:
        page = store.search(query)
        if page.entries:
            return store.get(page.entries[0].id, scope)
        if not page.has_more:  # else the search has run out of its time, and goes on
            return None
        query = replace(query, cursor=page.next_cursor)


RunCallback = Callable[[Entry], object]


class RunFinished:
    """Tells a callback of the host about each run that has ended."""

    batch = 1
    pause = 0.5
    query = runs_only(ALL_ENTRIES)

    def __init__(self, name: str, callback: RunCallback) -> None:
        self.name = f"run-finished/{name}"
        self._callback = callback
        self._registered_at = datetime.now(UTC)

    def begin(self, store: Store) -> int:
        """Begin with the runs that ended since this was registered, and shortly before."""
        since = self._registered_at - GRACE
        start, cursor = newest_seq(store), None
        while True:
            page = store.search(replace(self.query, order="desc", cursor=cursor))
            found = [entry.seq or 0 for entry in page.entries if (entry.ended_at or entry.started_at) >= since]
            start = min([start, *(seq - 1 for seq in found)])
            cursor = page.next_cursor
            if not page.has_more or (page.entries and not found):
                return start

    def observe(self, store: Store, entries: Sequence[Entry]) -> None:
        """Call the host with the whole entry."""
        for entry in entries:
            whole = store.get(entry.id, EVERYTHING) or entry
            with host_at_work():
                self._callback(whole)
