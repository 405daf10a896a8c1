"""What an entry says of a plain call that comes in, and that the host does not notice."""

from __future__ import annotations

import asyncio
import json
from contextvars import Context, ContextVar
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from integration_logger.adapters.asgi import ASGIMiddleware
from integration_logger.context import current
from integration_logger.ids import new_id
from integration_logger.testing import RecordingLogger
from tests.adapters.server import Server, answer

JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain")


def test_an_entry_tells_the_call(log: RecordingLogger) -> None:
    """Method, address, status, times, peers, headers and bodies of both halves are what passed."""
    before = datetime.now(UTC)
    given, wanted = b'{"id": 1}', b'{"ok":true}'
    Server("POST", "/orders?page=2&q=a%20b", [JSON, (b"x-shop", b"one")], given).run(
        log.asgi(answer(201, [JSON, (b"x-order", b"7")], wanted))
    )
    (entry,) = log.entries
    assert (entry.kind, entry.status, entry.outcome, entry.status_code) == ("inbound", "completed", "success", 201)
    assert (entry.method, entry.url) == ("POST", "http://shop.example.com/orders?page=2&q=a%20b")
    assert (entry.host, entry.http_version, entry.client_ip) == ("shop.example.com", "1.1", "203.0.113.9")
    assert before <= entry.started_at <= datetime.now(UTC)
    assert entry.first_byte is not None
    assert entry.duration is not None
    assert 0 < entry.first_byte <= entry.duration < 10
    assert (entry.errors, entry.error_type, entry.has_errors, entry.traceback) == ((), None, False, None)
    assert entry.transaction_id == entry.id < new_id()
    assert entry.trace_id == entry.id.replace("-", "")
    assert entry.request is not None
    assert entry.request.headers[-2:] == (("x-shop", "one"), ("content-length", "9"))
    assert (entry.request.body, entry.request.size, entry.request.truncated) == (given, 9, False)
    assert entry.request.content_type == "application/json"
    assert entry.response is not None
    assert entry.response.headers == (("content-type", "application/json"), ("x-order", "7"))
    assert (entry.response.body, entry.response.size, entry.response.omitted) == (wanted, 11, None)


def test_the_messages_are_passed_on_as_they_are(log: RecordingLogger) -> None:
    """The app gets the server's own messages, the server the app's, unchanged and in order."""
    seen: list[dict[str, Any]] = []
    sent = [
        {"type": "http.response.start", "status": 200, "headers": [TEXT], "x": 1},
        {"type": "http.response.body", "body": b"a", "more_body": True, "y": [2]},
        {"type": "http.response.body", "body": b"b"},
    ]
    copies = [dict(message) for message in sent]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend([await receive(), await receive()])
        for message in sent:
            await send(message)

    call = Server("POST", body=[b"1", b"2"]).run(log.asgi(app))
    assert all(got is given for got, given in zip(seen, call.received, strict=True))
    assert all(got is given for got, given in zip(call.sent, sent, strict=True))
    assert sent == copies


def test_an_answer_from_the_app_alone_is_the_same_with_us(log: RecordingLogger) -> None:
    """Status, headers and body of a framework's answers do not change by a byte."""

    async def echo(request: Request) -> Response:
        return JSONResponse({"got": (await request.body()).decode(), "path": request.url.path}, 202)

    app = Starlette(routes=[Route("/echo/{x}", echo, methods=["POST", "GET"])])
    for method, target, body in [("POST", "/echo/1", b"hi"), ("GET", "/echo/1", b""), ("GET", "/no", b"")]:
        alone = Server(method, target, body=body).run(app).sent
        assert Server(method, target, body=body).run(log.asgi(app)).sent == alone


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PURGE", "get"])
def test_a_call_without_a_body_has_none(log: RecordingLogger, method: str) -> None:
    """Where nothing was announced and nothing came, nothing is said to be missing."""
    Server(method).run(log.asgi(answer(200)))
    request = log.entries[0].request
    assert request is not None
    assert (request.body, request.size, request.omitted, request.truncated) == (None, 0, None, False)


