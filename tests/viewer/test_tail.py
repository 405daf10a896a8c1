"""The live tail: every entry once, in order, to every reader, and nothing to anybody else."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest

from integration_logger.entry import Entry, InFlight
from integration_logger.ids import new_id
from integration_logger.query import ALL, EVERYTHING, Query
from integration_logger.stores import memory
from integration_logger.stores.base import Page
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal, poller, tail
from integration_logger.viewer.poller import Poller, Window
from tests.viewer.server import Client, new_entry, serving, viewer


class Counting(MemoryStore):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.searches = 0

    def search(self, query: Query) -> Page:
        self.searches += 1
        return super().search(query)


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture(autouse=True)
def short_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "LIFETIME", 1.0)


def events(text: str) -> list[tuple[str, str | None, Any]]:
    """Read a stream into (event, id, data)."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
    return found


def entries(text: str) -> list[int]:
    return [int(id or 0) for event, id, _ in events(text) if event == "entry"]


def follow(store: MemoryStore, *, path: str = "/api/stream", principal: Principal | None = None, **headers: str) -> str:
    app = viewer(store, principal) if principal else viewer(store)
    return Client(app).get(path, headers=headers, timeout=30).text


def writing(store: MemoryStore, batches: list[list[Entry]], pause: float = 0.1) -> threading.Thread:
    def write() -> None:
        for batch in batches:
            time.sleep(pause)
            store.write(batch)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


# --- what a reader gets -------------------------------------------------------------------------------


def test_new_entries_come_with_their_seq_and_the_shape_of_the_list(store: Counting) -> None:
    store.write([new_entry() for _ in range(3)])
    new = new_entry()
    thread = writing(store, [[new]])
    response = Client(viewer(store)).get("/api/stream", timeout=30)
    thread.join()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "private, no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.text.startswith("retry: 500\n\n")
    (found,) = [(id, data) for event, id, data in events(response.text) if event == "entry"]
    assert found == ("4", Client(viewer(store)).get("/api/entries").json()["items"][0])


def test_a_reader_who_comes_back_misses_and_repeats_nothing(store: Counting) -> None:
    thread = writing(store, [[new_entry() for _ in range(7)] for _ in range(30)], pause=0.05)
    seen: list[int] = []
    last = "0"
    while thread.is_alive() or len(seen) < 210:
        text = follow(store, **{"last-event-id": last})
        seen += entries(text)
        last = text.rstrip().rpartition("id: ")[2]
    assert seen == list(range(1, 211))


def test_a_reader_far_behind_catches_up_from_the_store(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "WINDOW", 20)
    thread = writing(store, [[new_entry() for _ in range(400)] for _ in range(3)])
    assert entries(follow(store, **{"last-event-id": "0"})) == list(range(1, 1201))
    thread.join()


def test_begins_after_a_cursor_and_prefers_what_was_seen_last(store: Counting) -> None:
    store.write([new_entry() for _ in range(6)])
    assert entries(follow(store, path="/api/stream?cursor=4")) == [5, 6]
    assert entries(follow(store, path="/api/stream?cursor=1", **{"last-event-id": "5"})) == [6]


def test_a_reader_ahead_of_a_store_that_began_anew_goes_on_with_it(store: Counting) -> None:
    store.write([new_entry()])
    thread = writing(store, [[new_entry()]])
    assert entries(follow(store, **{"last-event-id": "4711"})) == [2]
    thread.join()


@pytest.mark.parametrize("wrong", ["x", "-1", "1" * 19])
def test_refuses_an_id_that_is_none(store: Counting, wrong: str) -> None:
    response = Client(viewer(store)).get("/api/stream", headers={"last-event-id": wrong})
    assert response.status_code == 400
    assert response.json()["error"]["field"] == "Last-Event-ID"


def test_filters_and_never_leaves_the_scope(store: Counting) -> None:
    wanted = {"tenant": "acme", "status_code": 500}
    batch = [
        new_entry(**wanted), new_entry(tenant="globex", status_code=500), new_entry(tenant=None, status_code=500),
        new_entry(tenant="acme", status_code=200), new_entry(**wanted, kind="audit"),
    ]  # fmt: skip
    principal = Principal("bo", role="supervisor", tenants=["acme"])
    for cursor in ("", "&cursor=0"):
        thread = writing(store, [batch])
        text = follow(store, path=f"/api/stream?outcome=error{cursor}", principal=principal)
        thread.join()
        assert [data["id"] for event, _, data in events(text) if event == "entry"] == [batch[0].id]
        store.erase(Query(scope=EVERYTHING))
        batch = [new_entry(**wanted)]


