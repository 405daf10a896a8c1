"""What belongs together: calls that go out are within the call that is being served, through tasks, threads, mounts."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from flask import Flask
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import use_span
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from integration_logger import IntegrationLogger, Redactor
from integration_logger.entry import Entry
from integration_logger.testing import RecordingLogger, recording
from tests.adapters.gateway import Gateway
from tests.adapters.server import Server, answer

REDACTOR = Redactor()
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = (b"traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())


@pytest.fixture
def log() -> Any:
    with recording(redact=REDACTOR) as log:
        yield log
        assert log.health().failed == 0


def unsteady(request: Any) -> Any:
    """Answer: 503 twice and then 200 for ``retried``, nothing for ``nowhere``, 200 else."""
    if request.url.host == "nowhere.example":
        raise httpx.ConnectError("no such host")
    statuses = {"retried.example": [503, 503, 200]}.get(request.url.host, [200])
    (mark,) = request.extensions["integration_logger"].values()
    return httpx.Response(statuses[mark.transaction.count - 1], text="abc")


def call(log: RecordingLogger, host: str, *, retry: bool = False) -> None:
    """Call a host, again after a 503 if told so."""
    with log.httpx(httpx.Client(transport=httpx.MockTransport(unsteady))) as client, log.attempts():
        try:
            while client.get(f"http://{host}/").status_code == 503 and retry:
                pass
        except httpx.ConnectError:
            log.current().error(f"{host} is away")


async def call_async(log: RecordingLogger, host: str, *, retry: bool = False) -> None:
    async with log.httpx(httpx.AsyncClient(transport=httpx.MockTransport(unsteady))) as client:
        with log.attempts():
            try:
                while (await client.get(f"http://{host}/")).status_code == 503 and retry:
                    pass
            except httpx.ConnectError:
                log.current().error(f"{host} is away")


async def by_tasks(log: RecordingLogger) -> None:
    await asyncio.gather(call_async(log, "retried.example", retry=True), call_async(log, "nowhere.example"))


async def by_threads(log: RecordingLogger) -> None:
    await asyncio.to_thread(call, log, "retried.example", retry=True)
    await anyio.to_thread.run_sync(call, log, "nowhere.example")


async def by_a_pool(log: RecordingLogger) -> None:
    with ThreadPoolExecutor() as pool:
        for host in ("retried.example", "nowhere.example"):
            pool.submit(contextvars.copy_context().run, call, log, host, retry=True).result()


WAYS: dict[str, Callable[[RecordingLogger], Awaitable[None]]] = {
    "tasks": by_tasks, "threads": by_threads, "a pool": by_a_pool,
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mounted", [False, True], ids=["app", "mounted behind middleware"])
def test_a_call_and_what_it_causes_is_one_tree(way: str, mounted: bool, log: RecordingLogger) -> None:
    """Inbound, and two outbound: one retried twice, one unreachable; labels go down with them."""

    async def endpoint(request: Request) -> Response:
        log.current().label(tenant="acme", user_id="42", source_url="/bots/3", category="not inherited")
        await WAYS[way](log)
        return PlainTextResponse("done")

    async def passing(request: Request, follow: Any) -> Response:
        response: Response = await follow(request)
        return response

    app: Any = Starlette(routes=[Route("/order", endpoint)])
    if mounted:
        app = Starlette(routes=[Mount("/shop", app)], middleware=[Middleware(BaseHTTPMiddleware, dispatch=passing)])
    with TestClient(log.asgi(app)) as client:
        assert client.get("/shop/order" if mounted else "/order", headers=[TRACEPARENT]).text == "done"
    assert_tree(log.entries)


def test_a_wsgi_call_and_what_it_causes_is_one_tree(log: RecordingLogger) -> None:
    """The same for Flask, in the thread of the call and in one that has its context."""
    app = Flask("shop")

    @app.get("/order")
    def order() -> str:
        log.current().label(tenant="acme", user_id="42", source_url="/bots/3")
        call(log, "retried.example", retry=True)
        with ThreadPoolExecutor() as pool:
            pool.submit(contextvars.copy_context().run, call, log, "nowhere.example").result()
        return "done"

    Gateway(target="/order", headers=[("traceparent", TRACEPARENT[1].decode())]).run(log.wsgi(app.wsgi_app))
    assert_tree(log.entries)


def assert_tree(entries: list[Entry]) -> None:
    (root,) = (entry for entry in entries if entry.kind == "inbound")
    children = [entry for entry in entries if entry.kind == "outbound"]
    assert len(children) == 4
    assert {(entry.parent_id, entry.trace_id) for entry in children} == {(root.id, TRACE)}
    assert root.trace_id == TRACE
    for entry in children:
        assert (entry.tenant, entry.user_id, entry.labels) == ("acme", "42", {"source_url": "/bots/3"})
        assert root.started_at <= entry.started_at
    retried = [entry for entry in children if entry.host == "retried.example"]
    assert [(entry.attempt, entry.status_code) for entry in retried] == [(1, 503), (2, 503), (3, 200)]
    assert {entry.transaction_id for entry in retried} == {retried[0].id}
    (away,) = (entry for entry in children if entry.host == "nowhere.example")
    assert (away.error_type, away.attempt, away.transaction_id) == ("connect", 1, away.id)
    assert root.errors == ("nowhere.example is away",)


def test_calls_side_by_side_have_their_own_children(log: RecordingLogger) -> None:
    """What is served at the same time does not mix."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.current().label(tenant=scope["path"])
        await asyncio.sleep(0)
        await call_async(log, f"host{scope['path'][1:]}.example")
        await answer()(scope, receive, send)

    async def together() -> None:
        await asyncio.gather(*(Server(target=f"/{number}").serve(log.asgi(app)) for number in range(10)))

    asyncio.run(together())
    by_id = {entry.id: entry for entry in log.entries}
    children = [entry for entry in log.entries if entry.kind == "outbound"]
    assert len(children) == 10
    for entry in children:
        assert entry.parent_id is not None
        assert entry.host == f"host{(entry.tenant or '')[1:]}.example"
        assert by_id[entry.parent_id].tenant == entry.tenant


