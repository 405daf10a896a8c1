"""A host that runs in a process of its own, to be killed: ``host.py FOLDER``, or ``app`` and ``wsgi`` under servers.

Prints its port. What happens to it besides is said by the words after the folder:

``handler``  the application has its own handler of SIGTERM, which prints a line;
``bare``     it has no lifespan;
``process``  a child ships.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any, Literal

import uvicorn
from flask import Flask
from flask import request as flask_request
from flask.typing import ResponseReturnValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from integration_logger import ALL, IntegrationLogger, Principal

REQUEST_ID = b"x-request-id"
FOLDER = "RELIABILITY_FOLDER"
STORE = "RELIABILITY_STORE"
FIRST = "RELIABILITY_FIRST"
"""The id of a call that the host makes while it is loaded."""


async def echo(request: Request) -> JSONResponse:
    """Answer with what came."""
    return JSONResponse({"received": len(await request.body()), "process": os.getpid()})


async def slow(request: Request) -> JSONResponse:
    """Answer after so many seconds, in the middle of which the host may be killed."""
    await asyncio.sleep(float(request.query_params["seconds"]))
    return await echo(request)


def labels(scope: Mapping[str, Any]) -> dict[str, str]:
    """Let every entry say which call it is about."""
    return {"request_id": dict(scope["headers"]).get(REQUEST_ID, b"").decode()}


def everybody(_: Request) -> Principal:
    """Let everybody see everything."""
    return Principal("tester", role="owner", tenants=ALL)


def make(folder: str, ship: Literal["thread", "process"] = "thread") -> tuple[IntegrationLogger, Any]:
    """Return the logger and the wrapped app."""
    log = make_logger(folder, ship)
    routes = [
        Route("/echo", echo, methods=["POST"]),
        Route("/slow", slow, methods=["POST"]),
        Mount("/logs", log.viewer(authorize=everybody)),
    ]
    return log, log.asgi(Starlette(routes=routes), labels=labels)


def make_logger(folder: str, ship: Literal["thread", "process"] = "thread") -> IntegrationLogger:
    """Return the logger of a folder, whose store may be elsewhere."""
    store = os.environ.get(STORE) or f"sqlite:///{folder}/log.db"
    return IntegrationLogger(store, spool=f"{folder}/log.db.spool", announce_after=0, ship=ship)


def app() -> Any:
    """Return the app for servers that import it; the folder is in the environment."""
    return make(os.environ[FOLDER])[1]


def wsgi() -> Any:
    """Return the same as a WSGI app."""
    log = make_logger(os.environ[FOLDER])
    shop = Flask("shop")
    shop.add_url_rule("/echo", view_func=echo_wsgi, methods=["POST"])
    logs = log.viewer_wsgi(authorize=everybody)
    mounted = DispatcherMiddleware(shop.wsgi_app, {"/logs": logs, "/a/b/logs": logs})
    shop.wsgi_app = log.wsgi(mounted, labels=labels_wsgi)  # type: ignore[method-assign]
    if FIRST in os.environ:
        shop.test_client().post("/echo", headers={"x-request-id": os.environ[FIRST]})
    return shop


def echo_wsgi() -> ResponseReturnValue:
    """Answer with what came."""
    return {"received": len(flask_request.data), "process": os.getpid()}


def labels_wsgi(environ: Mapping[str, Any]) -> dict[str, str]:
    """Let every entry say which call it is about."""
    return {"request_id": environ.get("HTTP_X_REQUEST_ID", "")}


def on_term(*_: object) -> None:
    """Tell that the application's own handler was called."""
    print("its own handler", flush=True)


def main(folder: str, *words: str) -> None:
    """Serve until told to end."""
    if "handler" in words:
        signal.signal(signal.SIGTERM, on_term)
    # named as TCP, or asyncio does not switch Nagle's algorithm off, and each answer takes 40 ms
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    config = uvicorn.Config(
        make(folder, "process" if "process" in words else "thread")[1],
        log_level="warning",
        access_log=False,
        lifespan="off" if "bare" in words else "on",
    )
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listening])
    print("ended", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