def test_audit_entries_come_to_those_who_ask_and_may(store: Counting) -> None:
    owner = Principal("ana", role="owner", tenants=ALL)
    for path, seen in (("/api/stream", 1), ("/api/stream?kind=audit", 1), ("/api/stream?kind=audit&kind=inbound", 2)):
        thread = writing(store, [[new_entry(kind="audit"), new_entry()]])
        assert len(entries(follow(store, path=path, principal=owner))) == seen
        thread.join()


def test_a_rare_filter_still_moves_on(store: Counting) -> None:
    store.write([new_entry(status_code=200) for _ in range(9)])
    text = follow(store, path="/api/stream?outcome=error&cursor=0")
    assert entries(text) == []
    assert text.endswith(": still here\nid: 9\n\n")


def test_open_calls_come_when_they_change_and_without_an_id(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "IN_FLIGHT_POLL", 0.0)
    open_call = new_entry(status="processing", status_code=None, duration=None, response=None)
    store.write([], in_flight=[InFlight(owner=new_id(), entry=open_call)])
    ended = new_entry(id=open_call.id)
    thread = writing(store, [[ended]], pause=0.4)
    found = [(id, [item["id"] for item in data]) for event, id, data in events(follow(store)) if event == "inflight"]
    thread.join()
    assert found == [(None, [open_call.id]), (None, [])]


def test_open_calls_of_others_push_out_none(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of one tenant is told of that one's open calls, however many others have begun since."""
    monkeypatch.setattr(memory, "MAX_IN_FLIGHT", 5)
    monkeypatch.setattr(tail, "MAX_IN_FLIGHT", 5)
    still_open = {"status": "processing", "status_code": None, "duration": None, "response": None}
    began = datetime.now(UTC) - timedelta(minutes=1)
    own = new_entry(tenant="small", started_at=began, **still_open)
    others = [new_entry(tenant="large", **still_open) for _ in range(9)]
    store.write([new_entry()], in_flight=[InFlight(owner=new_id(), entry=entry) for entry in (own, *others)])
    reader = Principal("ben", role="owner", tenants=["small"])
    for path in ("/api/stream", "/api/stream?order=asc"):
        found = [data for event, _, data in events(follow(store, path=path, principal=reader)) if event == "inflight"]
        assert [[item["id"] for item in data] for data in found] == [[own.id]]


def test_a_quiet_stream_shows_that_it_lives(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "HEARTBEAT", 0.1)
    assert follow(store).count(": still here") > 2


# --- what it costs ------------------------------------------------------------------------------------


def test_one_poller_serves_all_readers_and_none_polls_without(store: Counting) -> None:
    app = viewer(store)
    with serving(app) as address:

        def read() -> None:
            httpx.get(f"{address}/api/stream", timeout=30)

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        polled = store.searches
        # One second at five looks a second, and one look at open calls with each beginning second.
        assert polled < 16
        time.sleep(0.6)
        assert store.searches == polled


def test_renders_an_entry_once_for_all_readers(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []
    shape = poller.list_item
    monkeypatch.setattr(poller, "list_item", lambda entry, **how: rendered.append(entry.id) or shape(entry, **how))
    app, new = viewer(store), [new_entry() for _ in range(5)]

    async def read() -> None:
        transport = httpx.ASGITransport(app)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(4):
                group.start_soon(client.get, "/api/stream")
            await anyio.sleep(0.3)
            store.write(new)

    anyio.run(read)
    assert sorted(rendered) == sorted(entry.id for entry in new)


def test_the_window_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "WINDOW", 10)
    window = Window(0, 0)
    for seq in range(1, 101):
        window = window.grown((new_entry(seq=seq),), seq)
    assert (window.low, window.high, len(window.items)) == (90, 100, 10)
    assert [item.seq for item in window.after(95)] == [96, 97, 98, 99, 100]


def test_the_window_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is erased from the store is not shown for long from memory; who was further back asks the store."""
    window = Window(0, 0).grown((new_entry(seq=1), new_entry(seq=2)), 2)
    assert [item.seq for item in window.after(0)] == [1, 2]
    monkeypatch.setattr(poller, "KEPT", 0.0)
    later = window.grown((), 2)
    assert (later.low, later.high, later.items) == (2, 2, ())


def test_after_a_time_without_readers_the_window_begins_anew(monkeypatch: pytest.MonkeyPatch, store: Counting) -> None:
    monkeypatch.setattr(poller, "IDLE", 0.0)
    monkeypatch.setattr(poller, "IN_FLIGHT_POLL", 0.0)
    looking = Poller(store)
    store.write([new_entry() for _ in range(50)])
    looking.look()
    assert (looking.window.low, looking.window.high, looking.window.items) == (50, 50, ())
