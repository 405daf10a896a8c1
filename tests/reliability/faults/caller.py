"""Paced calls over connections that are kept, from a process of its own: ``caller.py PORT CONNECTIONS RATE [poison]``.

Prints a line for each call: ``ID KIND START SECONDS ANSWER``, by the monotonic clock, with status and digest of the
whole answer; ``-`` where none came. Connects anew where the host has gone. Goes on until its standard input ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
from hashlib import sha1
from itertools import count
from time import monotonic
from typing import Final

AGAIN: Final = 0.02
"""Seconds until a host that has gone is tried again."""
PATIENCE: Final = 15.0
"""Seconds after which a call counts as not answered."""

_JSON: Final = b'{"type": "charge.succeeded", "data": {"object": {"id": "ch_1", "note": "%s"}}}' % (b"x" * 400)


def _call(
    target: bytes = b"/echo", headers: bytes = b"", body: bytes = _JSON, kind: bytes = b"application/json"
) -> bytes:
    return (
        b"POST %s HTTP/1.1\r\nHost: shop.example.com\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
        b"%sx-call-id: %%s\r\n\r\n"
        % (target.replace(b"%", b"%%"), kind, len(body), headers.replace(b"%", b"%%"))
        + body.replace(b"%", b"%%")
    )  # fmt: skip


ORDINARY: Final = [_call()]
POISON: Final = [
    *ORDINARY,
    _call(b"/nul%00/in%00path?q=%00&%00=1"),
    _call(b"/invalid%ff%fe/utf8?q=%ed%a0%80&r=%ff"),
    _call(b"/raw\xff\xfe?q=\xed\xa0\x80"),
    _call(b"/" + b"long/" * 4000),
    _call(b"/query?" + b"q=" + b"x" * 20_000),
    _call(headers=b"".join(b"x-huge-%d: %s\r\n" % (n, b"v" * 4000) for n in range(15))),
    _call(headers=b"x-long: " + b"v" * 60_000 + b"\r\n"),
    _call(headers=b"x-many: \xff\xfe\xed\xa0\x80\r\nuser-agent: \xc3\x28\xf0\x9f\r\n" * 20),
    _call(body=b'{"a": "\\ud800", "b": "\\u0000", "\\udfff": 1}'),
    _call(body=b'{"a": "\x00\xff\xfe\xed\xa0\x80"}'),
    _call(body=b"\x00" * 5000, kind=b"text/plain; charset=utf-8"),
    _call(body=b"\xff\xfe\x00\xd8" * 500, kind=b"text/plain; charset=utf-16"),
    _call(body=b"[" * 20_000, kind=b"application/json; charset=no-such-charset"),
    _call(headers=b"content-encoding: gzip\r\n", body=b"\x1f\x8b\x08\x00 not gzip at all"),
    _call(headers=b'traceparent: 00-\x00\r\nforwarded: for="[::::"\r\n'.replace(b"\x00", b"\xff")),
]


class Caller:
    """Calls a host again and again."""

    def __init__(self, port: int, calls: list[bytes]) -> None:
        self.port = port
        self.ending = False
        self._calls = calls
        self._numbers = count()

    async def run(self, connections: int, rate: float) -> None:
        """Call until told to end."""
        asyncio.get_running_loop().add_reader(0, self._end)
        pause = connections / rate
        await asyncio.gather(*(self._connection(n * pause / connections, pause) for n in range(connections)))

    def _end(self) -> None:
        self.ending = True
        asyncio.get_running_loop().remove_reader(0)

    async def _connection(self, after: float, pause: float) -> None:
        due = monotonic() + after
        while not self.ending:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(AGAIN)
                continue
            try:
                while not self.ending:
                    await asyncio.sleep(max(0.0, due - monotonic()))
                    due = max(due + pause, monotonic() - 1)
                    if not await self._one(reader, writer):
                        break
            finally:
                writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        number = next(self._numbers)
        kind, id = number % len(self._calls), b"%d-%d" % (os.getpid(), number)
        began = monotonic()
        answer, goes_on = b"", False
        try:
            writer.write(self._calls[kind] % id)
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or -1)
                body = await (reader.readexactly(length) if length >= 0 else reader.read())
            answer, goes_on = _constant(head) + body, length >= 0 and b"connection: close" not in head.lower()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the host has gone, or is stopped
        text = f"{answer[9:12].decode()}-{sha1(answer).hexdigest()[:12]}" if answer else "-"
        os.write(1, b"%s %d %.6f %.6f %s\n" % (id, kind, began, monotonic() - began, text.encode()))
        return goes_on


def _constant(head: bytes) -> bytes:
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:"))


if __name__ == "__main__":
    chosen = POISON if "poison" in sys.argv[4:] else ORDINARY
    asyncio.run(Caller(int(sys.argv[1]), chosen).run(int(sys.argv[2]), float(sys.argv[3])))
