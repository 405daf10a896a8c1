"""Where the logger is installed: in clients of all kinds, in transports, in the whole process, and twice."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import httpx2
import pytest
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from integration_logger.testing import RecordingLogger
from tests.adapters.clients import LIBRARIES, Library, calling, every_library
from tests.adapters.conftest import Recording
from tests.adapters.peers import http2, peer
from tests.viewer.server import serving

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc"


def memory(library: Library, text: str = "abc") -> Any:
    return library.transport(lambda request: library.module.Response(200, text=text))


@every_library
def test_scenario_30_proxies_of_the_environment(
    library: Library, log: RecordingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is still asked, with the whole URL, and the call is an entry."""
    heads = []

    def proxy(connection: socket.socket, head: bytes) -> None:
        heads.append(head.split()[1])
        connection.sendall(PLAIN)
        connection.close()

    with peer(proxy) as address:
        monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
        with calling(log.httpx(library.make())) as caller:
            assert caller.get("http://nowhere.invalid/a").text == "abc"
    assert heads == [b"http://nowhere.invalid/a"]
    (entry,) = log.entries
    assert (entry.url, entry.host, entry.status_code) == ("http://nowhere.invalid/a", "nowhere.invalid", 200)


@every_library
def test_scenario_30_mounts_and_transports(library: Library, log: RecordingLogger) -> None:
    """Each mount has its own transport, one that is switched off none, and all is as it looks."""
    mounted, default = memory(library, "mounted"), memory(library, "default")
    client = library.make(transport=default, mounts={"all://b.example": mounted, "all://c.example": None})
    log.httpx(client)
    assert isinstance(client._transport, type(default))
    assert client._transport == default
    assert [*client._mounts.values()].count(None) == 1
    with calling(client) as caller:
        texts = [caller.get(f"http://{name}.example/").text for name in "abc"]
    assert texts == ["default", "mounted", "default"]
    assert mounted.closed
    assert default.closed
    assert [entry.host for entry in log.entries] == ["a.example", "b.example", "c.example"]


