"""Exceptions of the host: one entry each, whatever the place of the middleware, and the host's answer as ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from integration_logger.testing import RecordingLogger
from tests.adapters.server import App, Server

SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


class Refused(Exception):
    """What the shop's own handler answers with 500."""


async def broken(request: Request) -> Response:
    raise ValueError(f"no such customer, api_key={SECRET}")


async def refused(request: Request) -> Response:
    raise Refused("refused")


async def unavailable(request: Request) -> Response:
    raise HTTPException(503, "later")


async def breaks_after_the_first_chunk(request: Request) -> Response:
    async def chunks() -> Any:
        yield b"one"
        raise RuntimeError("the database went away")

    return StreamingResponse(chunks(), media_type="text/plain")


async def breaks_in_the_background(request: Request) -> Response:
    def task() -> None:
        raise RuntimeError("the mail was not sent")

    return PlainTextResponse("done", background=BackgroundTask(task))


async def answer_refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "refused"}, 500)


ROUTES = [
    Route("/broken", broken, methods=["GET", "HEAD", "POST"]),
    Route("/refused", refused),
    Route("/unavailable", unavailable),
    Route("/stream", breaks_after_the_first_chunk),
    Route("/background", breaks_in_the_background),
]
HANDLERS = {Refused: answer_refused}


def outermost(log: RecordingLogger) -> App:
    return log.asgi(Starlette(routes=ROUTES, exception_handlers=HANDLERS))  # type: ignore[arg-type]


def added(log: RecordingLogger) -> App:
    app = Starlette(routes=ROUTES, exception_handlers=HANDLERS)  # type: ignore[arg-type]
    app.add_middleware(log.asgi)  # type: ignore[arg-type]
    return app


def in_the_list(log: RecordingLogger) -> App:
    return Starlette(routes=ROUTES, exception_handlers=HANDLERS, middleware=[Middleware(log.asgi)])  # type: ignore[arg-type]


def outermost_in_debug_mode(log: RecordingLogger) -> App:
    return log.asgi(Starlette(debug=True, routes=ROUTES, exception_handlers=HANDLERS))  # type: ignore[arg-type]


def installed_twice(log: RecordingLogger) -> App:
    return log.asgi(added(log))


WAYS = [outermost, added, in_the_list, outermost_in_debug_mode, installed_twice]
Install = Callable[[RecordingLogger], App]


def get(app: App, target: str, method: str = "GET", raises: type[BaseException] | None = None) -> Server:
    call = Server(method, target)
    if raises is None:
        return call.run(app)
    with pytest.raises(raises):
        call.run(app)
    return call


