"""Answers in pieces: nothing is held back, and clients that leave are told apart from failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from integration_logger.testing import RecordingLogger
from tests.adapters.server import App, Server

BODY = "http.response.body"


async def pass_through(request: Request, call_next: Any) -> Response:
    return await call_next(request)


def bare(log: RecordingLogger, endpoint: Any) -> App:
    return log.asgi(Starlette(routes=[Route("/", endpoint)]))


def below_base_http_middleware(log: RecordingLogger, endpoint: Any) -> App:
    """Ours innermost, a BaseHTTPMiddleware around it."""
    middleware = [Middleware(BaseHTTPMiddleware, dispatch=pass_through), Middleware(log.asgi)]  # type: ignore[arg-type]
    return Starlette(routes=[Route("/", endpoint)], middleware=middleware)


def above_base_http_middleware(log: RecordingLogger, endpoint: Any) -> App:
    """Ours around a BaseHTTPMiddleware."""
    middleware = [Middleware(log.asgi), Middleware(BaseHTTPMiddleware, dispatch=pass_through)]  # type: ignore[arg-type]
    return Starlette(routes=[Route("/", endpoint)], middleware=middleware)


WAYS = [bare, below_base_http_middleware, above_base_http_middleware]


@pytest.mark.parametrize("install", WAYS)
def test_the_first_chunk_reaches_the_client_before_the_second_is_made(log: RecordingLogger, install: Any) -> None:
    """Every chunk is passed on as it is made, and the entry knows the total size."""
    events: list[str] = []
    arrived = asyncio.Event()

    async def endpoint(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for number in range(10):
                events.append(f"made {number}")
                yield b"%d" % number * 10
                await arrived.wait()  # the client has this chunk, else there is no next one
                arrived.clear()

        return StreamingResponse(chunks(), media_type="text/plain")

    def on_send(message: dict[str, Any]) -> None:
        if message["type"] == BODY and message["body"]:
            events.append(f"got {message['body'][:1].decode()}")
            arrived.set()

    call = Server(on_send=on_send).run(install(log, endpoint))
    assert events == [f"{what} {number}" for number in range(10) for what in ("made", "got")]
    assert call.body == b"".join(b"%d" % number * 10 for number in range(10))
    (entry,) = log.entries
    assert (entry.status, entry.status_code) == ("completed", 200)
    assert entry.response is not None
    assert (entry.response.size, entry.response.body, entry.response.truncated) == (100, call.body, False)


def test_only_the_first_bytes_of_a_stream_are_kept(recorded: Any) -> None:
    """A body over the limit has its beginning, its true size, and the mark that it is cut."""
    log = recorded(max_body=1000)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(500):
            yield b"0123456789" * 10

    Server().run(log.asgi(StreamingResponse(chunks(), media_type="text/plain")))
    response = log.entries[0].response
    assert (response.body, response.size, response.truncated) == (b"0123456789" * 100, 50_000, True)


class Stream:
    """An endless stream that counts, and tells when it was closed."""

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type
        self.closed = False

    async def endpoint(self, request: Request) -> Response:
        return StreamingResponse(self.events(), media_type=self.media_type)

    async def events(self) -> AsyncIterator[bytes]:
        try:
            for number in range(1000):
                yield b"data: %d\n\n" % number
                await asyncio.sleep(0)
        finally:
            self.closed = True


def leaves_after(count: int) -> Server:
    """Return a call whose client leaves when it has seen so many chunks."""

    def on_send(message: dict[str, Any]) -> None:
        if sum(bool(m.get("body")) for m in call.sent) >= count:
            call.gone.set()

    call = Server(on_send=on_send)
    return call


@pytest.mark.parametrize("install", WAYS)
@pytest.mark.parametrize("media_type", ["text/event-stream", "Text/Event-Stream; charset=utf-8"])
def test_leaving_an_event_stream_is_how_it_ends(log: RecordingLogger, install: Any, media_type: str) -> None:
    """A client that leaves an event stream leaves a success, at once, and the generator is closed."""
    stream = Stream(media_type)
    leaves_after(3).run(install(log, stream.endpoint))
    assert stream.closed
    (entry,) = log.entries
    assert (entry.status, entry.outcome, entry.status_code, entry.errors) == ("completed", "success", 200, ())
    assert entry.response is not None
    assert entry.response.body is not None
    assert entry.response.body.startswith(b"data: 0\n\ndata: 1\n\ndata: 2\n\n")
    assert entry.response.truncated


@pytest.mark.parametrize("install", WAYS)
def test_leaving_another_answer_early_is_a_disconnect(log: RecordingLogger, install: Any) -> None:
    """A client that leaves before the end of a normal answer has not got it, and what passed is kept."""
    stream = Stream("text/plain")
    leaves_after(3).run(install(log, stream.endpoint))
    assert stream.closed
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code, entry.phase) == (
        "failed", "disconnect", 200, "receive",
    )  # fmt: skip
    assert entry.traceback is None
    assert entry.response is not None
    assert entry.response.truncated


def test_a_server_that_refuses_to_send_says_that_the_client_left(log: RecordingLogger) -> None:
    """Servers that raise OSError from send, as the newer protocol has it, mean a disconnect."""
    stream = Stream("text/plain")

    def on_send(message: dict[str, Any]) -> None:
        if sum(bool(m.get("body")) for m in call.sent) > 2:
            raise ConnectionResetError

    call = Server(on_send=on_send, asgi={"version": "3.0", "spec_version": "2.4"})
    with pytest.raises(ClientDisconnect):
        call.run(bare(log, stream.endpoint))
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code) == ("failed", "disconnect", 200)


def test_leaving_before_the_answer_begins_is_a_disconnect_without_status(log: RecordingLogger) -> None:
    """An endpoint that notices the client's leave and stops has not answered."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    call = Server()
    call.gone.set()
    call.run(log.asgi(app))
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code, entry.phase) == ("failed", "disconnect", None, "wait")


