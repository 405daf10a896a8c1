"""Kondado's Logs API over the runs of this log, so that its clients can be pointed here.

Blocks of 50 runs in ascending order, after a given id. What the API's own document leaves open is listed in
``docs/reference/kondado.md``.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from integration_logger.codec import to_json
from integration_logger.compat.keys import KeyAndToken, key_and_token
from integration_logger.compat.kondado_openapi import CLIENT, REFUSALS, START, describe
from integration_logger.compat.kondado_rows import model_row, pipeline_row
from integration_logger.compat.rates import Rates
from integration_logger.entry import Entry
from integration_logger.errors import QueryError, ScopeError, StoreError
from integration_logger.filters import Condition
from integration_logger.query import Query
from integration_logger.stores.base import Store
from integration_logger.viewer.access import Authorize, Principal, checked, identify
from integration_logger.viewer.app import discard_captures
from integration_logger.viewer.threads import ANSWER, in_thread

__all__ = ["BLOCK", "LIMITS", "KeyAndToken", "Kondado", "key_and_token"]

BLOCK: Final = 50
"""Records of one answer."""
LIMITS: Final = ((1, 1.0), (20, 60.0))
"""Requests and the seconds they are counted in, for each address and for each reader."""

_logger = logging.getLogger("integration_logger")
_TOO_MANY: Final = "Too many requests. Please try again in 60 seconds."

Row = Callable[..., dict[str, Any]]
Endpoint = Callable[[Request, Principal], Response]


class Kondado:
    """The API as an ASGI application; mount it at any path.

    ``authorize`` says who a request comes from, as for the log browser; the reader's tenants are the accounts.
    ``include_failed`` lists failed runs, too, ``extended`` adds the fields of newer clients, ``inclusive_start`` begins
    with the given id instead of after it, ``legacy_status`` answers refusals with 200 as the original does, and
    ``rate_limit`` takes one request a second and 20 a minute.
    """

    def __init__(
        self,
        store: Store,
        *,
        authorize: Authorize,
        extended: bool = False,
        include_failed: bool = False,
        inclusive_start: bool = False,
        legacy_status: bool = False,
        rate_limit: bool = False,
        on_request: Callable[[], None] | None = None,
    ) -> None:
        self._authorize = checked(authorize)
        self._store = store
        self._extended = extended
        self._include_failed = include_failed
        self._inclusive_start = inclusive_start
        self._legacy_status = legacy_status
        self._rates = Rates(LIMITS) if rate_limit else None
        self._on_request = on_request
        self._opened = False
        self._app = self._starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        discard_captures(scope)
        if scope["type"] == "http" and self._on_request:
            self._on_request()
        await self._app(scope, receive, send)

    def _starlette(self) -> Starlette:
        endpoints: dict[str, Endpoint] = {
            "/pipeline_logs": self.pipeline_logs,
            "/model_logs": self.model_logs,
            "/pipelines/{id}/status": self.pipeline_status,
            "/models/{id}/status": self.model_status,
            "/openapi.json": self.openapi,
        }
        handlers = {
            QueryError: self._bad_parameter,
            StoreError: self._store_away,
            HTTPException: self._refused,
            Exception: self._broken,
        }
        routes = [Route(path, self._guard(endpoint)) for path, endpoint in endpoints.items()]
        app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
        app.router.redirect_slashes = False
        return app

    # --- what is answered ---------------------------------------------------------------------------

    def pipeline_logs(self, request: Request, principal: Principal) -> Response:
        """The next runs of pipelines."""
        return self._block(request, principal, "pipeline", pipeline_row)

    def model_logs(self, request: Request, principal: Principal) -> Response:
        """The next runs of models."""
        return self._block(request, principal, "model", model_row)

    def pipeline_status(self, request: Request, principal: Principal) -> Response:
        """How a pipeline does now."""
        id, running, last = self._newest(request, principal, "pipeline")
        status = {
            "status": "running" if running else "active",
            "is_running": running,
            "is_active": True,
            "is_blocked": False,
            "raw_msg": "\n".join(last.errors) or None if last and last.outcome == "error" else None,
        }
        return _json({id: status})

    def model_status(self, request: Request, principal: Principal) -> Response:
        """How a model does now."""
        id, running, _ = self._newest(request, principal, "model")
        status = {
            "status": "running" if running else "active",
            "is_running": running,
            "is_active": True,
            "kubo_status_type": None,
        }
        return _json({"success": True, "data": {id: status}})

    def openapi(self, request: Request, principal: Principal) -> Response:
        """This API as OpenAPI 3.1."""
        return _json(describe(request.scope.get("root_path") or "/", legacy_status=self._legacy_status))

    def _block(self, request: Request, principal: Principal, log_type: str, row: Row) -> Response:
        start = _start(request)
        query = self._query(request, principal, log_type)
        if self._inclusive_start:
            found = self._after(start - 1, query, BLOCK + 1)
            following = found[BLOCK].seq if len(found) > BLOCK else None
        else:
            found = self._after(start, query, BLOCK)
            following = found[-1].seq if found else None
        rows = [row(entry, extended=self._extended) for entry in found[:BLOCK]]
        pagination = {"next_start_element_id": following}
        return _json({"success": True, "data": {"success": True, "data": rows, "pagination": pagination}})

    def _after(self, start: int, query: Query, number: int) -> list[Entry]:
        """Return the next runs. A page of the store that ran out of its time is not the end, so it is read on."""
        found: list[Entry] = []
        position, has_more = max(start, 0), True
        while has_more and len(found) < number:
            limit = number - len(found)
            page = self._store.search(msgspec.structs.replace(query, cursor=position, limit=limit, order="asc"))
            found += page.entries
            position, has_more = page.next_cursor or position, page.has_more
        return found

    def _query(self, request: Request, principal: Principal, log_type: str) -> Query:
        conditions = [("kind", "run"), ("log_type", log_type)]
        if not self._include_failed:
            conditions.append(("status", "completed"))
        return _within(request, principal, conditions)

    def _newest(self, request: Request, principal: Principal, log_type: str) -> tuple[str, bool, Entry | None]:
        """Return the id of a job, whether it runs now, and its last run; 404 where it never ran."""
        id = request.path_params["id"]
        query = _within(request, principal, [("kind", "run"), ("log_type", log_type), ("label.job_id", id)])
        page = self._store.search(msgspec.structs.replace(query, limit=1))
        while page.has_more and not page.entries:
            rest = msgspec.structs.replace(query, limit=1, cursor=page.next_cursor)
            page = msgspec.structs.replace(self._store.search(rest), in_flight=page.in_flight)
        if not (page.entries or page.in_flight):
            raise HTTPException(404, f"no run of {log_type} {id} is known")
        return id, bool(page.in_flight), page.entries[0] if page.entries else None

    # --- who may ask --------------------------------------------------------------------------------

    def _guard(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            self._count(f"address {request.client.host if request.client else ''}")
            try:
                principal = await identify(self._authorize, request)
            except Exception:
                _logger.exception("authorize failed; the log browser shows nothing")
                return self._problem(500, "who you are could not be found out")
            if principal is None:
                return self._unauthorized()
            self._count(f"reader {principal.name}")
            if not principal.may("view"):
                raise HTTPException(403, f"the role {principal.role!r} may not see the log")
            return await in_thread(self._answer, endpoint, request, principal, seconds=ANSWER)

        return guarded

    def _answer(self, endpoint: Endpoint, request: Request, principal: Principal) -> Response:
        if not self._opened:
            self._store.open()
            self._opened = True
        return endpoint(request, principal)

    def _count(self, caller: str) -> None:
        if self._rates and (seconds := self._rates.wait(caller)):
            raise HTTPException(429, _TOO_MANY, {"retry-after": str(math.ceil(seconds))})

    # --- what goes wrong ----------------------------------------------------------------------------

    def _problem(self, status: int, message: str) -> Response:
        code, _ = REFUSALS.get(status, ("REFUSED", ""))
        body = {"success": False, "error": code, "message": message}
        return _json(body, 200 if self._legacy_status and status < 500 else status)

    def _unauthorized(self) -> Response:
        response = self._problem(401, getattr(self._authorize, "hint", "who are you?"))
        if challenge := getattr(self._authorize, "challenge", None):
            response.headers["www-authenticate"] = challenge
        return response

    async def _bad_parameter(self, request: Request, error: QueryError) -> Response:
        return self._problem(403 if isinstance(error, ScopeError) else 400, str(error))

    async def _store_away(self, request: Request, error: StoreError) -> Response:
        _logger.warning("the log browser cannot read the store: %s", error)
        return self._problem(503, "the log cannot be read right now")

    async def _refused(self, request: Request, error: HTTPException) -> Response:
        response = self._problem(error.status_code, error.detail)
        response.headers.update(error.headers or {})
        return response

    async def _broken(self, request: Request, error: Exception) -> Response:
        return self._problem(500, "the log of the application says what happened")


def _json(data: object, status: int = 200) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(to_json(data), status, headers, media_type="application/json")


def _start(request: Request) -> int:
    given = request.query_params.getlist("start_element_id")
    if not given or given == [""]:
        raise HTTPException(400, "start_element_id is required")
    if len(given) > 1 or not START.fits(given[0]):
        raise HTTPException(400, "start_element_id must be an integer")
    return int(given[0])


def _within(request: Request, principal: Principal, conditions: list[tuple[str, str]]) -> Query:
    """Return a query within what the reader may see, and within ``client_id`` where it is given."""
    given = request.query_params.getlist("client_id")
    if len(given) > 1 or "" in given or not all(map(CLIENT.fits, given)):
        raise HTTPException(400, "client_id must be one account")
    if given and given[0] not in principal.tenants:
        raise HTTPException(403, "client_id is not an account of yours")
    wanted = [*conditions, *(("tenant", tenant) for tenant in given)]
    return Query(scope=principal.scope, conditions=tuple(Condition(field, (value,)) for field, value in wanted))
