"""What protects the host: a slow store, a reader who asks too much, and streams without end cost others nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest

from integration_logger import ALL, Principal
from integration_logger.entry import Entry
from integration_logger.errors import StoreError
from integration_logger.query import Query, Scope
from integration_logger.stores.base import Facets, Page, Stats
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import limits, tail, threads
from integration_logger.viewer.limits import Allowance
from integration_logger.viewer.threads import Threads
from tests.deadlines import eventually
from tests.viewer.server import Client, new_entry, viewer


class SlowStore(MemoryStore):
    """Answers no question before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.go = threading.Event()

    def search(self, query: Query) -> Page:
        self.asked += 1
        self.go.wait(60)
        return super().search(query)

    def get(self, id: str, scope: Scope) -> Entry | None:
        self.asked += 1
        self.go.wait(60)
        return super().get(id, scope)


@pytest.fixture
def slow() -> Iterator[SlowStore]:
    store = SlowStore()
    yield store
    store.go.set()


class TiredStore(MemoryStore):
    """Finds a part of what there is, and says that it ran out of time."""

    def search(self, query: Query) -> Page:
        found = super().search(query)
        return Page(entries=found.entries[:1], next_cursor=7, has_more=True)

    def stats(self, query: Query, bucket: float) -> Stats:
        found = super().stats(query, bucket)
        return Stats(buckets=found.buckets, complete=False)

    def facets(self, query: Query, fields: Any) -> Facets:
        return Facets(counts=super().facets(query, fields).counts, covered=1, complete=False)


# --- a partial answer ---------------------------------------------------------------------------------


def test_a_partial_answer_says_so() -> None:
    """List, figures and page tell that the search stopped, and what to do."""
    store = TiredStore()
    store.write([new_entry() for _ in range(3)])
    client = Client(viewer(store))
    page = client.get("/api/entries").json()
    assert (len(page["items"]), page["partial"], page["has_more"], page["next_cursor"]) == (1, True, True, 7)
    assert client.get("/api/entries?limit=1").json()["partial"] is False
    assert client.get("/api/stats").json()["complete"] is False
    assert client.get("/api/facets?field=host").json()["complete"] is False
    assert "narrow the range" in client.get("/").text
    assert "narrow the range" in client.get("/?part=around").text


def test_a_whole_answer_says_nothing() -> None:
    """What was found in time is not called partial."""
    store = MemoryStore()
    store.write([new_entry() for _ in range(3)])
    client = Client(viewer(store))
    assert client.get("/api/entries?limit=2").json()["partial"] is False
    assert client.get("/api/entries").json()["partial"] is False
    assert client.get("/api/stats").json()["complete"] is True
    assert "narrow the range" not in client.get("/").text + client.get("/?part=around").text


# --- a store that does not answer ---------------------------------------------------------------------


def test_a_store_that_does_not_answer_is_taken_for_away(slow: SlowStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader is told after a time; then no more than twice the viewer's threads are ever waiting for the store."""
    monkeypatch.setattr("integration_logger.viewer.gate.ANSWER", 0.05)
    app = viewer(slow)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers = [await client.get("/api/entries") for _ in range(3 * threads.THREADS)]
            assert slow.asked == 2 * threads.THREADS
            slow.go.set()
            with anyio.fail_after(10):
                while (again := await client.get("/api/entries")).status_code != 200:
                    await anyio.sleep(0.01)
            return [*answers, again]

    *answers, last = anyio.run(ask)
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["error"]["code"] for answer in answers} == {"store_unavailable"}
    assert last.status_code == 200


def test_the_host_goes_on_while_the_store_does_not(slow: SlowStore) -> None:
    """However many readers wait, the host's own threads are free, and its event loop is."""
    app = viewer(slow)

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(60):
                group.start_soon(client.get, "/api/entries")
            with anyio.fail_after(10):
                while slow.asked < threads.THREADS:
                    await anyio.sleep(0.01)
                assert await anyio.to_thread.run_sync(lambda: 7) == 7
            assert slow.asked == threads.THREADS
            slow.go.set()

    anyio.run(ask)


def test_threads_that_nobody_waits_for_are_counted() -> None:
    """A caller who gives up leaves a thread behind; the next ones are refused before there are many."""
    go = threading.Event()
    crew = Threads("test", 1)

    async def ask() -> list[str]:
        said = []
        for _ in range(4):
            try:
                await crew(go.wait, 30, seconds=0.02)
            except StoreError as error:
                said.append(str(error))
        go.set()
        with anyio.fail_after(10):
            while True:
                try:
                    assert await crew(lambda: 7) == 7
                    return said
                except StoreError:
                    await anyio.sleep(0.01)

    early, late = "no answer within 0.02 s", "2 earlier questions have no answer yet"
    assert anyio.run(ask) == [early, early, late, late]


# --- tokens -------------------------------------------------------------------------------------------