def test_leaving_while_the_body_is_sent_is_a_disconnect(log: RecordingLogger) -> None:
    """An upload that breaks off keeps what had come, marked as cut, whatever the endpoint raises then."""

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    app = log.asgi(Starlette(routes=[Route("/", endpoint, methods=["POST"])]))
    call = Server("POST", headers=[(b"content-type", b"text/plain")], body=[b"first ", b"second ", b"third"])
    call.incoming.pop()
    call.gone.set()
    with pytest.raises(ClientDisconnect):
        call.run(app)
    (entry,) = log.entries
    assert (entry.status, entry.error_type) == ("failed", "disconnect")
    assert entry.request is not None
    assert (entry.request.body, entry.request.size, entry.request.truncated) == (b"first second ", 13, True)


def test_an_answer_that_is_finished_for_a_client_who_has_left_has_not_reached_it(log: RecordingLogger) -> None:
    """An endpoint that answers although nobody listens any more is recorded with its answer, as a disconnect."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await PlainTextResponse("hello")(scope, receive, send)

    call = Server()
    call.gone.set()
    call.run(log.asgi(app))
    (entry,) = log.entries
    assert (entry.status, entry.status_code, entry.error_type) == ("failed", 200, "disconnect")


@pytest.mark.parametrize("install", [bare, above_base_http_middleware])
@pytest.mark.parametrize("begun", [False, True])
def test_a_cancelled_call_is_recorded_and_the_cancellation_goes_on(
    log: RecordingLogger, install: Any, begun: bool
) -> None:
    """A server that stops cancels its calls: they are cancelled, which is no exception of the host."""

    async def endpoint(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"one"
            waiting.set()
            await asyncio.Event().wait()

        if begun:
            return StreamingResponse(chunks(), media_type="text/plain")
        waiting.set()
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async def cancelled() -> None:
        task = asyncio.create_task(Server().serve(install(log, endpoint)))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    waiting = asyncio.Event()
    asyncio.run(cancelled())
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code) == ("failed", "cancelled", 200 if begun else None)
    assert entry.phase == ("receive" if begun else "wait")
    assert entry.traceback is None


@pytest.mark.parametrize("install", WAYS)
def test_a_background_task_delays_neither_the_answer_nor_its_duration(log: RecordingLogger, install: Any) -> None:
    """The call ends with its last byte: the entry is there before the background task has begun."""
    seen: list[int] = []

    async def task() -> None:
        seen.append(len(log.entries))
        await finished.wait()

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("hello", background=BackgroundTask(task))

    def on_send(message: dict[str, Any]) -> None:
        if message["type"] == BODY and not message.get("more_body"):
            finished.set()

    finished = asyncio.Event()
    call = Server(on_send=on_send).run(install(log, endpoint))
    assert call.body == b"hello"
    assert seen == [1]
    (entry,) = log.entries
    assert entry.status == "completed"
    assert entry.duration is not None
    assert entry.first_byte is not None
    assert 0 < entry.first_byte <= entry.duration


def test_the_duration_is_that_of_the_answer(log: RecordingLogger) -> None:
    """What the endpoint does after its last message is not part of the call."""
    marks: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        await PlainTextResponse("hello")(scope, receive, send)
        marks.append(clock() - begun)
        while clock() - begun < 0.05:
            await asyncio.sleep(0)

    Server().run(log.asgi(app))
    duration = log.entries[0].duration
    assert duration is not None
    assert duration < marks[0] + 0.01
