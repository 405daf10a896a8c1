"""A log browser over a store in memory, served for real or called directly."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp

from integration_logger.entry import Entry
from integration_logger.query import ALL
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal, Viewer
from tests.factories import make_entry

OWNER = Principal("ana", role="owner", tenants=ALL)


def new_entry(**fields: Any) -> Entry:
    """Return an entry that has just begun, so that it lies in every range of time."""
    return make_entry(**{"started_at": datetime.now(UTC), "expires_at": None} | fields)


def viewer(store: MemoryStore, principal: Principal | None = OWNER, **options: Any) -> Viewer:
    """Return a log browser that takes everybody for the principal."""

    async def authorize(_: Request) -> Principal | None:
        return principal

    return Viewer(store, authorize=authorize, **options)


class Client:
    """Calls an app without a network, one request after the other, and keeps cookies."""

    def __init__(self, app: ASGIApp, base_url: str = "http://localhost:8000", peer: str = "127.0.0.1") -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 5))
        self._base_url = base_url
        self._cookies = httpx.Cookies()

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET."""
        return self.send("GET", path, **options)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send any request."""

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url=self._base_url, cookies=self._cookies
            ) as client:
                return await client.request(method, path, **options)

        response = anyio.run(send)
        self._cookies.update(response.cookies)
        return response


@contextmanager
def serving(app: ASGIApp, **config: Any) -> Iterator[str]:
    """Serve an app on a free port of this machine; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1, **config))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not (server.started and server.servers):
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
