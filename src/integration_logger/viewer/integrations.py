"""How each integration does: the page Integrations, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.codec import timestamp
from integration_logger.entry import Entry
from integration_logger.errors import QueryError
from integration_logger.integrations import Integrations
from integration_logger.query import Query, Scope
from integration_logger.stores.base import Store, without_detail
from integration_logger.stores.counting import EPOCH
from integration_logger.stores.integration_health import HOURS, Standing, standings
from integration_logger.viewer import words
from integration_logger.viewer.access import Principal
from integration_logger.viewer.render import Renderer, json_response

MOST: Final = 200
"""Integrations in one answer, those that fail first; how many were left out is said."""
WIDTH: Final = 96
HEIGHT: Final = 24
_FAILING: Final = 3
"""So many failures in a row are no accident."""
_UNSTEADY: Final = 0.95
_FILTERS: Final = ("tenant", "integration")


class Bar(msgspec.Struct, frozen=True):
    """One hour of a sparkline."""

    x: float
    success: float
    error: float
    text: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One integration as the page and the JSON show it."""

    standing: Standing
    title: str
    last_error: Entry | None
    """The entry of the last error; None where there is none, or none any more."""
    error_docs: str | None
    token_docs: str | None
    now: datetime

    @property
    def mark(self) -> str:
        """``error`` while it fails, ``warn`` while it is not steady, ``ok``, or ``open`` where nothing was heard."""
        rate = self.standing.success_rate
        if self.standing.failures_in_a_row >= _FAILING:
            return "error"
        if self.standing.failures_in_a_row or (rate is not None and rate < _UNSTEADY):
            return "warn"
        return "open" if rate is None else "ok"

    @property
    def mark_text(self) -> str:
        """The mark in words."""
        return {"error": "Fails", "warn": "Not steady", "ok": "Well", "open": "Quiet"}[self.mark]

    @property
    def rate(self) -> str:
        """The part that went well, never rounded up to all."""
        rate = self.standing.success_rate
        if rate is None:
            return "no calls"
        return "100 %" if rate == 1 else f"{min(rate * 100, 99.9):.1f} %"

    @property
    def error_text(self) -> str | None:
        """What the last error said, in one line."""
        if self.last_error is None:
            return None
        said = words.reasons(self.last_error)
        return words.first_line(said[0] if said else words.headline(self.last_error))

    @property
    def calls(self) -> str:
        """The parameters of the list that shows its calls."""
        return urlencode([(name, value) for name, value in self._names if value is not None])

    @property
    def _names(self) -> tuple[tuple[str, str | None], ...]:
        return (("integration", self.standing.integration), ("tenant", self.standing.tenant))

    @property
    def hours(self) -> list[tuple[int, int, int]]:
        """The last 24 hours, each as the hour since 1970, its successes and errors."""
        last = int(self.now.timestamp() // 3600)
        counted = self.standing.hours
        return [(hour, *counted.get(hour, (0, 0))) for hour in range(last - HOURS + 1, last + 1)]

    @property
    def bars(self) -> list[Bar]:
        """The hours in which there were calls, as they are drawn."""
        hours = self.hours
        highest = max((good + bad for _, good, bad in hours), default=0) or 1
        return [_bar(place, *hour, highest) for place, hour in enumerate(hours) if hour[1] or hour[2]]

    def to_data(self) -> dict[str, Any]:
        """Return the line as plain data."""
        standing, error = self.standing, self.last_error
        return {
            "integration": standing.integration,
            "title": self.title,
            "tenant": standing.tenant,
            "success_rate": standing.success_rate,
            "success": standing.successes,
            "error": standing.errors,
            "failures_in_a_row": standing.failures_in_a_row,
            "last_at": timestamp(standing.last_at),
            "last_good_at": standing.last_good_at and timestamp(standing.last_good_at),
            "last_error_at": standing.last_error_at and timestamp(standing.last_error_at),
            "last_error": error and {
                "id": error.id,
                "status_code": error.status_code,
                "error_type": error.error_type,
                "text": self.error_text,
            },
            "p50": standing.p50,
            "p95": standing.p95,
            "hours": [{"start": timestamp(_start(hour)), "success": g, "error": b} for hour, g, b in self.hours],
            "error_docs": self.error_docs,
            "token_docs": self.token_docs,
        }  # fmt: skip


class IntegrationPages:
    """Answers ``/integrations`` and ``/api/integrations``."""

    def __init__(self, store: Store, render: Renderer, integrations: Integrations) -> None:
        self._store = store
        self._render = render
        self._integrations = integrations

    def api(self, request: Request, principal: Principal) -> Response:
        """How each integration does, what fails first."""
        lines, left_out = self._lines(request, principal)
        return json_response({"items": [line.to_data() for line in lines], "left_out": left_out})

    def page(self, request: Request, principal: Principal) -> Response:
        """How each integration does, what fails first, as a page."""
        lines, left_out = self._lines(request, principal)
        tenants = {line.standing.tenant for line in lines}
        return self._render.page(
            request,
            "integrations.html",
            lines=lines,
            left_out=left_out,
            headline=headline(lines),
            several_tenants=len(tenants) > 1,
            sees_health=not principal.limited,
        )

    def _lines(self, request: Request, principal: Principal) -> tuple[list[Line], int]:
        now = datetime.now(UTC)
        scope, wanted = _read(request, principal.scope)
        found = [s for s in standings(self._store.state, scope, now) if not wanted or s.integration in wanted]
        return [self._line(standing, principal, now) for standing in found[:MOST]], max(0, len(found) - MOST)

    def _line(self, standing: Standing, principal: Principal, now: datetime) -> Line:
        error = self._store.get(standing.last_error_id, principal.scope) if standing.last_error_id else None
        return Line(
            standing=standing,
            title=self._integrations.title(standing.integration),
            last_error=error if error is None or principal.sees_detail(error) else without_detail(error),
            error_docs=self._integrations.error_docs(standing.integration),
            token_docs=self._integrations.token_docs(standing.integration),
            now=now,
        )


def _read(request: Request, scope: Scope) -> tuple[Scope, frozenset[str]]:
    """Return the scope, narrowed to the tenants that are asked for, and the integrations that are."""
    params = [(name, value) for name, value in request.query_params.multi_items() if value]
    for name, _ in params:
        if name not in _FILTERS:
            raise QueryError(name, f"is no parameter here; these are: {', '.join(_FILTERS)}")
    Query.parse(params, scope)  # refuses what the reader may not ask for
    tenants = frozenset(value for name, value in params if name == "tenant")
    narrowed = Scope(tenants=tenants or scope.tenants, applications=scope.applications)
    return narrowed, frozenset(value for name, value in params if name == "integration")


def headline(lines: Sequence[Line]) -> tuple[str, str]:
    """Return the mark and the sentence that the page begins with."""
    marks = [*_marks(lines)]
    failing, unsteady = marks.count("error"), marks.count("warn")
    if failing:
        return "error", _of(failing, len(lines), "fails", "fail")
    if unsteady:
        return "warn", _of(unsteady, len(lines), "is not steady", "are not steady")
    return "ok", "All integrations are well"


def _marks(lines: Sequence[Line]) -> Iterator[str]:
    return (line.mark for line in lines)


def _of(some: int, all: int, singular: str, plural: str) -> str:
    if all == 1:
        return f"The only integration {singular}"
    return f"{some} of {all} integrations {singular if some == 1 else plural}"


def _start(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, EPOCH.tzinfo)


def _bar(place: int, hour: int, good: int, bad: int, highest: int) -> Bar:
    # a single failure among thousands must be seen
    heights = [max(2.0, HEIGHT * n / highest) if n else 0.0 for n in (good, bad)]
    scale = min(1.0, HEIGHT / sum(heights))
    text = f"{_start(hour):%H:%M} UTC: {good + bad:,} calls, {bad:,} failed"
    return Bar(place * WIDTH / HOURS, round(heights[0] * scale, 2), round(heights[1] * scale, 2), text)