@every_library
def test_scenario_30_http_2(library: Library, log: RecordingLogger) -> None:
    """Over one connection, up and down."""
    with peer(http2) as address, calling(log.httpx(library.make(http1=False, http2=True))) as caller:
        for text in ("one", "two"):
            answer = caller.request("POST", f"http://{address}/", content=library.parts(text.encode()))
            assert (answer.text, answer.http_version) == (text, "HTTP/2")
    for text, entry in zip(("one", "two"), log.entries, strict=True):
        assert (entry.http_version, entry.status_code) == ("2", 200)
        assert entry.request is not None
        assert entry.response is not None
        assert entry.request.body == entry.response.body == text.encode()


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_scenario_30_an_application_in_process(module: Any, log: RecordingLogger) -> None:
    """Called through ASGITransport and WSGITransport: what it records is within the call that went out."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"abc"})

    def wsgi(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"a", b"bc"]

    async def call() -> str:
        async with log.httpx(module.AsyncClient(transport=module.ASGITransport(log.asgi(asgi)))) as client:
            return (await client.get("http://a.example/")).text

    assert asyncio.run(call()) == "abc"
    with log.httpx(module.Client(transport=module.WSGITransport(log.wsgi(wsgi)))) as client:
        assert client.get("http://a.example/").text == "abc"
    entries = log.entries
    assert sorted(entry.kind for entry in entries) == ["inbound", "inbound", "outbound", "outbound"]
    for inbound in (entry for entry in entries if entry.kind == "inbound"):
        (outbound,) = (entry for entry in entries if entry.id == inbound.parent_id)
        assert (outbound.kind, outbound.trace_id) == ("outbound", inbound.trace_id)


@every_library
@pytest.mark.parametrize("twice", ["client", "client and transport", "client and process", "process twice", "all"])
def test_scenario_30_installed_twice_records_once(library: Library, twice: str, log: RecordingLogger) -> None:
    """In whatever combination."""
    transport = memory(library)
    if twice in ("client and transport", "all"):
        transport = log.transport(log.transport(transport))
    client = library.make(transport=transport, follow_redirects=True)
    if twice != "process twice":
        log.httpx(client)
    if twice in ("client", "all"):
        log.httpx(client)
    processes = {"process twice": 2, "client and process": 1, "all": 1}.get(twice, 0)
    undo = [log.instrument_httpx() for _ in range(processes)]
    try:
        with calling(client) as caller:
            caller.get("http://a.example/")
            with pytest.raises(library.module.InvalidURL):
                caller.get("http://a.example:port/")
    finally:
        for each in undo:
            each()
    assert [(entry.status_code, entry.error_type) for entry in log.entries] == [(200, None), (None, "validation")]
    assert log.recorder.under_way == {}


@every_library
def test_every_client_of_the_process(library: Library, log: RecordingLogger) -> None:
    """Those that were there before, those made later, and subclasses; until it is undone."""

    class Own(type(library.make())):  # type: ignore[misc]
        pass

    before = library.make(transport=memory(library))
    methods = [
        (kind, name, vars(kind)[name]) for kind in type(before).__mro__ for name in vars(kind) if name != "__doc__"
    ]
    undo = log.instrument_httpx()
    try:
        for client in (before, library.make(transport=memory(library)), Own(transport=memory(library), verify=False)):
            with calling(client) as caller:
                assert caller.get("http://a.example/").text == "abc"
    finally:
        undo()
    with calling(library.make(transport=memory(library))) as caller:
        caller.get("http://a.example/")
    assert len(log.entries) == 3
    assert [each for each in methods if vars(each[0])[each[1]] is not each[2]] == []


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_calls_without_a_client(module: Any, log: RecordingLogger) -> None:
    """``httpx.get()`` and ``httpx.stream()``, and again nothing once it is undone."""
    undo = log.instrument_httpx(labels=lambda request: {"operation": request.method})
    with peer(PLAIN) as address:
        try:
            assert module.get(f"http://{address}/").text == "abc"
            with module.stream("GET", f"http://{address}/") as response:
                assert [*response.iter_bytes()] == [b"abc"]
        finally:
            undo()
        module.get(f"http://{address}/")
    assert [(entry.operation, entry.status_code) for entry in log.entries] == [("GET", 200)] * 2


def test_who_patches_after_us_stays(log: RecordingLogger) -> None:
    """A wrapper that came later is not thrown out by the undoing; ours only looks away."""
    original = httpx.Client.send
    undo = log.instrument_httpx()
    ours = httpx.Client.send
    seen = []

    def later(self: Any, *args: Any, **options: Any) -> Any:
        seen.append(1)
        return ours(self, *args, **options)

    httpx.Client.send = later  # type: ignore[method-assign]
    try:
        undo()
        with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
            client.get("http://a.example/")
        assert httpx.Client.send is later
    finally:
        httpx.Client.send = original  # type: ignore[method-assign]
    assert (len(seen), log.entries) == (1, [])


def test_a_test_client_of_starlette(log: RecordingLogger) -> None:
    """It is a client of httpx, so that its calls are entries as well, unless they are left out."""
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("hello"))])
    for exclude in ((), ("testserver/*",)):
        undo = log.instrument_httpx(exclude=exclude)
        try:
            assert TestClient(app).get("/").text == "hello"
        finally:
            undo()
    assert [(entry.kind, entry.host) for entry in log.entries] == [("outbound", "testserver")]


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_threads_share_a_client(module: Any, log: RecordingLogger) -> None:
    """Calls at the same time are calls of their own."""
    transport = module.MockTransport(lambda request: module.Response(200, content=iter([b"a" * 10, b"b"])))
    with log.httpx(module.Client(transport=transport)) as client, ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client.get, f"http://{number}.example/") for number in range(200)]
        assert {answer.result().content for answer in answers} == {b"a" * 10 + b"b"}
    assert {entry.host for entry in log.entries} == {f"{number}.example" for number in range(200)}
    assert [(entry.attempt, entry.transaction_id == entry.id) for entry in log.entries] == [(1, True)] * 200
    assert log.recorder.under_way == {}


async def events(request: Request) -> Response:
    async def made() -> AsyncIterator[bytes]:
        for number in range(3):
            yield f"data: {number}\n\n".encode()

    return StreamingResponse(made(), media_type="text/event-stream")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(Starlette(routes=[Route("/", events)])) as address:
        yield address


@pytest.mark.parametrize("library", [each for each in LIBRARIES if each.is_async], ids=str)
def test_clients_on_trio(library: Library, address: str, log: RecordingLogger) -> None:
    """No event loop is presupposed."""

    async def main() -> list[str]:
        async with log.httpx(library.make()) as client, client.stream("GET", address) as response:
            return [line async for line in response.aiter_lines() if line]

    assert trio.run(main) == ["data: 0", "data: 1", "data: 2"]
    (entry,) = log.entries
    assert entry.response is not None
    assert (entry.response.size, entry.response.truncated) == (27, False)


@every_library
def test_two_loggers_have_an_entry_each(library: Library, log: RecordingLogger, recorded: Recording) -> None:
    """Neither is the parent of the other's."""
    other = recorded()
    with calling(other.httpx(log.httpx(library.make(transport=memory(library))))) as caller:
        caller.get("http://a.example/")
    for each in (log, other):
        (entry,) = each.entries
        assert (entry.parent_id, entry.response and entry.response.body) == (None, b"abc")
