"""When a pipeline or model ran last: what other processes wait for."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from integration_logger.entry import Entry
from integration_logger.filters import Condition
from integration_logger.query import ALL, Query, Scope
from integration_logger.stores.base import Store


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