@pytest.mark.parametrize("install", WAYS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_an_exception_is_one_entry_with_status_500(log: RecordingLogger, install: Install, method: str) -> None:
    """Wrapped outermost and added as middleware, one row has status 500, the exception's type and its traceback."""
    call = get(install(log), "/broken", method, raises=ValueError)
    assert call.status == 500
    (entry,) = log.entries
    assert (entry.status, entry.status_code, entry.error_type, entry.phase) == ("failed", 500, "exception", "wait")
    assert entry.has_errors
    assert entry.errors[0].startswith("ValueError: no such customer")
    assert entry.traceback is not None
    assert "in broken" in entry.traceback
    assert SECRET not in repr(entry)


def test_an_answer_given_outside_of_the_middleware_is_marked_as_inferred(log: RecordingLogger) -> None:
    """Inside of the framework's error handler its answer cannot be seen: status 500, no response, and a label."""
    get(added(log), "/broken", raises=ValueError)
    (entry,) = log.entries
    assert entry.response is None
    assert entry.labels["status_inferred"] == "true"
    assert entry.route == "/broken"


def test_an_answer_seen_from_outside_is_kept_as_it_was(log: RecordingLogger) -> None:
    """Wrapped outermost, the framework's own answer to an exception is in the entry."""
    call = get(outermost(log), "/broken", raises=ValueError)
    (entry,) = log.entries
    assert entry.response is not None
    assert entry.response.body == call.body == b"Internal Server Error"
    assert "status_inferred" not in entry.labels


@pytest.mark.parametrize("install", [outermost, added])
def test_an_exception_that_the_host_answers_with_500_is_named(log: RecordingLogger, install: Install) -> None:
    """An exception handler of the host that answers with 500 does not hide what was raised."""
    call = get(install(log), "/refused")
    assert call.body == b'{"error":"refused"}'
    (entry,) = log.entries
    assert (entry.status_code, entry.error_type, entry.errors) == (500, "exception", ("Refused: refused",))
    assert entry.response is not None
    assert entry.response.body == call.body


@pytest.mark.parametrize("install", [outermost, added])
@pytest.mark.parametrize(
    ("target", "code", "error_type"), [("/unavailable", 503, "http_5xx"), ("/missing", 404, "http_4xx")]
)
def test_an_answer_with_an_error_status_is_no_exception(
    log: RecordingLogger, install: Install, target: str, code: int, error_type: str
) -> None:
    """An HTTP error that the host means to answer with has the class of its status, and no traceback."""
    get(install(log), target)
    (entry,) = log.entries
    assert (entry.status, entry.status_code, entry.error_type, entry.traceback) == ("failed", code, error_type, None)


@pytest.mark.parametrize("install", [outermost, added])
def test_an_exception_within_the_answer_leaves_its_status(log: RecordingLogger, install: Install) -> None:
    """An answer that broke off has the status that was sent, is failed, and keeps what had passed."""
    call = get(install(log), "/stream", raises=RuntimeError)
    assert call.body == b"one"
    (entry,) = log.entries
    assert (entry.status, entry.status_code, entry.error_type, entry.phase) == (
        "failed", 200, "exception", "receive",
    )  # fmt: skip
    assert entry.errors == ("RuntimeError: the database went away",)
    assert entry.response is not None
    assert (entry.response.body, entry.response.truncated) == (b"one", True)
    assert "status_inferred" not in entry.labels


@pytest.mark.parametrize("install", WAYS)
def test_an_exception_after_the_answer_is_an_entry_of_its_own(log: RecordingLogger, install: Install) -> None:
    """What breaks after the answer was complete is a call within it, and leaves it a success."""
    call = get(install(log), "/background", raises=RuntimeError)
    assert call.body == b"done"
    answered, after = log.entries
    assert (answered.kind, answered.status, answered.error_type) == ("inbound", "completed", None)
    assert (after.kind, after.operation, after.status) == ("call", "after-response", "failed")
    assert (after.parent_id, after.trace_id, after.route) == (answered.id, answered.trace_id, "/background")
    assert after.errors == ("RuntimeError: the mail was not sent",)
    assert after.status_code is None


def test_an_entry_after_the_answer_has_the_labels_of_its_call(recorded: Callable[..., RecordingLogger]) -> None:
    """The tenant of a call decides who sees what broke after it."""
    log = recorded(labels={"environment": "test"})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.current().label(application="shop")
        await send({"type": "http.response.start", "status": 204})
        raise KeyError("late")

    get(log.asgi(app, labels=lambda scope: {"tenant": "acme"}), "/", raises=KeyError)
    assert len(log.entries) == 2
    for entry in log.entries:
        assert (entry.tenant, entry.application, entry.labels["environment"]) == ("acme", "shop", "test")


def test_a_client_that_leaves_with_the_last_chunk_is_not_an_exception_after_the_answer(log: RecordingLogger) -> None:
    """Where the server refuses the last message, the answer was complete and nothing of the host has broken."""

    def refuse(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            raise ConnectionResetError

    call = Server(on_send=refuse)
    with pytest.raises(ConnectionResetError):
        call.run(log.asgi(PlainTextResponse("hello")))
    assert [entry.kind for entry in log.entries] == ["inbound"]


def test_the_same_exception_object_reaches_the_server(log: RecordingLogger) -> None:
    """Nothing is wrapped, chained or replaced on the way out."""
    error = ValueError("mine")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    with pytest.raises(ValueError) as caught:
        Server().run(log.asgi(app))
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_of_the_host_is_a_cancelled_call(log: RecordingLogger, error: type[BaseException]) -> None:
    """Cancelling and the end of the process pass through, and are no exception of the endpoint."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    async def call() -> None:
        with pytest.raises(error):
            await Server().serve(log.asgi(app))

    asyncio.run(call())
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code, entry.phase) == ("failed", "cancelled", None, "wait")
    assert entry.traceback is None


def test_an_exception_without_a_readable_text_is_recorded(log: RecordingLogger) -> None:
    """An exception whose text cannot be had is named by its type."""

    class Unreadable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise Unreadable

    get(log.asgi(app), "/", raises=Unreadable)
    assert log.entries[0].errors == ("Unreadable: <Unreadable without a readable text>",)


def test_the_text_of_an_exception_is_bounded_and_loses_a_secret_that_the_limit_cuts(log: RecordingLogger) -> None:
    """No part of a secret stays at the end of a text that was too long."""
    text = "x " * 2040 + "wait for " + SECRET + " and more" * 1000

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError(text)

    get(log.asgi(app), "/", raises=ValueError)
    (entry,) = log.entries
    assert len(entry.errors[0]) < 5000
    assert entry.traceback is not None
    assert len(entry.traceback) < 20_000
    for length in range(8, len(SECRET)):
        assert SECRET[:length] not in repr(entry)
        assert SECRET[-length:] not in repr(entry)


def test_a_text_that_is_no_unicode_is_recorded(log: RecordingLogger) -> None:
    """File names with foreign bytes, as Python hands them out, do not cost the entry its content."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.current().label(file="a\udcffb")
        log.current().error("c\ud800d")
        raise FileNotFoundError("caf\udce9.txt \0")

    get(log.asgi(app), "/", raises=FileNotFoundError)
    (entry,) = log.entries
    assert entry.errors == ("c?d", "FileNotFoundError: caf?.txt \0")
    assert entry.labels["file"] == "a?b"
