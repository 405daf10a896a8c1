"""The server's side of one HTTP call: drives an ASGI app message by message and lets tests look in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

App = Callable[..., Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]


def http_scope(method: str = "GET", target: str = "/", headers: Headers = (), **changes: Any) -> dict[str, Any]:
    """Return the scope of a call as uvicorn makes it; None as a change leaves the key out."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(b"host", b"shop.example.com"), *headers],
        "client": ("203.0.113.9", 50000),
        "server": ("127.0.0.1", 8000),
    }
    return {name: value for name, value in (scope | changes).items() if value is not None}


class Server:
    """One call: gives the app its body, takes its messages, and may see the client leave."""

    def __init__(
        self,
        method: str = "GET",
        target: str = "/",
        headers: Headers = (),
        body: bytes | Iterable[bytes] = (),
        *,
        on_send: Callable[[dict[str, Any]], None] = lambda message: None,
        **changes: Any,
    ) -> None:
        chunks = [body] if isinstance(body, bytes) else [*body]
        if isinstance(body, bytes) and body:
            headers = [*headers, (b"content-length", str(len(body)).encode())]
        elif chunks:
            headers = [*headers, (b"transfer-encoding", b"chunked")]
        self.scope = http_scope(method, target, headers, **changes)
        self.incoming = [
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
            for number, chunk in enumerate(chunks or [b""])
        ]
        self.received: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.on_send = on_send
        self.gone = asyncio.Event()
        """The client has left."""

    async def receive(self) -> dict[str, Any]:
        """Give the next part of the body, then wait until the client leaves."""
        if self.incoming:
            message = self.incoming.pop(0)
        else:
            await self.gone.wait()
            message = {"type": "http.disconnect"}
        self.received.append(message)
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Take a message at the instant at which the client would get it."""
        self.sent.append(message)
        self.on_send(message)

    async def serve(self, app: App) -> Server:
        """Make the call."""
        await app(self.scope, self.receive, self.send)
        return self

    def run(self, app: App) -> Server:
        """Make the call in an event loop of its own."""
        return asyncio.run(self.serve(app))

    @property
    def start(self) -> dict[str, Any]:
        """The message that began the answer."""
        return next(message for message in self.sent if message["type"] == "http.response.start")

    @property
    def status(self) -> int:
        """The status code that the client got."""
        return self.start["status"]

    @property
    def body(self) -> bytes:
        """All bytes of the answer's body."""
        return b"".join(m.get("body", b"") for m in self.sent if m["type"] == "http.response.body")


def answer(
    status: int = 200, headers: Headers = ((b"content-type", b"text/plain"),), *chunks: bytes, **start: Any
) -> App:
    """Return an app that reads the body and answers with these chunks, the last one without ``more_body``."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": status, "headers": [*headers], **start})
        for chunk in chunks[:-1]:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": chunks[-1] if chunks else b""})

    return app
