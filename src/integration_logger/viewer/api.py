"""The JSON half of the viewer, for programs and for the page's own scripts."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from integration_logger.codec import charset
from integration_logger.curl import curl
from integration_logger.entry import KINDS, STATUSES, Entry
from integration_logger.entry import Message as Half
from integration_logger.errors import QueryError
from integration_logger.filters import FILTERS
from integration_logger.query import DEFAULT_LIMIT, MAX_LIMIT, Query
from integration_logger.runs import runs_only
from integration_logger.stores.base import Store
from integration_logger.viewer import prometheus
from integration_logger.viewer.access import Principal
from integration_logger.viewer.audit import Audit
from integration_logger.viewer.health import Watch, to_data
from integration_logger.viewer.related import related
from integration_logger.viewer.render import Renderer, json_response
from integration_logger.viewer.shapes import list_item, whole
from integration_logger.viewer.tail import Tail
from integration_logger.viewer.words import OMITTED

_FILE_TYPES = {"application/json": "json", "text/plain": "txt", "text/csv": "csv", "application/xml": "xml"}
"""Captured content types that a file keeps; all others are ``application/octet-stream``."""


class Api:
    """Answers the routes below ``/api``."""

    def __init__(self, store: Store, render: Renderer, tail: Tail, watch: Watch, audit: Audit) -> None:
        self._store = store
        self._render = render
        self._tail = tail
        self._watch = watch
        self._audit = audit

    def entries(self, request: Request, principal: Principal) -> Response:
        """One page of the list."""
        return self._page(Query.parse(request.query_params.multi_items(), principal.scope), principal)

    def runs(self, request: Request, principal: Principal) -> Response:
        """One page of the runs of pipelines and models."""
        return self._page(runs_only(Query.parse(request.query_params.multi_items(), principal.scope)), principal)

    def _page(self, query: Query, principal: Principal) -> Response:
        page = self._store.search(query)
        if query.order == "asc" and (page.next_cursor or 0) < (query.cursor or 0):
            raise QueryError("cursor", "lies beyond the end: the log was begun anew; begin at 0")
        return json_response({
            "items": _items(page.entries, principal),
            "in_flight": _items(page.in_flight, principal),
            "next_cursor": page.next_cursor,
            "has_more": page.has_more,
            "partial": page.has_more and len(page.entries) < query.limit,
        })  # fmt: skip

    def entry(self, request: Request, principal: Principal) -> Response:
        """One entry, whole."""
        entry = self._find(request, principal)
        if detail := principal.sees_detail(entry):
            self._audit.look("view", request, principal, entry)
        return json_response(whole(entry, detail=detail))

    def request_body(self, request: Request, principal: Principal) -> Response:
        """The body that was sent, as a file."""
        entry = self._find_detail(request, principal)
        self._audit.look("download", request, principal, entry)
        return _file(entry, "request", entry.request)

    def response_body(self, request: Request, principal: Principal) -> Response:
        """The body that came back, as a file."""
        entry = self._find_detail(request, principal)
        self._audit.look("download", request, principal, entry)
        return _file(entry, "response", entry.response)

    def related(self, request: Request, principal: Principal) -> Response:
        """What the entry was made in, all attempts of its call, and what was made in it."""
        found = related(self._store, self._find(request, principal), principal.scope)
        return json_response({
            "parent": found.parent and _item(found.parent, principal),
            "attempts": _items(found.attempts, principal),
            "children": _items(found.children, principal),
            "has_more": found.has_more,
        })  # fmt: skip

    def curl(self, request: Request, principal: Principal) -> Response:
        """The command that repeats the request, as text; its notes go before it as comments."""
        entry = self._find_detail(request, principal)
        self._audit.look("curl", request, principal, entry)
        command = curl(entry)
        if command.text is None:
            raise HTTPException(404, command.notes[0])
        return PlainTextResponse("".join(f"# {note}\n" for note in command.notes) + command.text + "\n")

    async def stream(self, request: Request, principal: Principal) -> Response:
        """New entries as they come, as server-sent events."""
        query = Query.parse(request.query_params.multi_items(), principal.scope)
        position = request.headers.get("last-event-id")
        # in a WSGI host a stream would keep one of few workers for itself
        if "wsgi.environ" in request.scope:
            return await self._tail.poll(query, position, principal.sees_detail)
        return await self._tail.follow(query, position, principal.sees_detail, principal.name)

    def meta(self, request: Request, principal: Principal) -> Response:
        """What this log browser is, who reads, and what can be asked."""
        return json_response({
            "title": self._render.title,
            "version": version("integration-logger"),
            "principal": {
                "name": principal.name,
                "role": principal.role,
                "permissions": sorted(principal.permissions),
            },
            "csrf": request.state.csrf,
            "filters": [*FILTERS, "label.NAME", "q", "since", "till"],
            "kinds": KINDS,
            "statuses": STATUSES,
            "limit": {"default": DEFAULT_LIMIT, "max": MAX_LIMIT},
        })  # fmt: skip

    def health(self, request: Request, principal: Principal) -> Response:
        """How the logging does in all processes, as JSON or for Prometheus."""
        wanted = _format(request)
        overview = self._watch.look()
        # 200 whatever is wrong: a scraper drops what comes with another status, and a host is well without its log
        if wanted == "prometheus":
            return Response(prometheus.text(overview), headers={"content-type": prometheus.CONTENT_TYPE})
        return json_response(to_data(overview, self._watch.retention))

    def _find(self, request: Request, principal: Principal) -> Entry:
        entry = self._store.get(request.path_params["id"], principal.scope)
        if entry is None:
            raise HTTPException(404)
        return entry

    def _find_detail(self, request: Request, principal: Principal) -> Entry:
        entry = self._find(request, principal)
        if not principal.sees_detail(entry):
            raise HTTPException(403, "Headers and bodies of this entry are not yours to see.")
        return entry


def _item(entry: Entry, principal: Principal) -> dict[str, Any]:
    return list_item(entry, detail=principal.sees_detail(entry))


def _items(entries: Iterable[Entry], principal: Principal) -> list[dict[str, Any]]:
    return [_item(entry, principal) for entry in entries]


def _format(request: Request) -> str:
    asked = request.query_params.get("format")
    if asked not in (None, "json", "prometheus"):
        raise QueryError("format", f"takes json or prometheus, not {asked!r}")
    accepted = request.headers.get("accept", "")
    return asked or ("prometheus" if "text/plain" in accepted and "application/json" not in accepted else "json")


def _file(entry: Entry, half: str, message: Half | None) -> Response:
    if message is None or message.body is None:
        omitted = message.omitted if message else None
        raise HTTPException(404, OMITTED[omitted] if omitted else "There was no body.")
    kind = (message.content_type or "").partition(";")[0].strip().lower()
    suffix = _FILE_TYPES.get(kind, "bin")
    media_type = "application/octet-stream" if suffix == "bin" else f"{kind}; charset={charset(message.content_type)}"
    return Response(
        message.body,
        headers={
            "content-type": media_type,
            "content-disposition": f'attachment; filename="{_name(entry.id)}-{half}.{suffix}"',
            "content-security-policy": "default-src 'none'; sandbox",
        },
    )


def _name(id: str) -> str:
    return "".join(c for c in id if c.isalnum() or c in "-_")
