"""Several processes write one store while readers follow ``seq`` from the start, and purges happen.

``python -m tests.reliability.follower [--seconds 60] [--store sqlite]`` prints what came of it.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import httpx
import msgspec

from integration_logger import ALL, IntegrationLogger, Principal
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.viewer import Viewer
from tests.postgresql import fresh_database

WRITERS: Final = 4
RATE: Final = 100.0
PURGE_EVERY: Final = 0.3

Seen = list[tuple[int, str]]
"""``seq`` and id of each entry, in the order in which a reader got them."""


class Result(msgspec.Struct, kw_only=True):
    """What came of it."""

    store: str
    calls: int
    stored_once: int
    purged: int
    by_search: int
    by_tail: int
    wrong: list[str]


class Writer:
    """One process that records and ships."""

    def __init__(self, store: str, spool: Path) -> None:
        self.ids: dict[str, str] = {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.recording", store, str(spool), str(RATE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            id, word = line.split()
            self.ids[id] = word

    def end(self) -> None:
        """Have it ship all that it has recorded."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            assert self.process.wait(90) == 0
        finally:
            self.process.kill()
            self._thread.join()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process.wait()


def follow_by_search(store: Store, ended: threading.Event) -> Seen:
    """Read page after page in ascending order until nothing follows."""
    query, seen = Query(scope=EVERYTHING, order="asc", limit=100), []
    while True:
        last = ended.is_set()
        page = store.search(query)
        seen += [(entry.seq or 0, entry.id) for entry in page.entries]
        if last and not page.has_more:
            return seen
        query = msgspec.structs.replace(query, cursor=page.next_cursor)
        ended.wait(0.02)


def follow_by_tail(url: str, ended: threading.Event) -> Seen:
    """Read the live tail as a page does, which comes back with the last id whenever the stream ends."""
    with closing(IntegrationLogger(url, spool=None, ship=None)) as log:
        viewer = log.viewer(authorize=lambda _: Principal("reader", role="owner", tenants=ALL))
        return asyncio.run(_follow_streams(viewer, ended))


async def _follow_streams(viewer: Viewer, ended: threading.Event) -> Seen:
    seen: Seen = []
    position = "0"
    transport = httpx.ASGITransport(viewer)
    async with httpx.AsyncClient(transport=transport, base_url="http://log", timeout=None) as client:
        while True:
            last = ended.is_set()
            answer = await client.get("/api/stream", headers={"Last-Event-ID": position})
            assert answer.status_code == 200, answer.text
            before = position
            for event in answer.text.split("\n\n"):
                fields = dict(line.partition(": ")[::2] for line in event.splitlines())
                position = fields.get("id", position)
                if fields.get("event") == "entry":
                    seen.append((int(fields["id"]), msgspec.json.decode(fields["data"])["id"]))
            if last and position == before:
                return seen


@contextmanager
def purging(store: Store) -> Iterator[list[int]]:
    """Delete what has expired again and again; the numbers are how many entries that were."""
    ending, purged = threading.Event(), []

    def work() -> None:
        while not ending.wait(PURGE_EVERY):
            purged.append(store.purge(datetime.now(UTC)).entries)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield purged
    finally:
        ending.set()
        thread.join()


def run(url: str, folder: Path, seconds: float) -> Result:
    """Write for so many seconds, and compare what was written, stored and seen."""
    open_store(url).close()
    ended = threading.Event()
    results: dict[str, Seen] = {}

    def in_thread(name: str, work: Callable[[], Seen]) -> threading.Thread:
        thread = threading.Thread(target=lambda: results.__setitem__(name, work()))
        thread.start()
        return thread

    with ExitStack() as stack:
        store, reading = (stack.enter_context(closing(open_store(url))) for _ in range(2))
        purged = stack.enter_context(purging(store))
        readers = [
            in_thread("search", lambda: follow_by_search(reading, ended)),
            in_thread("tail", lambda: follow_by_tail(url, ended)),
        ]
        writers = [Writer(url, folder / f"spool-{n}") for n in range(WRITERS)]
        try:
            threading.Event().wait(seconds)
        finally:
            for writer in writers:
                writer.end()
            ended.set()
            for reader in readers:
                reader.join()
        stored = [(e.seq or 0, e.id) for e in store.stream(Query(scope=EVERYTHING, order="asc"))]
    written = {id: word for writer in writers for id, word in writer.ids.items()}
    return _result(url, written, stored, results, sum(purged))


def _result(url: str, written: dict[str, str], stored: Seen, seen: dict[str, Seen], purged: int) -> Result:
    lasting = {id for id, word in written.items() if word == "long"}
    wrong = [*_wrong("the store", stored, written.keys(), lasting)]
    for name in ("search", "tail"):
        wrong += _wrong(name, seen.get(name, []), written.keys(), lasting)
    if not purged:
        wrong.append("nothing was purged")
    return Result(
        store=url.partition(":")[0],
        calls=len(written),
        stored_once=len(lasting & {id for _, id in stored}),
        purged=purged,
        by_search=len(seen.get("search", [])),
        by_tail=len(seen.get("tail", [])),
        wrong=wrong,
    )


def _wrong(name: str, seen: Seen, written: Collection[str], lasting: set[str]) -> Iterator[str]:
    ids = [id for _, id in seen]
    if missing := lasting - {*ids}:
        yield f"{name}: {len(missing)} missing"
    if len(ids) != len({*ids}):
        yield f"{name}: {len(ids) - len({*ids})} twice"
    if not all(one[0] < next_one[0] for one, next_one in pairwise(seen)):
        yield f"{name}: not ascending"
    if foreign := {*ids} - {*written}:
        yield f"{name}: {len(foreign)} that nobody wrote"


def main() -> None:
    """Run it and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.follower")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--store", choices=("sqlite", "postgresql"))
    given = parser.parse_args()
    print("| store | calls | of those that last, stored once | purged | seen by search | seen by the tail | wrong |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for store in [given.store] if given.store else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory() as folder:
            database = fresh_database() if store == "postgresql" else nullcontext(f"sqlite:///{folder}/log.db")
            with database as url:
                result = run(url, Path(folder), given.seconds)
        print(f"| {' | '.join(map(str, msgspec.structs.astuple(result)))} |", flush=True)


if __name__ == "__main__":
    main()
