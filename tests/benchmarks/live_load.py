"""Paced calls, probes among them, and readers of the live tail: ``live_load.py PORT RATE PROBES READERS``.

Prints JSON. A process of its own that makes a set number of calls, each at its time, and ends by itself: what comes
too late is counted, and is made up for at once.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from typing import Any, Final

import httpx

from tests.benchmarks.host import incoming
from tests.benchmarks.load import HOST, SIZE

PROBES_A_SECOND: Final = 5
WARM_UP: Final = 2.0
"""Seconds of load before the first probe."""
PROBE: Final = re.compile(rb"/webhooks/(probe-[0-9]{4})\b")
_ID: Final = re.compile(rb"^id: ([0-9]+)$", re.MULTILINE)
_CONNECTIONS: Final = 20
_PATIENCE: Final = 10.0
"""Seconds that a call may take, and that the readers wait for the last probe."""
_LATE: Final = 0.05


def probe_name(place: int) -> str:
    """Return the last part of a probe's path."""
    return f"probe-{place:04}"


class Load:
    """The calls, and when each probe ended and came out of a tail; moments are those of the machine's clock."""

    def __init__(self, port: int, rate: int, probes: int) -> None:
        self.port = port
        self.rate = rate
        self.answered = self.refused = self.late = 0
        self.ended: dict[str, float] = {}
        self._bodies = [b"".join(message["body"] for message in call.messages) for call in incoming(SIZE, secret=True)]
        self._headers = [
            b"".join(b"%b: %b\r\n" % header for header in call.headers) for call in incoming(SIZE, secret=True)
        ]
        self.count = int(rate * (WARM_UP + probes / PROBES_A_SECOND))
        self._probes = _places(probes, rate)

    async def put(self) -> float:
        """Make all calls; return for how many seconds that took."""
        self._began = time.perf_counter() + 0.1
        async with asyncio.timeout(self.count / self.rate + 3 * _PATIENCE):
            await asyncio.gather(*(self._caller(first) for first in range(_CONNECTIONS)))
        return time.perf_counter() - self._began

    async def _caller(self, first: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        for place in range(first, self.count, _CONNECTIONS):
            wait = self._began + place / self.rate - time.perf_counter()
            self.late += wait < -_LATE
            await asyncio.sleep(max(0.0, wait))
            await asyncio.wait_for(self._call(place, reader, writer), _PATIENCE)
        writer.close()

    async def _call(self, place: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        probe = self._probes.get(place)
        variety = place % len(self._bodies)
        path = f"/webhooks/{probe or 'stripe'}".encode()
        writer.write(b"POST %b HTTP/1.1\r\n%b\r\n%b" % (path, self._headers[variety], self._bodies[variety]))
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        if probe:
            self.ended[probe] = time.time()
        self.answered += 1
        self.refused += not head.startswith(b"HTTP/1.1 200")


def _places(probes: int, rate: int) -> dict[int, str]:
    # At random in their stretch of time, so that none keeps step with whoever looks for news every so often.
    rng = random.Random(probes)
    each = rate // PROBES_A_SECOND
    return {int(rate * WARM_UP) + n * each + rng.randrange(each): probe_name(n) for n in range(probes)}


class Tail:
    """Reads the live tail as a page does: comes back at once, from where it was, when the stream ends."""

    def __init__(self, port: int) -> None:
        self.address = f"http://{HOST}:{port}/logs/api/stream"
        self.seen: list[tuple[str, float]] = []
        self.opened = asyncio.Event()
        self._last = ""

    async def follow(self, client: httpx.AsyncClient) -> None:
        """Read for ever."""
        while True:
            headers = {"last-event-id": self._last} if self._last else {}
            async with client.stream("GET", self.address, headers=headers) as response:
                response.raise_for_status()
                self.opened.set()
                await self._read(response)

    async def _read(self, response: httpx.Response) -> None:
        rest = b""
        async for piece in response.aiter_raw():
            now = time.time()
            *blocks, rest = (rest + piece).split(b"\n\n")
            for block in blocks:
                if found := _ID.search(block):
                    self._last = found[1].decode()
                if b"event: entry\n" in block and (probe := PROBE.search(block)):
                    self.seen.append((probe[1].decode(), now))


async def main(port: int, rate: int, probes: int, readers: int) -> dict[str, Any]:
    """Return what was asked for and what came of it."""
    load, tails = Load(port, rate, probes), [Tail(port) for _ in range(readers)]
    async with httpx.AsyncClient(timeout=_PATIENCE) as client, asyncio.TaskGroup() as group:
        following = [group.create_task(tail.follow(client)) for tail in tails]
        for tail in tails:
            await asyncio.wait_for(tail.opened.wait(), _PATIENCE)
        seconds = await load.put()
        deadline = time.monotonic() + _PATIENCE
        while any(len(tail.seen) < probes for tail in tails) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        for task in following:
            task.cancel()
    return {
        "seconds": seconds,
        "answered": load.answered,
        "refused": load.refused,
        "late": load.late,
        "ended": load.ended,
        "tails": [tail.seen for tail in tails],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*map(int, sys.argv[1:])))), flush=True)
