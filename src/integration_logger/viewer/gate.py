"""The one way in: every request is identified, held against its row of the table of routes, and only then answered."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from math import ceil, inf
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.errors import StoreError
from integration_logger.stores.base import Store
from integration_logger.viewer import limits
from integration_logger.viewer.access import Authorize, EnabledFor, Principal, ask, identify
from integration_logger.viewer.csrf import FIELD, HEADER, Tokens, is_of_this_site, is_part_of_other_page, needs_token
from integration_logger.viewer.limits import WORDS, who
from integration_logger.viewer.render import Renderer
from integration_logger.viewer.routes import Route
from integration_logger.viewer.submitted import read_submitted, submitted
from integration_logger.viewer.threads import ANSWER, in_thread

_logger = logging.getLogger("integration_logger")
_READING = frozenset(("GET", "HEAD"))
_CHANGES_NOTHING = frozenset(("view", "detail"))


class Gate:
    """Lets in who may come in. ``open_store`` opens the store unless that is done.

    To readers for whom ``enabled_for`` says no there is no log browser at all.
    """

    def __init__(
        self,
        store: Store,
        open_store: Callable[[], None],
        authorize: Authorize,
        render: Renderer,
        enabled_for: EnabledFor | None = None,
    ) -> None:
        self._open_store = open_store
        self._authorize = authorize
        self._enabled_for = enabled_for
        self._render = render
        self._tokens = Tokens(store)
        self._limits = limits.Allowance()

    def guard(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers requests for a route."""

        async def guarded(request: Request) -> Response:
            sign_in = getattr(self._authorize, "sign_in", None)
            if sign_in and request.method in _READING and (response := sign_in(request)):
                return response  # type: ignore[no-any-return]
            try:
                principal = await identify(self._authorize, request)
                is_enabled = principal is None or await self._is_enabled(principal, request)
            except Exception:
                _logger.exception("authorize failed; the log browser shows nothing")
                return self._render.problem(request, 500, "authorize_failed")
            if principal is None:
                return self._unauthorized(request)
            if not is_enabled:
                raise HTTPException(404, "There is no log here.")
            return await self._admit(request, route, principal)

        return guarded

    async def _is_enabled(self, principal: Principal, request: Request) -> bool:
        return self._enabled_for is None or await ask(self._enabled_for, principal, request) is True

    def _unauthorized(self, request: Request) -> Response:
        response = self._render.problem(request, 401, "unauthorized", getattr(self._authorize, "hint", None))
        if challenge := getattr(self._authorize, "challenge", None):
            response.headers["www-authenticate"] = challenge
        return response

    async def _admit(self, request: Request, route: Route, principal: Principal) -> Response:
        _refuse_beyond(route, principal)
        # before anything is taken from the reader's allowance, or noted in the reader's name
        if is_part_of_other_page(request) or (request.method not in _READING and not is_of_this_site(request)):
            return self._render.problem(request, 403, "cross_site")
        if refusal := self._too_much(request, route, principal):
            return refusal
        if request.method not in _READING:
            await read_submitted(request)
            if not await in_thread(self._has_token, request, principal):
                return self._render.problem(request, 403, "cross_site")
        if inspect.iscoroutinefunction(route.endpoint):
            await in_thread(self._open_store)
            return cast(Response, await route.endpoint(request, principal))
        # what changes something is waited for: nobody shall be told that it failed, and it is done after all
        seconds = ANSWER if request.method in _READING else inf
        return await in_thread(self._answer, route, request, principal, seconds=seconds)

    def _too_much(self, request: Request, route: Route, principal: Principal) -> Response | None:
        cost = route.costs + (WORDS if request.query_params.get("q") else 0)
        if not cost or not (wait := self._limits.take(who(principal), cost)):
            return None
        response = self._render.problem(request, 429, "too_many_requests")
        response.headers["retry-after"] = str(ceil(wait))
        return response

    def _answer(self, route: Route, request: Request, principal: Principal) -> Response:
        if route.needs_store:
            self._open_store()
        request.state.csrf = self._token(principal)
        request.state.sees_audit, request.state.may_erase = principal.may("audit"), principal.may("erase")
        return cast(Response, route.endpoint(request, principal))

    def _has_token(self, request: Request, principal: Principal) -> bool:
        if not needs_token(request):
            return True
        self._open_store()
        token = request.headers.get(HEADER) or submitted(request).get(FIELD)
        return self._tokens.is_of(token, principal.name)

    def _token(self, principal: Principal) -> str | None:
        """Return what the reader's pages send back; None for who changes nothing, and while the store is away."""
        if principal.permissions <= _CHANGES_NOTHING:
            return None
        try:
            self._open_store()
            return self._tokens.of(principal.name)
        except StoreError:
            return None


def _refuse_beyond(route: Route, principal: Principal) -> None:
    if not principal.may("view"):
        raise HTTPException(403, f"The role {principal.role!r} may not see the log.")
    if not principal.may(route.needs):
        raise HTTPException(403, f"This needs the permission {route.needs!r}.")
    if principal.limited and not route.limited:
        raise HTTPException(403, "This is not for readers who see some tenants or applications only.")
