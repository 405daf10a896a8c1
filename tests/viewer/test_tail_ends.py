"""Live tails end in good order: when their reader leaves, the host stops or the store goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest

from integration_logger.errors import StoreError
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.base import Page
from integration_logger.viewer import tail
from integration_logger.viewer.tail import Tail
from tests.viewer.server import Client, new_entry, serving, viewer
from tests.viewer.test_tail import Counting, entries


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture(autouse=True)
def short_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "LIFETIME", 1.0)


def test_a_reader_who_leaves_is_let_go_at_once(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "LIFETIME", 30.0)
    with serving(viewer(store)) as address:
        with httpx.stream("GET", f"{address}/api/stream") as stream:
            next(stream.iter_lines())
        time.sleep(0.5)
        polled = store.searches
        time.sleep(0.6)
        assert store.searches == polled


@pytest.mark.alone
def test_closing_ends_all_streams(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "LIFETIME", 30.0)
    app = viewer(store)
    threading.Timer(0.3, app.close).start()
    began = time.monotonic()
    Client(app).get("/api/stream", timeout=30)
    assert time.monotonic() - began < 2


def test_the_end_of_the_host_ends_all_streams(store: Counting) -> None:
    app = viewer(store)
    sent: list[str] = []
    messages: Iterator[str] = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, str]:
        return {"type": next(messages)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    anyio.run(app, {"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert entries(Client(app).get("/api/stream").text) == []


def test_works_under_trio(store: Counting) -> None:
    store.write([new_entry()])

    async def read() -> bytes:
        response = await Tail(store).follow(Query(scope=EVERYTHING, cursor=0), None, lambda entry: True)
        body = b""

        async def receive() -> Any:
            await anyio.sleep_forever()

        async def send(message: Any) -> None:
            nonlocal body
            body += message.get("body", b"")

        await response({}, receive, send)
        return body

    assert entries(anyio.run(read, backend="trio").decode()) == [1]


def test_a_store_that_goes_away_ends_the_stream(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "LIFETIME", 30.0)

    def gone(query: Query) -> Page:
        raise StoreError("away")

    threading.Timer(0.3, lambda: setattr(store, "search", gone)).start()
    app = viewer(store)
    assert Client(app).get("/api/stream", timeout=30).status_code == 200
    assert Client(app).get("/api/stream").status_code == 503
