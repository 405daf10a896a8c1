"""Hosts: route templates of Starlette and FastAPI, mounted applications, and event loops other than asyncio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from fastapi import APIRouter, FastAPI, HTTPException
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route, Router

from integration_logger.adapters.asgi_scope import address, route
from integration_logger.testing import RecordingLogger
from tests.adapters.server import App, Server, answer, http_scope


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


def starlette() -> App:
    inner = Starlette(routes=[Route("/items/{item}", hello)])
    return Starlette(
        routes=[
            Route("/orders/{order:int}", hello, methods=["GET"]),
            Mount("/shops/{shop}", routes=[Route("/orders/{order}", hello), Mount("/deep/{n:int}", app=inner)]),
            Mount("/inner", app=inner),
            Mount("/router", app=Router(routes=[Route("/a", hello)])),
            Mount("/files", app=answer(200, (), b"file")),
            Host("api.example.com", app=Router(routes=[Route("/v1/{x}", hello)])),
        ]
    )


def fastapi() -> App:
    app = FastAPI()
    router, below = APIRouter(prefix="/v1"), APIRouter(prefix="/customers/{customer}")

    @router.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        return {"item": item_id}

    @below.post("/invoices/{invoice}")
    async def invoice(customer: str, invoice: str) -> None:
        raise HTTPException(409, "paid already")

    @app.get("/plain/{x}")
    def plain(x: str) -> str:
        return x

    sub = FastAPI()

    @sub.get("/users/{user}")
    async def user(user: str) -> str:
        return user

    router.include_router(below, prefix="/shop")
    app.include_router(router, prefix="/api")
    app.mount("/tenants/{tenant}", sub)
    return app


CASES: list[tuple[Callable[[], App], str, str, int, str | None]] = [
    (starlette, "GET", "/orders/12?x=1", 200, "/orders/{order:int}"),
    (starlette, "POST", "/orders/12", 405, "/orders/{order:int}"),
    (starlette, "GET", "/shops/7/orders/9", 200, "/shops/{shop}/orders/{order}"),
    (starlette, "GET", "/shops/shops/orders/orders", 200, "/shops/{shop}/orders/{order}"),
    (starlette, "GET", "/shops/a/deep/5/items/5", 200, "/shops/{shop}/deep/{n}/items/{item}"),
    (starlette, "GET", "/inner/items/3", 200, "/inner/items/{item}"),
    (starlette, "GET", "/router/a", 200, "/router/a"),
    (starlette, "GET", "/files/img/logo.png", 200, "/files/{path}"),
    (starlette, "GET", "/inner/nothing", 404, "/inner/{path}"),
    (starlette, "GET", "/nothing", 404, None),
    (fastapi, "GET", "/api/v1/items/3", 200, "/api/v1/items/{item_id}"),
    (fastapi, "GET", "/api/v1/items/three", 422, "/api/v1/items/{item_id}"),
    (
        fastapi,
        "POST",
        "/api/v1/shop/customers/c/invoices/i",
        409,
        "/api/v1/shop/customers/{customer}/invoices/{invoice}",
    ),
    (fastapi, "GET", "/plain/y", 200, "/plain/{x}"),
    (fastapi, "GET", "/tenants/acme/users/ana", 200, "/tenants/{tenant}/users/{user}"),
    (fastapi, "GET", "/nothing", 404, None),
]


def outermost(log: RecordingLogger, app: Any) -> App:
    return log.asgi(app)


def added(log: RecordingLogger, app: Any) -> App:
    app.add_middleware(log.asgi)
    return app


@pytest.mark.parametrize("install", [outermost, added])
@pytest.mark.parametrize(("make", "method", "target", "status", "template"), CASES)
def test_the_route_is_the_template_that_took_the_call(
    log: RecordingLogger, make: Any, method: str, target: str, status: int, template: str | None, install: Any
) -> None:
    """Mounts and included routers are part of the template, values of parameters are not."""
    assert Server(method, target).run(install(log, make())).status == status
    (entry,) = log.entries
    assert entry.route == template
    assert entry.url == f"http://shop.example.com{target}"


def test_a_route_below_a_host_is_found(log: RecordingLogger) -> None:
    """A router that a host name leads to tells its own template."""
    call = Server(target="/v1/5")
    call.scope["headers"] = [(b"host", b"api.example.com")]
    assert call.run(log.asgi(starlette())).status == 200
    assert log.entries[0].route == "/v1/{x}"


def test_a_server_with_a_root_path_does_not_change_the_template(log: RecordingLogger) -> None:
    """The prefix that the server serves under is no part of the application's routes."""
    for target in ("/base/shops/7/orders/9", "/base/orders/4"):
        Server(target=target, root_path="/base").run(log.asgi(starlette()))
    assert [entry.route for entry in log.entries] == ["/shops/{shop}/orders/{order}", "/orders/{order:int}"]


def test_a_wrapped_mount_tells_its_whole_template(log: RecordingLogger) -> None:
    """A logger around a mounted application only knows the prefix as well."""
    inner = log.asgi(Starlette(routes=[Route("/items/{item}", hello)]))
    Server(target="/inner/9/items/3").run(Starlette(routes=[Mount("/inner/{n}", app=inner)]))
    (entry,) = log.entries
    assert entry.route == "/inner/{n}/items/{item}"
    assert entry.url == "http://shop.example.com/inner/9/items/3"


