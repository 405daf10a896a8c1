"""How long it takes from the end of a call until a reader of the live tail has it, under load."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import quantiles
from time import monotonic

import httpx
import pytest

from tests.deadlines import eventually
from tests.reliability.processes import Host, host, load

pytestmark = [pytest.mark.reliability, pytest.mark.alone]

RATE = 500
"""Calls a second."""
READERS = 5
PROBES = 200
SECONDS = 10
WITHIN = 1.0
"""Seconds for the 99th percentile of the probes."""


class Reader:
    """A page that follows the live tail, coming back as pages do when a stream ends."""

    def __init__(self, site: str) -> None:
        self.seen: dict[str, float] = {}
        """When the event of each call arrived."""
        self.twice: list[str] = []
        self.opened = threading.Event()
        self.ending = False
        self._last = ""
        self._thread = threading.Thread(target=self._follow, args=(f"{site}/logs/api/stream",))
        self._thread.start()

    def _follow(self, address: str) -> None:
        with httpx.Client(trust_env=False, timeout=30) as client, suppress(httpx.HTTPError):
            while not self.ending:
                headers = {"last-event-id": self._last} if self._last else {}
                with client.stream("GET", address, headers=headers) as stream:
                    self._read(stream)

    def _read(self, stream: httpx.Response) -> None:
        rest = ""
        for text in stream.iter_text():
            self.opened.set()
            now = monotonic()
            whole, _, rest = (rest + text).rpartition("\n\n")
            for event in whole.split("\n\n"):
                if found := re.search(r"^id: (\d+)$", event, re.MULTILINE):
                    self._last = found[1]
                if found := re.search(r'"request_id":"([^"]+)"', event):
                    self.twice += [found[1]] if found[1] in self.seen else []
                    self.seen[found[1]] = now

    def end(self) -> None:
        """Wait until the stream has ended, and do not come back."""
        self.ending = True
        self._thread.join(30)


@contextmanager
def readers(running: Host) -> Iterator[list[Reader]]:
    following = [Reader(running.site) for _ in range(READERS)]
    try:
        assert all(reader.opened.wait(10) for reader in following)
        yield following
    finally:
        running.process.kill()
        for reader in following:
            reader.end()


def test_an_entry_is_in_every_open_tail_within_a_second(tmp_path: Path) -> None:
    """During 500 calls a second, with five open tails, 99 of 100 entries arrive within a second, each once."""
    with host(tmp_path) as running, readers(running) as following:
        with load(running, connections=20, rate=RATE) as calls:
            began = monotonic()
            eventually(lambda: monotonic() - began >= SECONDS, seconds=2 * SECONDS)
            rate = len(calls.acknowledged) / (monotonic() - began)
            calls.end()
        eventually(lambda: all(reader.seen.keys() >= calls.acknowledged for reader in following), seconds=20)
    probes = random.Random(RATE).sample(sorted(calls.acknowledged), PROBES)
    took = [reader.seen[id] - calls.ended[id] for reader in following for id in probes]
    p99 = quantiles(took, n=100)[98]
    print(f"{rate:.0f} calls/s; p50 {quantiles(took, n=2)[0]:.3f} s, p99 {p99:.3f} s, longest {max(took):.3f} s")
    assert rate > 0.8 * RATE
    assert p99 < WITHIN
    assert [reader.twice for reader in following] == [[]] * READERS
