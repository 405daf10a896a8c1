"""A host in a process of its own, whose log is about to have a bad time: ``host.py JSON``.

It listens on a socket that it inherits, so that the next one goes on at the same port. Without a store it is the bare
application.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from hashlib import sha1
from typing import Any, Literal

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from integration_logger import IntegrationLogger
from integration_logger.spool.writer import Spool

CALL_ID = b"x-call-id"
HEALTH = "/how-the-log-is"
UP = "/up"
"""Answers nothing of interest, and is not recorded either."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one host is told."""

    socket: int
    store: str | None = None
    spool: str | None = None
    max_bytes: int = 1024**3
    ship: Literal["thread", "process"] = "thread"


async def echo(request: Request) -> Response:
    """Answer with what came, in a way that any difference shows."""
    body = await request.body()
    headers = [(name, value) for name, value in request.headers.raw if name != CALL_ID]
    digest = sha1(repr((request.scope["raw_path"], request.scope["query_string"], headers, body)).encode()).hexdigest()
    return PlainTextResponse(f"{digest} {'x' * 500}", status_code=404 if len(body) % 7 == 3 else 200)


def labels(scope: Mapping[str, Any]) -> dict[str, str]:
    """Let every entry say which call it is about."""
    return {"user_id": dict(scope["headers"]).get(CALL_ID, b"").decode()}


def app(settings: Settings) -> Any:
    """Return the application, wrapped unless it is to be bare."""
    if settings.store is None:
        return Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])
    log = IntegrationLogger(
        settings.store, spool=Spool(settings.spool, max_bytes=settings.max_bytes), ship=settings.ship
    )

    async def health(_: Request) -> Response:
        return Response(msgspec.json.encode(log.health()))

    routes = [Route(HEALTH, health), Route("/{path:path}", echo, methods=["GET", "POST"])]
    return log.asgi(Starlette(routes=routes), labels=labels, exclude=[HEALTH, UP])


def main() -> None:
    """Serve until told to end."""
    settings = msgspec.json.decode(sys.argv[1], type=Settings)
    listening = socket.socket(fileno=settings.socket)
    config = uvicorn.Config(app(settings), log_level="critical", access_log=False, timeout_graceful_shutdown=2)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
