"""All routes of the log browser in one table: what each answers, and who may use it.

A new route is a new row here; nothing else lets a request in. ``viewer.gate`` keeps to the table for every request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.viewer.access import Principal
from integration_logger.viewer.limits import CHANGE, FIGURES
from integration_logger.viewer.operations import served

if TYPE_CHECKING:
    from integration_logger.viewer.api import Api
    from integration_logger.viewer.audits import AuditPage
    from integration_logger.viewer.changes import Changes
    from integration_logger.viewer.erasing import ErasePage
    from integration_logger.viewer.exports import Exports
    from integration_logger.viewer.figures import Figures
    from integration_logger.viewer.integrations import IntegrationPages
    from integration_logger.viewer.pages import Pages

Endpoint = Callable[[Request, Principal], Response | Awaitable[Response]]
"""Answers a request of somebody who may make it. Runs in a thread of the viewer's own, unless it is async."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a path with its methods, what answers it, and what a reader needs for it."""

    path: str
    endpoint: Endpoint
    needs: str = "view"
    """A permission; ``view`` is needed besides any other one."""
    methods: tuple[str, ...] = ("GET",)
    """Whatever is not ``GET`` changes something, and must come from a page or program of the reader's own."""
    limited: bool = True
    """Readers limited to some tenants or applications may use it, too."""
    costs: float = 0
    """Tokens of the reader's that a request takes, see ``viewer.limits``."""
    needs_store: bool = True
    """False for what is asked above all when the store is away."""


def routes(
    api: Api,
    figures: Figures,
    exports: Exports,
    pages: Pages,
    changes: Changes,
    integrations: IntegrationPages,
    audits: AuditPage,
    erasing: ErasePage,
) -> tuple[Route, ...]:
    """Return the table."""
    table: tuple[Route, ...] = (
        Route(path="/", endpoint=pages.calls),
        Route(path="/entries/{id}", endpoint=pages.entry),
        Route(path="/integrations", endpoint=integrations.page),
        Route(path="/runs", endpoint=pages.runs),
        Route(path="/audit", endpoint=audits.page, needs="audit", limited=False),
        Route(path="/erase", endpoint=erasing.page, needs="erase", costs=FIGURES),
        Route(path="/erase", endpoint=erasing.page, needs="erase", methods=("POST",), costs=CHANGE),
        Route(path="/health", endpoint=pages.health, limited=False, needs_store=False),
        Route(path="/api/entries", endpoint=api.entries),
        Route(path="/api/entries/{id}", endpoint=api.entry),
        Route(path="/api/entries/{id}/request", endpoint=api.request_body, needs="detail"),
        Route(path="/api/entries/{id}/response", endpoint=api.response_body, needs="detail"),
        Route(path="/api/entries/{id}/curl", endpoint=api.curl, needs="detail"),
        Route(path="/api/entries/{id}/related", endpoint=api.related),
        Route(path="/api/entries/{id}/export.{format}", endpoint=exports.entry, needs="export", costs=FIGURES),
        Route(path="/api/export.{format}", endpoint=exports.matches, needs="export", costs=CHANGE),
        Route(path="/api/facets", endpoint=figures.facets, costs=FIGURES),
        Route(path="/api/stats", endpoint=figures.stats, costs=FIGURES),
        Route(path="/api/runs", endpoint=api.runs),
        Route(path="/api/erase", endpoint=changes.erase, needs="erase", methods=("POST",), costs=CHANGE),
        Route(path="/api/purge", endpoint=changes.purge, needs="purge", methods=("POST",), limited=False, costs=CHANGE),
        Route(path="/api/integrations", endpoint=integrations.api),
        Route(path="/api/stream", endpoint=api.stream),
        Route(path="/api/meta", endpoint=api.meta, needs_store=False),
        Route(path="/api/health", endpoint=api.health, limited=False, needs_store=False),
        Route(path="/openapi.json", endpoint=served(lambda: table), needs_store=False),
    )
    return table
