"""The one way in: what a row of the table of routes asks for, and who may change something."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Served

from integration_logger.query import ALL
from integration_logger.stores.base import Store
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal
from integration_logger.viewer.csrf import Tokens
from integration_logger.viewer.gate import Gate
from integration_logger.viewer.render import Renderer, json_response
from integration_logger.viewer.routes import Route
from integration_logger.viewer.submitted import MAX_SUBMITTED, submitted
from tests.viewer.server import OWNER, Client

SAME = {"sec-fetch-site": "same-origin", "origin": "http://localhost:8000"}


def echo(request: Request, principal: Principal) -> Response:
    """Answer with what was sent."""
    return json_response(submitted(request))


def worker(store: Store, principal: Principal | None = OWNER, **row: Any) -> Client:
    """Return a client of one worker with one changing route."""

    async def authorize(_: Request) -> Principal | None:
        return principal

    render = Renderer(title="Log", theme="system", support_url=None, retention=None)

    async def refused(request: Request, error: HTTPException) -> Response:
        return render.problem(request, error.status_code, "refused", error.detail)

    route = Route(path="/api/change", endpoint=echo, **{"methods": ("POST", "DELETE")} | row)
    guarded = Gate(store, store.open, authorize, render).guard(route)
    app = Starlette(
        routes=[Served(route.path, guarded, methods=[*route.methods])],
        exception_handlers={HTTPException: refused},  # type: ignore[dict-item]
    )
    return Client(app)


def change(client: Client, headers: dict[str, str] | None = None, **options: Any) -> int:
    return client.send("POST", "/api/change", headers=headers or {}, **options).status_code


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "Same-Origin", "same-origin, cross-site"])
def test_another_site_is_refused_with_the_right_token(site: str) -> None:
    """What the browser says of its page comes first: no token makes up for it."""
    store = MemoryStore()
    headers = {"sec-fetch-site": site, "x-csrf-token": Tokens(store).of(OWNER.name)}
    assert change(worker(store), headers) == 403
    assert change(worker(store), {**headers, "authorization": "Bearer x"}) == 403


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "http://evil.example", "http://localhost", "http://localhost:8001", "http://localhost:8000.evil.example",
        "http://evil.example/localhost:8000", "localhost:8000",
    ],
)  # fmt: skip
def test_another_origin_is_refused_where_the_browser_does_not_name_the_site(origin: str) -> None:
    """The host of ``Origin`` is the host that was asked, with its port."""
    store = MemoryStore()
    assert change(worker(store), {"origin": origin, "x-csrf-token": Tokens(store).of(OWNER.name)}) == 403


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é", "Tokens"])
@pytest.mark.parametrize("sign", [SAME, {"origin": "http://localhost:8000"}, {"cookie": "session=1"}], ids=str)
def test_a_browser_shows_the_readers_token(sign: dict[str, str], token: str | None) -> None:
    """Neither a missing nor a wrong token will do, nor that of another reader."""
    store = MemoryStore()
    other = Tokens(store).of("bo")
    for shown in {token, other} - {None}:
        assert change(worker(store), {**sign, "x-csrf-token": shown.encode()}) == 403  # type: ignore[dict-item, union-attr]
    assert change(worker(store), sign) == 403
    assert change(worker(store), {**sign, "x-csrf-token": Tokens(store).of(OWNER.name)}) == 200


def test_any_worker_knows_the_token_that_another_gave_out(tmp_path: Any) -> None:
    """The key lies in the store, and a form may carry the token as a field."""
    from integration_logger.stores.sql import SQLStore

    one, other = (SQLStore.from_url(f"sqlite:///{tmp_path / 'log.db'}") for _ in range(2))
    one.open()
    token = Tokens(one).of(OWNER.name)
    assert change(worker(other), SAME, data={"csrf": token}) == 200
    assert change(worker(other), SAME, json={"csrf": token}) == 200
    one.close()
    other.close()


def test_programs_need_no_token() -> None:
    """What shows no sign of a browser is none, and a bearer token is nothing that a browser sends by itself."""
    store = MemoryStore()
    assert change(worker(store)) == 200
    assert change(worker(store), {"authorization": "Basic YTpi"}) == 200
    assert change(worker(store), {"authorization": "Bearer x", "cookie": "a=b"} | SAME) == 200
    assert change(worker(store), {"authorization": "Basic YTpi", "cookie": "a=b"}) == 403


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b'{"a": 1}', 200),
        ("application/json", b"[1]", 400),
        ("application/json", b"{", 400),
        ("application/json", b"\xff", 400),
        ("application/json", b'{"a":' * 5000, 400),
        ("application/x-www-form-urlencoded", b"a=1&a=2", 200),
        ("application/x-www-form-urlencoded", b"a=%ff", 400),
        ("application/x-www-form-urlencoded", b"\xff", 400),
        ("application/x-www-form-urlencoded", b"a=1&" * 2000, 400),
        ("text/plain", b'{"a": 1}', 415),
        ("multipart/form-data", b"a", 415),
        ("", b"a", 415),
        ("application/json", b" " * (MAX_SUBMITTED + 1), 413),
    ],
    ids=range(13),
)
def test_what_was_sent_is_read_or_refused(content_type: str, body: bytes, status: int) -> None:
    """Only objects and forms of a bounded size are taken; nothing else fails the browser."""
    assert change(worker(MemoryStore()), {"content-type": content_type}, content=body) == status


def test_a_field_that_came_several_times_is_a_list() -> None:
    """So that boxes can be ticked in a form."""
    sent = worker(MemoryStore()).send("POST", "/api/change", data={"roles": ["owner", "supervisor"], "on": "1"})
    assert sent.json() == {"roles": ["owner", "supervisor"], "on": "1"}
    assert worker(MemoryStore()).send("DELETE", "/api/change").json() == {}


def test_a_row_says_who_may_come_in() -> None:
    """Nobody is 401; without the permission, or limited where that is not for them, it is 403."""
    supervisor = Principal("bo", role="supervisor", tenants=ALL)
    limited = Principal("cy", role="owner", tenants=["acme"])
    assert change(worker(MemoryStore(), None)) == 401
    assert change(worker(MemoryStore(), supervisor, needs="erase")) == 403
    assert change(worker(MemoryStore(), limited, needs="erase")) == 200
    assert change(worker(MemoryStore(), limited, limited=False)) == 403
