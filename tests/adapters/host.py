"""A host under uvicorn in a process of its own: ``python -m tests.adapters.host FOLDER h11|httptools [PATTERN ...]``.

Paths that match a pattern are not recorded, so that the same run can be made with us and without.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from integration_logger import Entry, IntegrationLogger
from integration_logger.codec import to_dict, to_json
from integration_logger.query import EVERYTHING, Query

CHUNK = b"0123456789abcdef" * 4096
go: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
"""Set by the client (``/_go/NAME``) or by the host, for the other side to wait for."""


def note(entry: Entry) -> Entry:
    """Tell that a call of this path is being recorded."""
    loop.call_soon_threadsafe(go[f"recorded {entry.route}"].set)
    return entry


async def chunks(request: Request) -> Response:
    """Make the next chunk only when the client has said that it has the one before."""

    async def made() -> AsyncIterator[bytes]:
        for number in range(10):
            yield b"chunk %d\n" % number
            await go["next"].wait()
            go["next"].clear()

    return StreamingResponse(made(), media_type="text/plain")


async def endless(request: Request) -> Response:
    """Send events until the client leaves."""

    async def events() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: 1\n\n"
                await asyncio.sleep(0.001)
        finally:
            go["closed"].set()

    return StreamingResponse(events(), media_type=request.query_params["type"])


async def upload(request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return JSONResponse({"size": size})


async def download(request: Request) -> Response:
    async def made() -> AsyncIterator[bytes]:
        for _ in range(int(request.query_params["bytes"]) // len(CHUNK)):
            yield CHUNK

    return StreamingResponse(made(), media_type="text/plain")


async def background(request: Request) -> Response:
    return PlainTextResponse("done", background=BackgroundTask(go["finish"].wait))


async def broken(request: Request) -> Response:
    raise ValueError("broken")


async def status(request: Request) -> Response:
    """Answer with a status and headers as asked for, with a body where the framework sends one."""
    return Response(b"hello" if request.query_params.get("body") else b"", int(request.path_params["code"]))


async def let_go(request: Request) -> Response:
    go[request.path_params["name"]].set()
    return Response(status_code=204)


async def wait_for(request: Request) -> Response:
    await asyncio.wait_for(go[request.path_params["name"]].wait(), 10)
    return Response(status_code=204)


async def entries(request: Request) -> Response:
    """Wait until a call of this route is recorded, and return all of them from the store."""
    route = request.query_params["route"]
    await asyncio.wait_for(go[f"recorded {route}"].wait(), 10)
    found = await run_in_threadpool(stored, route)
    return Response(to_json([to_dict(entry) for entry in found]), media_type="application/json")


def stored(route: str) -> list[Entry]:
    log.flush()
    return [entry for entry in log.store.stream(Query(scope=EVERYTHING, order="asc")) if entry.route == route]


async def peak(request: Request) -> Response:
    """Return the largest size of this process since this was last asked, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    Path("/proc/self/clear_refs").write_text("5")  # measure anew (proc(5))
    assert found
    return JSONResponse(int(found[1]) * 1024)


ROUTES = [
    Route("/chunks", chunks),
    Route("/endless", endless),
    Route("/upload", upload, methods=["POST"]),
    Route("/download", download),
    Route("/background", background),
    Route("/broken", broken),
    Route("/status/{code}", status),
    Route("/_go/{name}", let_go),
    Route("/_wait/{name}", wait_for),
    Route("/_entries", entries),
    Route("/_peak", peak),
]


async def main(implementation: str, exclude: list[str]) -> None:
    global loop
    loop = asyncio.get_running_loop()
    app = log.asgi(Starlette(routes=ROUTES), exclude=["/_*", *exclude])
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(app, http=implementation, ws="none", log_level="critical", access_log=False)
    await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    folder, implementation, *exclude = sys.argv[1:]
    log = IntegrationLogger(f"sqlite:///{folder}/log.db", processors=[note])
    asyncio.run(main(implementation, exclude))