def test_a_bucket_empties_and_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked in a row has an end, tokens come back with time, and never more than the bucket holds."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tokens = Allowance()
    assert [tokens.take("ana", 20) for _ in range(3)] == [0, 0, 0]
    assert tokens.take("ana", 20) == 20 / limits.PER_SECOND
    assert tokens.take("bo", 20) == 0
    now += 4.0
    assert tokens.take("ana", 20) == 0
    now += 10_000
    assert [tokens.take("ana", 60), tokens.take("ana", 60) > 0] == [0, True]


def test_forgotten_readers_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The buckets are bounded, whatever names readers have."""
    monkeypatch.setattr(limits, "READERS", 2)
    tokens = Allowance()
    for name in ("a", "b", "c"):
        assert tokens.take(name, limits.TOKENS) == 0
    assert len(tokens._left) == 2
    assert tokens.take("c", 1) > 0
    assert tokens.take("a", 1) == 0


@pytest.mark.parametrize(
    ("path", "cost"),
    [
        ("/api/entries?q=word", limits.WORDS),
        ("/?q=word", limits.WORDS),
        ("/api/stats?since=2026-01-01", limits.FIGURES),
        ("/api/facets?field=host", limits.FIGURES),
        ("POST /api/erase", limits.CHANGE),
        ("POST /api/purge", limits.CHANGE),
    ],
)
def test_who_asks_too_much_is_told_to_wait(monkeypatch: pytest.MonkeyPatch, path: str, cost: float) -> None:
    """Costly questions are refused with 429 and how long to wait; plain lists, pages and other readers go on."""
    monkeypatch.setattr(limits, "TOKENS", 2 * cost)
    monkeypatch.setattr(limits, "PER_SECOND", cost / 1000)
    store = MemoryStore()
    ana = Client(viewer(store, Principal("ana", role="owner", tenants=ALL)))
    method, _, address = path.rpartition(" ")
    codes = [ana.send(method or "GET", address).status_code for _ in range(3)]
    assert codes[2] == 429
    assert 429 not in codes[:2]
    refused = ana.send(method or "GET", address)
    assert 1 <= int(refused.headers["retry-after"]) <= 1000
    assert "too much" in refused.text
    assert ana.get("/api/entries").status_code == 200
    assert ana.get("/").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/api/erase", {"origin": "https://evil.example"}),
        ("POST", "/api/erase", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}),
        ("GET", "/api/export.csv", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}),
        ("GET", "/api/stats", {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}),
    ],
    ids=["origin", "form", "image", "script"],
)
def test_another_site_takes_no_tokens(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, headers: dict[str, str]
) -> None:
    """What a page elsewhere has the browser of a reader ask costs the reader nothing, and is not done."""
    monkeypatch.setattr(limits, "PER_SECOND", 1e-9)
    monkeypatch.setattr(limits, "TOKENS", 10.0)
    client = Client(viewer(MemoryStore()))
    refused = client.send(method, path, headers=headers)
    assert (refused.status_code, "did not come from here" in refused.text) == (403, True)
    assert client.get("/api/export.csv").status_code == 200
    assert client.get("/api/export.csv").status_code == 429


def test_each_reader_has_tokens_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One who asks too much takes nothing from others."""
    monkeypatch.setattr(limits, "TOKENS", 1.0)
    monkeypatch.setattr(limits, "PER_SECOND", 0.001)
    names = iter(["ana", "ana", "bo"])

    async def authorize(_: object) -> Principal:
        return Principal(next(names), role="owner", tenants=ALL)

    from integration_logger.viewer import Viewer

    client = Client(Viewer(MemoryStore(), authorize=authorize))
    assert [client.get("/api/entries?q=x").status_code for _ in range(3)] == [200, 429, 200]


# --- tails --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "of_reader"), [(2, 99), (99, 2)])
def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch, most: int, of_reader: int) -> None:
    """One too many gets what there is, ends, and comes back later; when others have ended it stays open again."""
    monkeypatch.setattr(tail, "MOST_STREAMS", most)
    monkeypatch.setattr(tail, "MOST_OF_READER", of_reader)
    monkeypatch.setattr(tail, "LIFETIME", 2.0)
    store = MemoryStore()
    store.write([entry := new_entry()])
    app = viewer(store)
    answers: list[httpx.Response] = []

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as client:

            async def read() -> None:
                answers.append(await client.get("/api/stream", headers={"Last-Event-ID": "0"}))

            async with anyio.create_task_group() as group:
                group.start_soon(read)
                group.start_soon(read)
                with anyio.fail_after(10):
                    while app.tail._open.total() < 2:
                        await anyio.sleep(0.01)
                await read()
                assert app.tail._open.total() == 2
                assert len(answers) == 1
            await read()

    anyio.run(ask)
    assert [f"retry: {tail.POLL_LATER}" in answer.text for answer in answers] == [True, False, False, False]
    assert all(entry.id in answer.text for answer in answers)
    eventually(lambda: not app.tail._open)
