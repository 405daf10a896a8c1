"""The routes that take entries away: erasing what filters choose, and purging what has expired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.errors import QueryError, StoreError
from integration_logger.query import Query
from integration_logger.retention import Retention
from integration_logger.stores.base import Purged, Store
from integration_logger.stores.erasures import erase, read_erasure
from integration_logger.viewer.access import Principal
from integration_logger.viewer.audit import Audit
from integration_logger.viewer.csrf import FIELD
from integration_logger.viewer.render import json_response
from integration_logger.viewer.submitted import submitted

Erase = Callable[[Query, bool], Purged]
"""Deletes what matches, or with True only counts it."""


class Changes:
    """Answers the routes that take entries away; each real run is noted in the audit, a failed one too."""

    def __init__(self, store: Store, audit: Audit, retention: Retention | None, erase_by: Erase | None) -> None:
        self._store = store
        self._audit = audit
        self._retention = retention
        self._erase = erase_by or (lambda query, dry_run: erase(store, query, dry_run=dry_run))

    def erase(self, request: Request, principal: Principal) -> Response:
        """Delete what the filters choose within the scope of the reader."""
        filters = submitted(request)
        dry_run = _take_dry_run(request, filters)
        query = read_erasure(filters, principal.scope)
        done = self.count(query) if dry_run else self.erase_matches(request, principal, query)
        return _answer(done, principal, dry_run=dry_run)

    def count(self, query: Query) -> Purged:
        """Return what an erasure would take away."""
        return self._erase(query, True)

    def erase_matches(self, request: Request, principal: Principal, query: Query) -> Purged:
        """Delete what the query finds, which must lie within the scope of the reader."""
        return self._noted("erase", request, principal, query, lambda: self._erase(query, False))

    def purge(self, request: Request, principal: Principal) -> Response:
        """Delete what the rules of retention no longer keep, now instead of within a minute."""
        given = submitted(request)
        dry_run = _take_dry_run(request, given)
        if given:
            raise QueryError(next(iter(given)), "is not known here")
        bounds = self._retention or Retention(max_bytes=None)

        def run() -> Purged:
            return self._store.purge(
                datetime.now(UTC), max_rows=bounds.max_rows, max_bytes=bounds.max_bytes, dry_run=dry_run
            )

        done = run() if dry_run else self._noted("purge", request, principal, None, run)
        return _answer(done, principal, dry_run=dry_run)

    def _noted(
        self, operation: str, request: Request, principal: Principal, query: Query | None, run: Callable[[], Purged]
    ) -> Purged:
        try:
            done = run()
        except StoreError as error:
            self._audit.note(operation, request, principal, error=error, **erased(query))
            raise
        self._audit.note(operation, request, principal, **erased(query, done))
        return done


def _answer(done: Purged, principal: Principal, *, dry_run: bool) -> Response:
    counts = {"entries": done.entries, "bodies": done.bodies} if principal.limited else msgspec.structs.asdict(done)
    return json_response({"dry_run": dry_run} | counts)


def erased(query: Query | None, done: Purged | None = None) -> dict[str, Any]:
    """Return what is noted of an erasure: its filters by name, and by value only whose entries those were.

    Who asks to be forgotten shall not be remembered in the audit of that.
    """
    labels: dict[str, Any] = {}
    if query is not None:
        named = {condition.field: condition.values for condition in query.conditions if not condition.negated}
        labels = {name: found[0] for name, found in named.items() if name in _WHOSE and len(found) == 1}
        labels["chosen_by"] = [name for name, _ in query.params()]
    return labels if done is None else labels | {"entries": done.entries}


_WHOSE = ("tenant", "application")


def _take_dry_run(request: Request, given: dict[str, object]) -> bool:
    """Take from what was sent all that chooses nothing."""
    if unread := next(iter(request.query_params), None):
        raise QueryError(unread, "belongs into the body of the request: nothing was done")
    given.pop(FIELD, None)
    value = given.pop("dry_run", False)
    if value not in (True, False, "true", "false"):
        raise QueryError("dry_run", "takes true or false: nothing was done")
    return value in (True, "true")