@pytest.mark.parametrize("version", ["1.1", "2", "3"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_body_that_was_not_announced_is_kept(log: RecordingLogger, version: str, method: str) -> None:
    """HTTP/2 and later need no Content-Length, and every method may have a body."""
    call = Server(method, headers=[TEXT], body=[b"one ", b"two"], http_version=version)
    call.scope["headers"].pop()  # chunked
    call.run(log.asgi(answer(200)))
    request = log.entries[0].request
    assert request is not None
    assert (request.body, request.size, request.omitted, request.truncated) == (b"one two", 7, None, False)


async def never_reads(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


async def reads_one_part(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await PlainTextResponse("hello")(scope, receive, send)


@pytest.mark.parametrize("body", [b"much", [b"mu", b"ch"]])
def test_a_body_that_the_app_never_reads_is_unread(log: RecordingLogger, body: Any) -> None:
    """What the endpoint did not read is not taken for an empty body, nor read for it."""
    call = Server("POST", headers=[TEXT], body=body).run(log.asgi(never_reads))
    assert call.body == b"hello"
    assert call.received == []
    request = log.entries[0].request
    assert request is not None
    assert (request.body, request.size, request.omitted) == (None, 0, "unread")


def test_a_body_that_the_app_reads_in_part_is_truncated(log: RecordingLogger) -> None:
    """What was read is kept, and that it is not all."""
    Server("POST", headers=[TEXT], body=[b"first ", b"second"]).run(log.asgi(reads_one_part))
    request = log.entries[0].request
    assert request is not None
    assert (request.size, request.omitted, request.truncated) == (6, None, True)


def test_an_empty_body_that_was_announced_is_read(log: RecordingLogger) -> None:
    """Content-Length: 0 is nothing to be read."""
    Server("POST", headers=[TEXT, (b"content-length", b"0")]).run(log.asgi(never_reads))
    request = log.entries[0].request
    assert request is not None
    assert (request.size, request.omitted) == (0, None)


@pytest.mark.parametrize("content_type", [b"image/png", b"application/octet-stream", b"application/pdf", b"video/mp4"])
def test_binary_bodies_are_counted_and_not_kept(log: RecordingLogger, content_type: bytes) -> None:
    """Of a file only its type and size are recorded."""
    headers = [(b"content-type", content_type)]
    Server("PUT", headers=headers, body=b"\x89PNG" * 100).run(log.asgi(answer(200, headers, b"\x89PNG", b"1234")))
    (entry,) = log.entries
    assert entry.request is not None
    assert (entry.request.body, entry.request.size, entry.request.omitted) == (None, 400, "binary")
    assert entry.response is not None
    assert (entry.response.body, entry.response.size, entry.response.omitted) == (None, 8, "binary")
    assert entry.response.content_type == content_type.decode()


def test_context_variables_pass_both_ways(log: RecordingLogger) -> None:
    """What middleware outside sets is seen by the endpoint, and what the endpoint sets is seen outside."""
    outer: ContextVar[str] = ContextVar("outer", default="-")
    inner: ContextVar[str] = ContextVar("inner", default="-")
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(outer.get())
        inner.set("from the endpoint")
        await PlainTextResponse("hello")(scope, receive, send)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        outer.set("from outside")
        await log.asgi(app)(scope, receive, send)
        seen.append(inner.get())
        assert current.get() is None

    Server().run(middleware)
    assert seen == ["from outside", "from the endpoint"]


def test_other_connections_pass_untouched(log: RecordingLogger) -> None:
    """A WebSocket gets the server's own callables, the lifespan a ``send`` around it, and neither leaves an entry."""
    seen: list[tuple[Any, Any, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    wrapped = log.asgi(app)
    for kind in ("websocket", "lifespan", "something.new"):
        call = Server()
        scope = {"type": kind}
        asyncio.run(wrapped(scope, call.receive, call.send))
        given, receive, send = seen.pop()
        assert (given, receive) == (scope, call.receive)
        assert (send == call.send) is (kind != "lifespan")
        assert scope == {"type": kind}
    assert log.entries == []


@pytest.mark.parametrize("word", ["complete", "failed"])
def test_what_is_left_is_shipped_when_the_host_shuts_down(log: RecordingLogger, word: str) -> None:
    """The logger stops before the server hears that the shutdown is over, for some servers end by a signal then."""
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})
        await send({"type": f"lifespan.shutdown.{word}"})

    async def send(message: dict[str, Any]) -> None:
        told.append(message["type"])

    log.recorder.stop = lambda: told.append("stopped")
    asyncio.run(log.asgi(app)({"type": "lifespan"}, Server().receive, send))
    assert told == ["lifespan.startup.complete", "stopped", f"lifespan.shutdown.{word}"]


def test_a_logger_that_cannot_stop_holds_up_no_shutdown(log: RecordingLogger) -> None:
    """Whatever fails at the end, the server hears what the host said."""
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.shutdown.complete"})

    async def send(message: dict[str, Any]) -> None:
        told.append(message["type"])

    def fail() -> None:
        raise OSError("disk gone")

    log.recorder.stop = fail
    asyncio.run(log.asgi(app)({"type": "lifespan"}, Server().receive, send))
    assert told == ["lifespan.shutdown.complete"]
    assert log.recorder.failures.pop("failed") == 1


def test_a_websocket_through_a_framework_works(log: RecordingLogger) -> None:
    """A framework's WebSocket endpoint speaks as it does without us."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        await socket.send_text(f"echo {await socket.receive_text()}")
        await socket.close(1001)

    call = Server(type="websocket", method=None)
    call.incoming = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hi"}]
    call.run(log.asgi(app))
    assert [message["type"] for message in call.sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert log.entries == []


def test_calls_at_the_same_time_do_not_mix(log: RecordingLogger) -> None:
    """A hundred calls under way at once keep each its own bodies, labels and parents."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        number = json.loads((await receive())["body"])
        log.current().label(number=number)
        await asyncio.sleep(0)
        await JSONResponse({"number": number})(scope, receive, send)

    async def together() -> None:
        wrapped = log.asgi(app)
        await asyncio.gather(*[Server("POST", f"/{n}", [JSON], str(n).encode()).serve(wrapped) for n in range(100)])

    asyncio.run(together())
    assert len(log.entries) == 100
    for entry in log.entries:
        number = entry.labels["number"]
        assert entry.url == f"http://shop.example.com/{number}"
        assert entry.request is not None
        assert entry.request.body == str(number).encode()
        assert entry.response is not None
        assert entry.response.body == b'{"number":%d}' % int(str(number))
        assert entry.parent_id is None


def test_a_coroutine_that_is_closed_unfinished_troubles_nobody(log: RecordingLogger) -> None:
    """A call that the interpreter throws away, from whatever context, ends without a further exception."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def begin_and_forget() -> None:
        call = Server()
        coroutine = ASGIMiddleware(app, log.recorder)(call.scope, call.receive, call.send)
        coroutine.send(None)
        Context().run(coroutine.close)

    asyncio.run(begin_and_forget())
    (entry,) = log.entries
    assert (entry.status, entry.error_type) == ("failed", "cancelled")
