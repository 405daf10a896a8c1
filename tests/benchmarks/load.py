"""A load of equal POST requests over a few kept-alive connections to this machine; prints JSON.

A process of its own, with nothing but sockets and the standard library, so that it asks for more than any server
here can give. It ends after so many seconds, whatever the server does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter
from typing import Final

from tests.benchmarks.harness import pin
from tests.benchmarks.host import PATH, incoming

HOST: Final = "127.0.0.1"
SIZE: Final = 1024
CONNECTIONS: Final = 16
_PATIENCE: Final = 30.0
"""Seconds for what is still under way when the time is over."""


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    def __init__(self, requests: list[bytes], until: float) -> None:
        self.requests = requests
        self.until = until
        self.latencies: list[float] = []
        self.refused = 0
        self.done = asyncio.get_running_loop().create_future()
        self._received = b""
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._began = perf_counter()
        if self._began >= self.until:
            self._transport.close()
            return
        self._transport.write(self.requests[len(self.latencies) % len(self.requests)])

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        if not self._length:
            head = received.find(b"\r\n\r\n") + 4
            if head < 4:
                return
            self._length = head + _content_length(received[:head])
        if len(received) < self._length:
            return
        self.latencies.append(perf_counter() - self._began)
        if not received.startswith(b"HTTP/1.1 200"):
            self.refused += 1
        self._received, self._length = b"", 0
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(error)


def _content_length(head: bytes) -> int:
    start = head.lower().find(b"content-length:") + 15
    return int(head[start : head.find(b"\r\n", start)])


async def put_load(port: int, seconds: float) -> dict[str, object]:
    """Return how many answers came in how long, how many were refused, and each one's latency."""
    requests = [
        b"POST %b?%b HTTP/1.1\r\n%b\r\n%b" % (
            PATH.encode(),
            call.query,
            b"".join(b"%b: %b\r\n" % header for header in call.headers),
            b"".join(message["body"] for message in call.messages),
        )
        for call in incoming(SIZE, secret=True)
    ]  # fmt: skip
    loop, began = asyncio.get_running_loop(), perf_counter()
    connections = []
    for _ in range(CONNECTIONS):
        _, connection = await loop.create_connection(lambda: _Connection(requests, began + seconds), HOST, port)
        connections.append(connection)
    await asyncio.wait_for(asyncio.gather(*(connection.done for connection in connections)), seconds + _PATIENCE)
    return {
        "seconds": perf_counter() - began,
        "refused": sum(connection.refused for connection in connections),
        "latencies": [latency for connection in connections for latency in connection.latencies],
    }


if __name__ == "__main__":
    pin(1)
    print(json.dumps(asyncio.run(put_load(int(sys.argv[1]), float(sys.argv[2])))), flush=True)