def test_a_mount_parameter_that_is_written_in_another_way_does_not_leak(log: RecordingLogger) -> None:
    """Where a value cannot be found in the path again, no part of the path gets into the template."""
    app = Starlette(routes=[Mount("/n/{n:int}", routes=[Route("/x", hello)])])
    Server(target="/n/007/x").run(log.asgi(app))
    assert log.entries[0].route == "/x"


class Strange:
    """A route of nobody's framework."""

    def __init__(self, path: object) -> None:
        self.path = path


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, None),
        ({"route": None}, None),
        ({"route": "/x"}, None),
        ({"route": Strange(5)}, None),
        ({"route": Strange("/x")}, "/x"),
        ({"route": Strange("/x"), "root_path": None}, "/x"),
        ({"route": Strange("/x"), "fastapi": {}}, "/x"),
    ],
)
def test_other_frameworks_tell_no_route_or_their_own(scope: dict[str, Any], expected: str | None) -> None:
    """What is no route object is passed over."""
    assert route(scope) == expected


def test_a_route_that_cannot_be_told_costs_the_route_only(recorded: Callable[..., RecordingLogger]) -> None:
    """An object in the scope that raises when asked does not cost the entry."""

    class Raises:
        @property
        def path(self) -> str:
            raise RuntimeError

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = Raises()
        await answer(200, (), b"hello")(scope, receive, send)

    log = recorded()
    assert Server().run(log.asgi(app)).body == b"hello"
    assert [(entry.route, entry.status_code) for entry in log.entries] == [(None, 200)]
    assert log.health().failed == 1


@pytest.mark.parametrize(
    ("changes", "host", "url"),
    [
        ({}, "shop.example.com", "http://shop.example.com/a"),
        ({"scheme": "https"}, "shop.example.com", "https://shop.example.com/a"),
        ({"headers": []}, "127.0.0.1:8000", "http://127.0.0.1:8000/a"),
        ({"headers": [], "server": ("::1", 8000)}, "[::1]:8000", "http://[::1]:8000/a"),
        ({"headers": [], "server": ("/run/shop.sock", None)}, None, "/a"),
        ({"headers": [], "server": None}, None, "/a"),
        ({"headers": [(b"host", b"ana:hunter2@shop")]}, "shop", "http://shop/a"),
        ({"raw_path": None}, "shop.example.com", "http://shop.example.com/a"),
        (
            {"raw_path": None, "path": "/ä b?#\udcff"},
            "shop.example.com",
            "http://shop.example.com/%C3%A4%20b%3F%23%ED%B3%BF",
        ),
        ({"raw_path": b"/%C3%A4%2F"}, "shop.example.com", "http://shop.example.com/%C3%A4%2F"),
    ],
)
def test_the_address_is_the_one_that_was_asked_for(changes: dict[str, Any], host: str | None, url: str) -> None:
    """Host and URL come from the Host header and the raw path, else from what the server knows."""
    scope = http_scope(target="/a") | changes
    scope = {name: value for name, value in scope.items() if value is not None}
    assert address(scope, dict(scope["headers"]).get(b"host")) == (host, url)


def run_in_trio(call: Server, app: App) -> None:
    trio.run(call.serve, app)


def test_a_host_on_trio_works(log: RecordingLogger) -> None:
    """Streams, context and errors are the same on another event loop."""
    events: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"ping"
        log.current().label(user_id="1")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for number in range(3):
            await trio.sleep(0)
            events.append(f"made {number}")
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
        await send({"type": "http.response.body"})
        raise ValueError("late")

    call = Server("POST", body=b"ping", on_send=lambda message: events.append(message["type"].rpartition(".")[2]))
    with pytest.raises(ValueError):
        run_in_trio(call, log.asgi(app))
    assert events == ["start", "made 0", "body", "made 1", "body", "made 2", "body", "body"]
    answered, after = log.entries
    assert (answered.status, answered.user_id) == ("completed", "1")
    assert answered.response is not None
    assert answered.response.body == b"012"
    assert after.parent_id == answered.id


def test_a_framework_on_trio_works(log: RecordingLogger) -> None:
    """Starlette below us on trio answers as ever."""
    call = Server(target="/orders/3")
    run_in_trio(call, log.asgi(starlette()))
    assert call.body == b"hello"
    assert log.entries[0].route == "/orders/{order:int}"


def test_a_call_cancelled_by_trio_is_cancelled(log: RecordingLogger) -> None:
    """Trio's own cancellation passes through, and is no exception of the host."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope_of_call.cancel()
        await trio.sleep_forever()

    scope_of_call = trio.CancelScope()

    async def main() -> None:
        with scope_of_call:
            await Server().serve(log.asgi(app))

    trio.run(main)
    assert scope_of_call.cancelled_caught
    (entry,) = log.entries
    assert (entry.status, entry.error_type) == ("failed", "cancelled")


def test_no_event_loop_is_needed(log: RecordingLogger) -> None:
    """The middleware awaits nothing but the app and the server: a coroutine that never waits runs by itself."""
    call = Server()
    coroutine = call.serve(log.asgi(answer(200, (), b"hello")))
    with pytest.raises(StopIteration):
        coroutine.send(None)  # type: ignore[attr-defined]
    assert call.body == b"hello"
    assert log.entries[0].status == "completed"
