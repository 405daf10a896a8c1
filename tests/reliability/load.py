"""Calls from a process of its own: ``load.py PORT CONNECTIONS RATE [close]``; close: one call for each connection.

Prints ``sent ID`` before each call, and ``ended ID TIME`` when its whole answer has arrived, by the monotonic clock.
Goes on until its standard input ends or the host does; a connection that the host closes is opened anew.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import closing, suppress
from itertools import count
from time import monotonic

BODY = b'{"type": "charge.succeeded", "data": {"object": {"id": "ch_1", "note": "%s"}}}' % (b"x" * 400)


class Load:
    """What is sent and answered."""

    def __init__(self, port: int, rate: float, *, closing: bool) -> None:
        self.port = port
        self.rate = rate
        self.closing = closing
        self.ending = False
        self._numbers = count()

    async def run(self, connections: int) -> None:
        """Call until told to end, or until nobody answers."""
        asyncio.get_running_loop().add_reader(0, self._end)
        await asyncio.gather(*(self._connection(connections) for _ in range(connections)))

    def _end(self) -> None:
        self.ending = True
        asyncio.get_running_loop().remove_reader(0)

    async def _connection(self, connections: int) -> None:
        due = monotonic()
        while not self.ending:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:  # the host is gone
                return
            with suppress(OSError, asyncio.IncompleteReadError), closing(writer):
                stays = True
                while stays and not self.ending:
                    stays = await self._call(reader, writer)
                    if self.rate:
                        due += connections / self.rate
                        await asyncio.sleep(max(0.0, due - monotonic()))

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Make a call; return whether the connection stays open for another."""
        id = b"%d-%d" % (os.getpid(), next(self._numbers))
        os.write(1, b"sent %s\n" % id)
        writer.write(
            b"POST /echo HTTP/1.1\r\nHost: shop.example.com\r\nContent-Type: application/json\r\n"
            b"x-request-id: %s\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (id, b"close" if self.closing else b"keep-alive", len(BODY), BODY)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        os.write(1, b"ended %s %f\n" % (id, monotonic()))
        return not self.closing and b"connection: close" not in head


if __name__ == "__main__":
    port, connections, rate, *words = sys.argv[1:]
    asyncio.run(Load(int(port), float(rate), closing="close" in words).run(int(connections)))
