"""The log browser as an ASGI application that any host mounts in itself."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_logger.errors import ConfigurationError, QueryError, ScopeError, StoreError
from integration_logger.health import Health
from integration_logger.retention import Retention
from integration_logger.stores.base import Store
from integration_logger.viewer.access import Authorize, Principal, identify
from integration_logger.viewer.api import Api
from integration_logger.viewer.health import Watch
from integration_logger.viewer.pages import Pages
from integration_logger.viewer.render import Renderer
from integration_logger.viewer.tail import Tail
from integration_logger.viewer.threads import in_thread

_logger = logging.getLogger("integration_logger")
_THEMES = ("system", "light", "dark")

Endpoint = Callable[[Request, Principal], Response | Awaitable[Response]]


class Viewer:
    """The log browser and its JSON API; mount it at any path of an ASGI application.

    ``authorize`` says who a request comes from (a ``Principal``, or None for nobody) and must be given: the
    log holds what passed between the host and others. ``health`` returns how this process does,
    ``on_request`` is called before every request, ``retention`` lets the pages say how long entries are kept.
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
        health: Callable[[], Health] = Health,
        on_request: Callable[[], None] | None = None,
        retention: Retention | None = None,
    ) -> None:
        _check(authorize, theme, frame_ancestors, support_url)
        self._authorize: Authorize = authorize  # type: ignore[assignment]
        self._on_request = on_request
        self._headers = _security_headers(frame_ancestors)
        self._render = Renderer(title=title, theme=theme, support_url=support_url, retention=retention)
        self._store = store
        self._opened = False
        self.tail = Tail(store)
        watch = Watch(store, self._open, health, retention)
        self._app = self._routes(Api(store, self._render, self.tail, watch), Pages(store, self._render, watch))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _discard_captures(scope)
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": "the log browser has no WebSocket"})
            return
        if self._on_request:
            self._on_request()
        await self._app(scope, receive, _with_headers(send, self._headers))

    def close(self) -> None:
        """End all live tails at once, so that they do not hold up the host's shutdown."""
        self.tail.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _routes(self, api: Api, pages: Pages) -> ASGIApp:
        # Asked above all when the store is away.
        self._without_store: tuple[Endpoint, ...] = (api.meta, api.health, pages.health)
        guarded: list[tuple[str, Endpoint]] = [
            ("/", pages.calls),
            ("/entries/{id}", pages.entry),
            ("/health", pages.health),
            ("/api/entries", api.entries),
            ("/api/entries/{id}", api.entry),
            ("/api/entries/{id}/request", api.request_body),
            ("/api/entries/{id}/response", api.response_body),
            ("/api/entries/{id}/curl", api.curl),
            ("/api/stream", api.stream),
            ("/api/meta", api.meta),
            ("/api/health", api.health),
        ]
        routes: list[Route | Mount] = [Route(path, self._guard(endpoint)) for path, endpoint in guarded]
        routes.append(Mount("/static", _Static(directory=Path(__file__).parent / "static")))
        handlers = {
            QueryError: self._bad_query,
            StoreError: self._store_away,
            HTTPException: self._refused,
            Exception: self._broken,
        }
        app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
        app.router.redirect_slashes = False
        return app

    def _guard(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if request.scope["path"] == request.scope.get("root_path"):
                return RedirectResponse(request.scope["path"] + "/")
            sign_in = getattr(self._authorize, "sign_in", None)
            if sign_in and (response := sign_in(request)):
                return response  # type: ignore[no-any-return]
            return await self._admit(request, endpoint)

        return guarded

    async def _admit(self, request: Request, endpoint: Endpoint) -> Response:
        try:
            principal = await identify(self._authorize, request)
        except Exception:
            _logger.exception("authorize failed; the log browser shows nothing")
            return self._render.problem(request, 500, "authorize_failed")
        if principal is None:
            return self._render.problem(request, 401, "unauthorized", getattr(self._authorize, "hint", None))
        if not principal.may("view"):
            return self._render.problem(request, 403, "forbidden", f"The role {principal.role!r} may not see the log.")
        if inspect.iscoroutinefunction(endpoint):
            await in_thread(self._open)
            return cast(Response, await endpoint(request, principal))
        if endpoint in self._without_store:
            return cast(Response, await in_thread(endpoint, request, principal))
        return await in_thread(self._answer, endpoint, request, principal)

    def _answer(self, endpoint: Endpoint, request: Request, principal: Principal) -> Response:
        self._open()
        return cast(Response, endpoint(request, principal))

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
        codes = {403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
        said = None if error.detail == HTTPStatus(error.status_code).phrase else error.detail
        return self._render.problem(request, error.status_code, codes.get(error.status_code, "refused"), said)

    async def _broken(self, request: Request, error: Exception) -> Response:
        return self._render.problem(request, 500, "internal_error")


class _Static(StaticFiles):
    """Scripts and styles: not secret, and asked for anew each time so that an upgrade shows at once."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["cache-control"] = "no-cache"
        return response


def _check(authorize: object, theme: str, frame_ancestors: str, support_url: str | None) -> None:
    if not callable(authorize):
        raise ConfigurationError(
            "the log browser is not served without a decision about access: give authorize= a callable that takes "
            "the request and returns a Principal or None, or local_only() for your own machine"
        )
    if theme not in _THEMES:
        raise ConfigurationError(f"theme takes {', '.join(_THEMES)}, not {theme!r}")
    if set(frame_ancestors) & set(";,\r\n"):
        raise ConfigurationError(f"frame_ancestors takes sources divided by blanks, not {frame_ancestors!r}")
    if support_url is not None and not support_url.startswith(("https://", "http://", "mailto:", "/")):
        raise ConfigurationError(f"support_url takes an address of the web or a mailto:, not {support_url!r}")


def _discard_captures(scope: Scope) -> None:
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
        "cache-control": "no-store",
    }


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = MutableHeaders(scope=message)
            for name, value in headers.items():
                present.setdefault(name, value)
        await send(message)

    return send_with_headers