def sent(log: RecordingLogger, module: Any = httpx, headers: Any = None, **options: Any) -> tuple[Entry, Any]:
    """Make a call outside of any other; return its entry and the headers that were sent."""
    seen = []

    def take(request: Any) -> Any:
        seen.append(dict(request.headers))
        return module.Response(200)

    with log.httpx(module.Client(transport=module.MockTransport(take)), **options) as client:
        client.get("http://a.example/", headers=headers)
    return log.entries[-1], seen[-1]


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_the_trace_is_sent_along_when_asked_for(module: Any, log: RecordingLogger) -> None:
    """``propagate=True`` names the entry's trace; by default nothing is added; what is there stays."""
    entry, headers = sent(log, module, propagate=True)
    version, trace, span, flags = headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", entry.trace_id, "01")
    assert entry.id.replace("-", "").endswith(span)
    assert ("traceparent", headers["traceparent"]) in dict(entry.request.headers).items()  # type: ignore[union-attr]
    assert "traceparent" not in sent(log, module)[1]
    entry, headers = sent(log, module, headers={"traceparent": TRACEPARENT[1].decode()}, propagate=True)
    assert (entry.trace_id, headers["traceparent"]) == (TRACE, TRACEPARENT[1].decode())


def test_each_attempt_sends_its_own_span(log: RecordingLogger) -> None:
    """A redirect takes the headers along, but not the place within the trace."""
    seen = []

    def take(request: Any) -> Any:
        seen.append(request.headers["traceparent"])
        return httpx.Response(200 if request.url.path == "/to" else 302, headers={"location": "/to"})

    with log.httpx(httpx.Client(transport=httpx.MockTransport(take)), propagate=True) as client:
        client.get("http://a.example/", follow_redirects=True)
    first, second = (entry.id.replace("-", "")[16:] for entry in log.entries)
    assert [each.split("-")[2] for each in seen] == [first, second]


