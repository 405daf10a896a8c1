"""The host that is measured: a Starlette app, the calls it gets, and the least of a server around it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from itertools import cycle
from typing import Any, Final, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.factories import make_body

SIZES: Final = {"0 B": 0, "1 KiB": 1024, "16 KiB": 16 * 1024, "256 KiB": 256 * 1024}
CHUNK: Final = 64 * 1024
"""Bytes that a server hands over at once."""
VARIETY: Final = 64
"""Different bodies that come in, and that go out: one in a hundred looks suspect at first sight."""

Message = MutableMapping[str, Any]
App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]

PATH: Final = "/webhooks/stripe"
_CLEAN: Final = (
    (b"host", b"shop.example.com"),
    (b"user-agent", b"Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
    (b"accept", b"*/*; q=0.5, application/json"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"content-type", b"application/json; charset=utf-8"),
    (b"x-request-id", b"req_8f14e45fceea167a"),
    (b"x-forwarded-for", b"203.0.113.7"),
    (b"x-forwarded-proto", b"https"),
    (b"cache-control", b"no-cache"),
)
_PLAIN: Final = ((b"connection", b"keep-alive"), (b"accept-language", b"en-GB,en;q=0.8"))
_SECRET: Final = (
    (b"authorization", b"Bearer 2YotnFZFEjr1zCsicMWpAA8fa3cd01"),
    (b"cookie", b"session=6f0a4c1f2b7d4d3e9a5b; theme=dark; csrftoken=Yb1xqS0mWcJt"),
)


def make_app(size: int) -> Starlette:
    """Return an app that reads the body and answers with another of about this size."""
    answers = answers_of(size)

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(next(answers), media_type="application/json")

    return Starlette(routes=[Route("/webhooks/{partner}", answer, methods=["POST"])])


def answers_of(size: int) -> Iterator[bytes]:
    """Yield bodies of about this size to answer with, for ever."""
    rng = random.Random(-1 - size)
    return cycle([make_body(rng, size) if size else b"" for _ in range(VARIETY)])


class Incoming(NamedTuple):
    """A call as a server hands it over."""

    headers: Sequence[tuple[bytes, bytes]]
    messages: Sequence[Message]
    query: bytes

    def scope(self) -> dict[str, Any]:
        """Return the scope of this call, made anew as a server does."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("203.0.113.7", 50123),
            "scheme": "http",
            "method": "POST",
            "root_path": "",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": self.query,
            "headers": [*self.headers],
            "state": {},
        }


def incoming(size: int, *, secret: bool) -> list[Incoming]:
    """Return calls that differ, each with twelve headers and a JSON body of about this size.

    ``secret`` is whether two of the headers are credentials, as in most calls; bodies hold none.
    """
    rng = random.Random(size)
    return [_incoming(make_body(rng, size) if size else b"", rng, secret=secret) for _ in range(VARIETY)]


def _incoming(body: bytes, rng: random.Random, *, secret: bool) -> Incoming:
    headers = (*_CLEAN, *(_SECRET if secret else _PLAIN), (b"content-length", str(len(body)).encode()))
    pieces = [body[start : start + CHUNK] for start in range(0, len(body), CHUNK)] or [b""]
    messages = [
        {"type": "http.request", "body": piece, "more_body": place < len(pieces)}
        for place, piece in enumerate(pieces, 1)
    ]
    return Incoming(headers, messages, f"delivery={rng.randrange(10**9)}".encode())


class _Connection:
    """What a server gives an app to speak with its client; what is sent goes nowhere."""

    __slots__ = ("_messages",)

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages: Iterator[Message] = iter(messages)

    async def receive(self) -> Message:
        return {**next(self._messages)}

    async def send(self, message: Message) -> None:
        pass


async def serve(app: App, calls: Sequence[Incoming], count: int) -> None:
    """Run so many calls through the app, one after the other, each in a task of its own as servers do."""
    several, run = len(calls), asyncio.get_running_loop().create_task
    for place in range(count):
        call = calls[place % several]
        connection = _Connection(call.messages)
        await run(app(call.scope(), connection.receive, connection.send))
