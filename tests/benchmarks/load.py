"""A load of equal POST requests over a few kept-alive connections to this machine; prints JSON.

``load.py PORT SECONDS [RATE]``: as many as the server can answer, or so many a second, evenly spread.

A process of its own, with nothing but sockets and the standard library, so that it asks for more than any server
here can give. It ends after so many seconds, whatever the server does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
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
    """Sends the next request when the answer to the last one is whole and its time has come."""

    def __init__(self, requests: list[bytes], start: float, until: float, every: float) -> None:
        self.requests = requests
        self.due = start
        self.until = until
        self.every = every
        self.latencies: list[float] = []
        self.refused = 0
        self.done = asyncio.get_running_loop().create_future()
        self._received = b""
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        """Send now or when it is due; what is late by the server's fault counts from when it was due."""
        now = perf_counter()
        if max(now, self.due) >= self.until:
            self._transport.close()
        elif self.every and now < self.due:
            asyncio.get_running_loop().call_later(self.due - now, self._next)
        else:
            self._began = self.due if self.every else now
            self.due += self.every
            self._send()

    def _send(self) -> None:
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
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(error)


def _content_length(head: bytes) -> int:
    start = head.lower().find(b"content-length:") + 15
    return int(head[start : head.find(b"\r\n", start)])


async def put_load(port: int, seconds: float, rate: float = 0) -> dict[str, object]:
    """Return how many answers came in how long, how many were refused, and each one's latency.

    ``rate`` is requests a second over all connections, 0 for as many as there can be.
    """
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
    every = CONNECTIONS / rate if rate else 0.0
    for place in range(CONNECTIONS):
        start = began + every * place / CONNECTIONS
        make = partial(_Connection, requests, start, began + seconds, every)
        _, connection = await loop.create_connection(make, HOST, port)
        connections.append(connection)
    await asyncio.wait_for(asyncio.gather(*(connection.done for connection in connections)), seconds + _PATIENCE)
    return {
        "seconds": perf_counter() - began,
        "ended": perf_counter(),
        "refused": sum(connection.refused for connection in connections),
        "latencies": [latency for connection in connections for latency in connection.latencies],
    }


if __name__ == "__main__":
    pin(1)
    print(json.dumps(asyncio.run(put_load(int(sys.argv[1]), *map(float, sys.argv[2:])))), flush=True)
