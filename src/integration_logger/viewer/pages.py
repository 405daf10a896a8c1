"""The HTML half of the viewer."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from anyio import move_on_after
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.entry import Entry
from integration_logger.errors import QueryError, ScopeError, StoreError
from integration_logger.stores.base import Facets, Page
from integration_logger.viewer import lines, sidebar
from integration_logger.viewer.access import Principal
from integration_logger.viewer.pane import Pane, pane
from integration_logger.viewer.params import PageState
from integration_logger.viewer.reading import Reading
from integration_logger.viewer.render import Renderer
from integration_logger.viewer.shapes import without_detail
from integration_logger.viewer.timeline import Timeline, bucket_seconds, timeline

_logger = logging.getLogger("integration_logger")

PATIENCE = 0.4
"""Seconds that a page waits for counts; without them it shows the list alone."""


class Around(msgspec.Struct):
    """The counts that stand around a list."""

    facets: Facets | None = None
    timeline: Timeline | None = None


class Pages:
    """Answers the routes that people open."""

    def __init__(self, reading: Reading, render: Renderer) -> None:
        self._reading = reading
        self._render = render

    async def calls(self, request: Request, principal: Principal) -> Response:
        """The list, and the pane where an entry is chosen."""
        try:
            state = PageState.read(request.query_params.multi_items(), principal.scope)
        except QueryError as error:
            return self._not_understood(request, principal, error)
        entry = await self._reading.entry(state.entry, principal.scope) if state.entry else None
        values = self._pane_values(entry, principal, "./", state.tab, state.toggle) if entry else {"entry": None}
        if state.pane_only:
            return self._render.page(request, "pane_only.html", state=state, line=lines.line, **values)
        # The live tail goes on from here. Asked before the list, so that nothing falls between the two.
        newest = await self._reading.newest()
        page = await self._reading.search(state.query)
        return self._list(request, principal, state, page, await self._around(state), newest=newest, **values)

    async def entry(self, request: Request, principal: Principal) -> Response:
        """One entry as a page of its own."""
        entry = await self._reading.entry(request.path_params["id"], principal.scope)
        if entry is None:
            raise HTTPException(404)
        tab = request.query_params.get("tab", "overview")
        values = self._pane_values(entry, principal, "../", tab, _like)
        return self._render.page(request, "entry.html", state=None, line=lines.line, **values)

    def _not_understood(self, request: Request, principal: Principal, error: QueryError) -> Response:
        state = PageState.read([], principal.scope)
        status = 403 if isinstance(error, ScopeError) else 400
        typed = request.query_params.get("q", "")
        values = {"status": status, "problem": str(error), "typed": typed, "entry": None, "newest": 0}
        return self._list(request, principal, state, Page(entries=()), Around(), **values)

    def _list(
        self, request: Request, principal: Principal, state: PageState, page: Page, around: Around, **values: Any
    ) -> Response:
        defaults = {"problem": None, "typed": state.text, "warnings": self._warnings(principal)}
        return self._render.page(
            request,
            "calls.html",
            state=state,
            page=page,
            groups=sidebar.groups(state, around.facets),
            covered=sidebar.covered(around.facets),
            timeline=around.timeline,
            line=lines.line,
            blank=lines.BLANK,
            **(defaults | values),
        )

    def _pane_values(self, entry: Entry, principal: Principal, base: str, tab: str, link: Any) -> dict[str, Any]:
        detail = principal.may("detail")
        shown: Pane = pane(entry, tab, detail=detail, base=base, link=link)
        return {"entry": entry if detail else without_detail(entry), "pane": shown}

    async def _around(self, state: PageState) -> Around:
        """Count what stands around the list; what takes too long or fails is left out."""
        around = Around()
        now = datetime.now(UTC)
        seconds = bucket_seconds(state, now)
        with move_on_after(PATIENCE):
            try:
                around.facets = await self._reading.facets(state.query, sidebar.FACETS)
                if seconds:
                    stats = await self._reading.stats(state.query, seconds)
                    around.timeline = timeline(state, stats, seconds, now)
            except StoreError as error:
                _logger.warning("the log browser shows no counts: %s", error)
        return around

    def _warnings(self, principal: Principal) -> list[str]:
        if principal.limited:
            return []
        health = self._render.health()
        found = []
        if health.get("durable") is False:
            found.append("The spool cannot be written: entries are kept in memory only and are lost if a process ends.")
        if dropped := health.get("dropped"):
            found.append(f"{dropped:,} entries were lost because the spool was full.")
        return found


def _like(field: str, value: str) -> str:
    return "../?" + urlencode([(field, value), ("range", "all")])