def test_the_trace_of_opentelemetry_comes_first(log: RecordingLogger) -> None:
    """Its current span is what everything belongs to, whatever the headers say."""
    span = TracerProvider().get_tracer("test").start_span("work")
    with use_span(span):
        sent(log, headers={"traceparent": TRACEPARENT[1].decode()})
        Server(headers=[TRACEPARENT]).run(log.asgi(answer()))
    wanted = f"{span.get_span_context().trace_id:032x}"
    assert {entry.trace_id for entry in log.entries} == {wanted}


@pytest.mark.parametrize("fails", [False, True], ids=["answered", "failed"])
def test_a_span_that_begins_further_inside_names_the_trace(fails: bool, log: RecordingLogger) -> None:
    """OpenTelemetry sits in front of the network itself: what it sends along is what the entry has."""

    def take(request: Any) -> Any:
        request.headers["traceparent"] = TRACEPARENT[1].decode()
        if fails:
            raise httpx.ConnectError("no such host")
        return httpx.Response(200)

    with log.httpx(httpx.Client(transport=httpx.MockTransport(take))) as client, suppress(httpx.ConnectError):
        client.get("http://a.example/")
    assert [entry.trace_id for entry in log.entries] == [TRACE]


ZERO = b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01"
HOSTILE = [b"", ZERO, b"x" * 5000, b"00-zz", b"'; drop table", b"\xff\xfe", b"-" * 55]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_ids_from_outside_are_checked(value: bytes, log: RecordingLogger) -> None:
    """What is no id is not taken for one, and is not sent on."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await call_async(log, "a.example")
        await answer()(scope, receive, send)

    Server(headers=[(b"traceparent", value)]).run(log.asgi(app))
    for entry in log.entries:
        assert entry.trace_id is not None
        assert len(entry.trace_id) == 32
        assert int(entry.trace_id, 16)


def test_what_the_logger_itself_calls_is_not_recorded() -> None:
    """Not what processors and labels do for the log, nor what they do again because of that."""

    def ask(*given: Any) -> dict[str, object]:
        with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, text="acme"))) as client:
            return {"tenant": client.get("http://names.example/").text}

    def process(entry: Entry) -> Entry:
        ask()
        return entry

    with recording(redact=REDACTOR, processors=[process], labels=ask) as log:
        undo = log.instrument_httpx(labels=ask)
        try:
            with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
                client.get("http://a.example/")
            Server().run(log.asgi(answer(), labels=ask))
        finally:
            undo()
    assert [(entry.kind, entry.tenant) for entry in log.entries] == [("outbound", "acme"), ("inbound", "acme")]


def test_scenario_20_a_forked_child_records_its_own_calls(log: RecordingLogger) -> None:
    """A fork in the middle of a call: what the parent does is in the parent's log once, and the child's in its own."""

    def fork(request: Any) -> Any:
        pid = os.fork()
        if pid == 0:
            try:
                call(log, "child.example")
                hosts = [entry.host for entry in log.entries]
                os._exit(0 if hosts == ["child.example"] and len(log.recorder.under_way) == 0 else 1)
            finally:
                os._exit(2)
        _, status = os.waitpid(pid, 0)
        return httpx.Response(200 if status == 0 else 500)

    with log.httpx(httpx.Client(transport=httpx.MockTransport(fork))) as client:
        assert client.get("http://parent.example/").status_code == 200
    assert [entry.host for entry in log.entries] == ["parent.example"]


def test_scenario_21_calls_are_recorded_without_any_start() -> None:
    """In a script that serves nothing, with a store on the disk."""
    log = IntegrationLogger("memory:", redact=REDACTOR)
    with log.httpx(httpx.Client(transport=httpx.MockTransport(unsteady))) as client:
        client.get("http://a.example/")
    assert log.flush()
    assert log.health().shipped == 1
    log.close()
