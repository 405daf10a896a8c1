"""The page Audit: who looked at bodies, took data away or changed something. Only for those who may see that."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.entry import Entry
from integration_logger.errors import QueryError
from integration_logger.filters import Condition
from integration_logger.query import Query
from integration_logger.stores.base import Page, Store
from integration_logger.viewer.access import Principal
from integration_logger.viewer.render import Renderer
from integration_logger.viewer.words import visible

LINES: Final = 100
_DONE: Final = {
    "view": "looked at an entry",
    "download": "downloaded a body",
    "curl": "took a cURL command",
    "export": "exported",
    "exported": "got an export",
    "erase": "erased",
    "purge": "purged",
}
_COUNTED: Final = ("exported", "erase", "purge")
"""Operations that say how many entries they were about."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did."""

    id: str
    at: datetime
    who: str
    role: str
    done: str
    failed: bool
    entry: str | None
    """The id of the entry that it was done to."""
    where: str
    """What of the address says more: the filters of an export."""
    scope: str
    client: str


class AuditPage:
    """Answers ``/audit``."""

    def __init__(self, store: Store, render: Renderer) -> None:
        self._store = store
        self._render = render

    def page(self, request: Request, principal: Principal) -> Response:
        """Who looked at bodies, exported or erased, the newest first, as far as the search finds it."""
        typed, problem, page = request.query_params.get("q", ""), None, Page(entries=())
        try:
            page = self._store.search(_query(request, principal))
        except QueryError as error:
            problem = str(error)
        older = urlencode([("q", typed), ("cursor", str(page.next_cursor))]) if page.has_more else None
        lines = [_line(entry) for entry in page.entries]
        return self._render.page(
            request,
            "audit.html",
            400 if problem else 200,
            lines=lines,
            typed=typed,
            problem=problem,
            older=older,
            sees_health=not principal.limited,
        )


def _query(request: Request, principal: Principal) -> Query:
    query = Query.parse(
        [(n, v) for n, v in request.query_params.multi_items() if n in ("q", "cursor")], principal.scope
    )
    conditions = (*(c for c in query.conditions if c.field != "kind"), Condition("kind", ("audit",)))
    return msgspec.structs.replace(query, conditions=conditions, limit=LINES)


def _line(entry: Entry) -> Line:
    labels = entry.labels
    return Line(
        id=entry.id,
        at=entry.started_at,
        who=_text(labels.get("principal", "the application")),
        role=_text(labels.get("role", "")),
        done=_done(entry),
        failed=entry.status == "failed",
        entry=_text(labels["entry"]) if "entry" in labels else None,
        where=visible((entry.url or "").partition("?")[2]),
        scope=_scope(entry),
        client=visible(entry.client_ip or ""),
    )


def _done(entry: Entry) -> str:
    operation = entry.operation or "unknown"
    said = visible(_DONE.get(operation, operation))
    if operation in _COUNTED and "entries" in entry.labels:
        said += f" ({_text(entry.labels['entries'])} entries)"
    return f"{said}: failed" if entry.status == "failed" else said


def _scope(entry: Entry) -> str:
    parts = [
        f"{title} {_text(entry.labels[name])}"
        for name, title in (("scope_tenants", "tenants"), ("scope_applications", "applications"))
        if entry.labels.get(name, "ALL") != "ALL"
    ]
    return "; ".join(parts) or "everything"


def _text(value: str | list[str]) -> str:
    return visible(value if isinstance(value, str) else ", ".join(value))
