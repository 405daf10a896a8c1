"""The HTML half of the viewer."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.entry import Entry
from integration_logger.errors import QueryError, ScopeError
from integration_logger.exports import SUFFIXES
from integration_logger.exports.har import is_http
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.base import Page, Store, without_detail
from integration_logger.viewer import jobs, lines, sidebar
from integration_logger.viewer.access import Principal
from integration_logger.viewer.applications import Applications, known
from integration_logger.viewer.audit import Audit
from integration_logger.viewer.health import Watch, figures
from integration_logger.viewer.pane import Link, Pane, pane
from integration_logger.viewer.params import PageState
from integration_logger.viewer.related import tree
from integration_logger.viewer.render import Renderer
from integration_logger.viewer.timeline import timeline
from integration_logger.viewer.waterfall import waterfall

HINT_SECONDS = 1.0
"""After that no further filter of an empty list is tried without."""


class Hint(msgspec.Struct, frozen=True):
    """What the list would hold without one of its filters."""

    text: str
    href: str
    entries: int
    more: bool

    @property
    def count(self) -> str:
        """The number in words."""
        return f"more than {self.entries}" if self.more else str(self.entries or "none")


class Pages:
    """Answers the routes that people open."""

    def __init__(
        self, store: Store, render: Renderer, watch: Watch, audit: Audit, applications: Applications | None = None
    ) -> None:
        self._store = store
        self._render = render
        self._watch = watch
        self._audit = audit
        self._applications = applications

    def calls(self, request: Request, principal: Principal) -> Response:
        """The list with its filters, and the pane where an entry is chosen."""
        try:
            state = PageState.read(request.query_params.multi_items(), principal.scope)
        except QueryError as error:
            return self._not_understood(request, principal, error)
        if state.part == "around":
            return self._around(request, principal, state)
        entry = self._store.get(state.entry, principal.scope) if state.entry else None
        values: dict[str, Any] = {"entry": None}
        if entry:
            values = self._pane_values(request, entry, principal, "./", state.tab, state.toggle)
        if state.part == "pane":
            return self._render.page(request, "pane_only.html", state=state, line=lines.line, **values)
        # The live tail goes on from here. Asked before the list, so that nothing falls between the two.
        newest = newest_seq(self._store)
        page = self._store.search(state.query)
        is_empty = not (page.entries or page.in_flight or page.has_more)
        values["hints"] = self._hints(state, principal) if is_empty else []
        return self._list(request, principal, state, page, newest=newest, **values)

    def entry(self, request: Request, principal: Principal) -> Response:
        """One entry as a page of its own."""
        entry = self._store.get(request.path_params["id"], principal.scope)
        if entry is None:
            raise HTTPException(404)
        tab = request.query_params.get("tab", "overview")
        values = self._pane_values(request, entry, principal, "../", tab, _like)
        sees_health = not principal.limited
        return self._render.page(request, "entry.html", state=None, line=lines.line, sees_health=sees_health, **values)

    def runs(self, request: Request, principal: Principal) -> Response:
        """What ran last of each pipeline and model, and how its runs went."""
        problem, status = None, 200
        try:
            state = jobs.read_state(request.query_params.multi_items(), principal.scope)
        except QueryError as error:
            problem, status = str(error), 403 if isinstance(error, ScopeError) else 400
            state = jobs.read_state([], principal.scope)
        return self._render.page(
            request,
            "runs.html",
            status,
            state=state,
            problem=problem,
            jobs=None if problem else jobs.jobs(self._store, state),
            listed=jobs.LISTED,
            line=lines.line,
            sees_health=not principal.limited,
        )

    def health(self, request: Request, principal: Principal) -> Response:
        """How the logging does in all processes, as a page."""
        overview = self._watch.look()
        return self._render.page(request, "health.html", overview=overview, figures=figures(overview), sees_health=True)

    def _not_understood(self, request: Request, principal: Principal, error: QueryError) -> Response:
        state = PageState.read([], principal.scope)
        status = 403 if isinstance(error, ScopeError) else 400
        typed = request.query_params.get("q", "")
        values = {"status": status, "problem": str(error), "typed": typed, "entry": None, "newest": 0}
        return self._list(request, principal, state, Page(entries=()), **values)

    def _hints(self, state: PageState, principal: Principal) -> list[Hint]:
        """Say for each filter of a list that is empty how much there would be without it, the most first."""
        found: list[Hint] = []
        deadline = time.monotonic() + HINT_SECONDS
        for text, pairs in state.relaxed():
            if time.monotonic() > deadline:
                break
            query = PageState.read(pairs, principal.scope).query
            page = self._store.search(query)
            found.append(Hint(text, state.href(pairs), len(page.entries), more=page.has_more))
        return sorted(found, key=lambda hint: -hint.entries)

    def _list(self, request: Request, principal: Principal, state: PageState, page: Page, **values: Any) -> Response:
        defaults = {
            "problem": None,
            "hints": [],
            "typed": state.text,
            "warnings": self._warnings(principal),
            "may_export": principal.may("export"),
            "export_size": None,
        }
        return self._render.page(
            request,
            "calls.html",
            state=state,
            page=page,
            groups=sidebar.groups(state, None, page, known(self._applications, principal)),
            covered=None,
            timeline=None,
            line=lines.line,
            blank=lines.BLANK,
            sees_health=not principal.limited,
            **(defaults | values),
        )

    def _pane_values(
        self, request: Request, entry: Entry, principal: Principal, base: str, tab: str, link: Link
    ) -> dict[str, Any]:
        if detail := principal.sees_detail(entry):
            self._audit.look("view", request, principal, entry)
        entry = entry if detail else without_detail(entry)
        family = tree(self._store, entry, principal.scope)
        falling = waterfall(family, datetime.now(UTC)) if len(family.nodes) > 1 else None
        shown: Pane = pane(entry, tab, detail=detail, base=base, link=link, waterfall=falling)
        may_export = principal.may("export")
        formats = [suffix for suffix in SUFFIXES if suffix != "har" or is_http(entry)]
        return {"entry": entry, "pane": shown, "may_export": may_export, "export_formats": formats}

    def _around(self, request: Request, principal: Principal, state: PageState) -> Response:
        """The filters with their counts, and the timeline: what a list need not wait for."""
        facets = self._store.facets(state.query, sidebar.FACETS)
        bars = timeline(self._store, state, datetime.now(UTC))
        return self._render.page(
            request,
            "around.html",
            state=state,
            problem=None,
            groups=sidebar.groups(state, facets, Page(entries=()), known(self._applications, principal)),
            covered=sidebar.covered(facets),
            timeline=bars,
            export_size=sidebar.size(state.query, facets, bars),
        )

    def _warnings(self, principal: Principal) -> list[str]:
        """Say to those who may know it what is wrong with the logging itself."""
        if principal.limited:
            return []
        return [finding.text for finding in self._watch.look(info=False).findings]


def newest_seq(store: Store) -> int:
    """Return the ``seq`` of the newest entry of all."""
    page = store.search(Query(scope=EVERYTHING, limit=1))
    return (page.entries[0].seq or 0) if page.entries else 0


def _like(field: str, value: str) -> str:
    return "../?" + urlencode([(field, value), ("range", "all")])
