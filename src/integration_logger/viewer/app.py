"""The log browser as an ASGI application that any host mounts in itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_logger.context import at_work
from integration_logger.errors import ConfigurationError, QueryError, ScopeError, StoreError
from integration_logger.health import Health
from integration_logger.integrations import Integrations
from integration_logger.retention import Retention
from integration_logger.stores.base import Store
from integration_logger.viewer.access import Authorize, EnabledFor, checked
from integration_logger.viewer.api import Api
from integration_logger.viewer.applications import Applications
from integration_logger.viewer.applications import checked as applications_of
from integration_logger.viewer.audit import Audit
from integration_logger.viewer.audits import AuditPage
from integration_logger.viewer.changes import Changes, Erase
from integration_logger.viewer.erasing import ErasePage
from integration_logger.viewer.exports import Exports
from integration_logger.viewer.figures import Figures
from integration_logger.viewer.gate import Gate
from integration_logger.viewer.health import Watch
from integration_logger.viewer.integrations import IntegrationPages
from integration_logger.viewer.pages import Pages
from integration_logger.viewer.render import Renderer, here
from integration_logger.viewer.routes import routes
from integration_logger.viewer.tail import Tail

_logger = logging.getLogger("integration_logger")
_THEMES = ("system", "light", "dark")


class Viewer:
    """The log browser and its JSON API; mount it at any path of an ASGI application.

    ``authorize`` says who a request comes from (a ``Principal``, or None for nobody) and must be given: the
    log holds what passed between the host and others. ``health`` returns how this process does,
    ``on_request`` is called before every request, ``retention`` lets the pages say how long entries are kept,
    ``audit`` notes who looks at bodies, takes data away or changes something, ``erase`` deletes what a query finds,
    ``applications`` names all there are, ``integrations`` knows the titles of third parties.
    """

    def __init__(
        self,
        store: Store,
        *,
        authorize: Authorize | None = None,
        title: str = "Integration log",
        theme: str = "system",
        frame_ancestors: str = "'none'",
        support_url: str | None = None,
        enabled_for: EnabledFor | None = None,
        health: Callable[[], Health] = Health,
        on_request: Callable[[], None] | None = None,
        retention: Retention | None = None,
        audit: Audit | None = None,
        applications: Applications | None = None,
        erase: Erase | None = None,
        integrations: Integrations | None = None,
    ) -> None:
        authorize = checked(authorize)
        _check(title, theme, frame_ancestors, support_url, enabled_for)
        self._on_request = on_request
        self._headers = _security_headers(frame_ancestors)
        self._render = Renderer(title=title, theme=theme, support_url=support_url, retention=retention)
        self._store = store
        self._opened = False
        self.tail = Tail(store)
        watch = Watch(store, self._open, health, retention)
        audit = audit or Audit()
        changes = Changes(store, audit, retention, erase)
        self.routes = routes(
            Api(store, self._render, self.tail, watch, audit),
            Figures(store),
            Exports(store, audit),
            Pages(store, self._render, watch, audit, applications_of(applications)),
            changes,
            IntegrationPages(store, self._render, integrations or Integrations()),
            AuditPage(store, self._render),
            ErasePage(self._render, changes),
        )
        self._app = self._starlette(Gate(store, self._open, authorize, self._render, enabled_for))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        discard_captures(scope)
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": "the log browser has no WebSocket"})
            return
        if self._on_request:
            self._on_request()
        app = self._app
        if scope["path"] == scope.get("root_path"):  # as hosts ask that tell a place by its beginning
            app = here(scope, "/")
        with at_work():
            await app(scope, receive, _with_headers(send, self._headers))

    def close(self) -> None:
        """End all live tails at once, so that they do not hold up the host's shutdown."""
        self.tail.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _starlette(self, gate: Gate) -> ASGIApp:
        served: list[BaseRoute] = [Route(r.path, gate.guard(r), methods=[*r.methods]) for r in self.routes]
        served.append(Mount("/static", _Static(directory=Path(__file__).parent / "static")))
        handlers = {
            QueryError: self._bad_query,
            StoreError: self._store_away,
            HTTPException: self._refused,
            Exception: self._broken,
        }
        app = Starlette(routes=served, exception_handlers=handlers)  # type: ignore[arg-type]
        app.router.redirect_slashes = False
        return app

    def _open(self) -> None:
        """Open the store unless that is done; raises ``StoreError``, and tries again the next time."""
        if not self._opened:
            self._store.open()
            self._opened = True

    async def _bad_query(self, request: Request, error: QueryError) -> Response:
        status, code = (403, "outside_scope") if isinstance(error, ScopeError) else (400, "bad_parameter")
        return self._render.problem(request, status, code, str(error), error.field)

    async def _store_away(self, request: Request, error: StoreError) -> Response:
        _logger.warning("the log browser cannot read the store: %s", error)
        return self._render.problem(request, 503, "store_unavailable")

    async def _refused(self, request: Request, error: HTTPException) -> Response:
        codes = {403: "forbidden", 404: "not_found", 405: "method_not_allowed", 429: "too_many_requests"}
        said = None if error.detail == HTTPStatus(error.status_code).phrase else error.detail
        response = self._render.problem(request, error.status_code, codes.get(error.status_code, "refused"), said)
        response.headers.update(error.headers or {})
        return response

    async def _broken(self, request: Request, error: Exception) -> Response:
        return self._render.problem(request, 500, "internal_error")


class _Static(StaticFiles):
    """Scripts and styles: not secret, and asked for anew each time so that an upgrade shows at once."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["cache-control"] = "no-cache"
        return response


def _check(title: str, theme: str, frame_ancestors: str, support_url: str | None, enabled_for: object) -> None:
    if not isinstance(title, str):
        raise ConfigurationError(f"title takes a text, not {title!r}")
    if enabled_for is not None and not callable(enabled_for):
        raise ConfigurationError(f"enabled_for takes a callable that gets a Principal, not {enabled_for!r}")
    if theme not in _THEMES:
        raise ConfigurationError(f"theme takes {', '.join(_THEMES)}, not {theme!r}")
    if not isinstance(frame_ancestors, str) or set(frame_ancestors) & set(";,\r\n"):
        raise ConfigurationError(f"frame_ancestors takes sources divided by blanks, not {frame_ancestors!r}")
    if support_url is not None and not str(support_url).startswith(("https://", "http://", "mailto:", "/")):
        raise ConfigurationError(f"support_url takes an address of the web or a mailto:, not {support_url!r}")


def discard_captures(scope: Scope) -> None:
    """Leave a request out of the log, wherever it was captured."""
    # Reading the log is not an event of the log. Every capture around the viewer is dropped, however deep
    # it is mounted, and not by its path, which only the host knows.
    capture = scope.get("integration_logger")
    while capture is not None:
        capture.discard()
        capture = capture.outer


def _security_headers(frame_ancestors: str) -> dict[str, str]:
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {frame_ancestors}"
    )
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "private, no-store",
    }


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = MutableHeaders(scope=message)
            for name, value in headers.items():
                present.setdefault(name, value)
        await send(message)

    return send_with_headers
