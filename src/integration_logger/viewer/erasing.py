"""The page Erase: what a search finds is counted first, and goes only when its number was typed."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from integration_logger.errors import QueryError
from integration_logger.stores.erasures import read_erasure
from integration_logger.viewer.access import Principal
from integration_logger.viewer.changes import Changes
from integration_logger.viewer.render import Renderer
from integration_logger.viewer.submitted import submitted


class ErasePage:
    """Answers ``/erase``."""

    def __init__(self, render: Renderer, changes: Changes) -> None:
        self._render = render
        self._changes = changes

    def page(self, request: Request, principal: Principal) -> Response:
        """Count what the search finds; where that number is sent back as `confirm`, erase it."""
        sent = submitted(request) if request.method == "POST" else request.query_params
        typed = str(sent.get("q", ""))
        values: dict[str, Any] = {"typed": typed, "problem": None, "entries": None, "erased": None}
        if typed:
            confirmed = str(sent.get("confirm", "")) if request.method == "POST" else None
            values |= self._count_or_erase(request, principal, typed, confirmed)
        status = 400 if values["problem"] else 200
        return self._render.page(request, "erase.html", status, sees_health=not principal.limited, **values)

    def _count_or_erase(
        self, request: Request, principal: Principal, typed: str, confirmed: str | None
    ) -> dict[str, Any]:
        try:
            query = read_erasure({"q": typed}, principal.scope)
        except QueryError as error:
            return {"problem": str(error)}
        entries = self._changes.count(query).entries
        if confirmed is None:
            return {"entries": entries}
        if confirmed != str(entries):
            return {"entries": entries, "problem": f"{entries} entries match now, which is another number than yours."}
        return {"typed": "", "erased": self._changes.erase_matches(request, principal, query).entries}
