"""Calls from a process of its own: ``load.py PORT CONNECTIONS [RATE]``.

Prints ``sent ID`` before each call, and ``ended ID TIME`` when its whole answer has arrived, by the monotonic clock.
Goes on until its standard input ends or the host does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from itertools import count
from time import monotonic

BODY = b'{"type": "charge.succeeded", "data": {"object": {"id": "ch_1", "note": "%s"}}}' % (b"x" * 400)


class Load:
    """What is sent and answered."""

    def __init__(self, port: int, rate: float) -> None:
        self.port = port
        self.rate = rate
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
        with suppress(OSError, asyncio.IncompleteReadError):  # the host is gone
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            due = monotonic()
            try:
                while not self.ending:
                    await self._call(reader, writer)
                    if self.rate:
                        due += connections / self.rate
                        await asyncio.sleep(max(0.0, due - monotonic()))
            finally:
                writer.close()

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        id = b"%d-%d" % (os.getpid(), next(self._numbers))
        os.write(1, b"sent %s\n" % id)
        writer.write(
            b"POST /echo HTTP/1.1\r\nHost: shop.example.com\r\nContent-Type: application/json\r\n"
            b"x-request-id: %s\r\nContent-Length: %d\r\n\r\n%s" % (id, len(BODY), BODY)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        os.write(1, b"ended %s %f\n" % (id, monotonic()))


if __name__ == "__main__":
    asyncio.run(Load(int(sys.argv[1]), float((sys.argv[3:] or ["0"])[0])).run(int(sys.argv[2])))
