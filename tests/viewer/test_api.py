"""The JSON interface keeps its contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from integration_logger.entry import InFlight, Message
from integration_logger.errors import StoreError
from integration_logger.health import Health
from integration_logger.ids import new_id
from integration_logger.stores.memory import MemoryStore
from tests.viewer.server import Client, new_entry, viewer


def ids(api: Client, params: str) -> list[str]:
    response = api.get(f"/api/entries?{params}")
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]


def test_lists_the_newest_first_and_continues_from_a_cursor(store: MemoryStore, api: Client) -> None:
    entries = [new_entry() for _ in range(5)]
    store.write(entries)
    first = api.get("/api/entries?limit=3").json()
    assert [item["id"] for item in first["items"]] == [entry.id for entry in entries[:1:-1]]
    assert first["has_more"] is True
    rest = api.get(f"/api/entries?limit=3&cursor={first['next_cursor']}").json()
    assert [item["id"] for item in rest["items"]] == [entries[1].id, entries[0].id]
    assert rest["has_more"] is False


def test_a_follower_reads_upwards_and_is_told_when_the_log_was_begun_anew(store: MemoryStore, api: Client) -> None:
    """In ascending order there is always a cursor to go on from; one that no entry had yet is refused."""
    entries = [new_entry() for _ in range(3)]
    store.write(entries)
    first = api.get("/api/entries?order=asc&cursor=0&limit=2").json()
    assert ([item["id"] for item in first["items"]], first["has_more"]) == ([e.id for e in entries[:2]], True)
    rest = api.get(f"/api/entries?order=asc&cursor={first['next_cursor']}").json()
    assert ([item["id"] for item in rest["items"]], rest["next_cursor"]) == ([entries[2].id], 3)
    assert api.get("/api/entries?order=asc&cursor=3").json()["next_cursor"] == 3
    beyond = api.get("/api/entries?order=asc&cursor=4")
    assert (beyond.status_code, beyond.json()["error"]["field"]) == (400, "cursor")
    assert "begun anew" in beyond.json()["error"]["message"]


def test_lists_calls_in_flight_on_the_first_page(store: MemoryStore, api: Client) -> None:
    open_call = new_entry(status="processing", status_code=None, duration=None, response=None)
    store.write([new_entry(), new_entry()], in_flight=[InFlight(owner=new_id(), entry=open_call)])
    first = api.get("/api/entries?limit=1").json()
    assert [item["id"] for item in first["in_flight"]] == [open_call.id]
    assert first["in_flight"][0]["outcome"] is None
    assert api.get(f"/api/entries?cursor={first['next_cursor']}").json()["in_flight"] == []


def test_an_item_has_the_names_of_the_entry_and_no_bodies(store: MemoryStore, api: Client) -> None:
    store.write([new_entry(status_code=404)])
    item = api.get("/api/entries").json()["items"][0]
    assert item["outcome"] == "error"
    assert item["status_label"] == "Not Found"
    assert not {"request", "response", "variables", "traceback"} & item.keys()


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ("colour=red", "colour"), ("status_code=700x", "status_code"), ("limit=501", "limit"), ("limit=0", "limit"),
        ("cursor=-1", "cursor"), ("since=yesterday", "since"), ("order=up", "order"), ("kind=letter", "kind"),
        ("not.kind=letter", "not.kind"), ("min_duration=long", "min_duration"), ("limit=1&limit=2", "limit"),
        ("since=2026-02-01&till=2026-01-01", "till"), ("q=duration:long", "duration"),
    ],
)  # fmt: skip
def test_names_the_parameter_that_is_wrong(api: Client, params: str, field: str) -> None:
    for path in ("/api/entries", "/api/stream"):
        response = api.get(f"{path}?{params}")
        assert response.status_code == 400
        assert response.json()["error"]["field"] == field
        assert response.json()["error"]["code"] == "bad_parameter"


def test_filters_by_each_field_and_its_opposite(store: MemoryStore, api: Client) -> None:
    good = new_entry(status_code=200, method="GET", route="/a", integration="stripe", duration=0.1)
    bad = new_entry(status_code=503, method="POST", route="/b", integration=None, duration=3.0)
    store.write([good, bad])
    for params in ("outcome=success", "status_code=2xx", "method=GET", "route=/a", "integration=stripe",
                   "not.status_code=503", "max_duration=1", "q=integration:stripe", "q=-method:POST"):  # fmt: skip
        assert ids(api, params) == [good.id], params
    for params in ("outcome=error", "not.integration=stripe", "min_duration=1", "q=status:5xx"):
        assert ids(api, params) == [bad.id], params
    assert ids(api, "method=GET&method=POST") == [bad.id, good.id]


def test_since_is_inclusive_and_till_exclusive(store: MemoryStore, api: Client) -> None:
    moment = datetime(2026, 11, 2, 8, tzinfo=UTC)
    entries = [new_entry(started_at=moment + timedelta(seconds=n)) for n in range(3)]
    store.write(entries)
    assert ids(api, "since=2026-11-02T08:00:01Z&till=2026-11-02T08:00:02Z") == [entries[1].id]


def test_shows_an_entry_whole(store: MemoryStore, api: Client) -> None:
    entry = new_entry()
    store.write([entry])
    data = api.get(f"/api/entries/{entry.id}").json()
    assert entry.request is not None
    assert data["request"]["body"].encode() == entry.request.body
    assert data["request"]["headers"][0] == list(entry.request.headers[0])
    assert data["curl"].startswith("curl ")


def test_an_unknown_id_is_not_found(api: Client) -> None:
    response = api.get(f"/api/entries/{new_id()}")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("content_type", "served_as", "suffix"),
    [
        ("application/json", "application/json; charset=utf-8", "json"),
        ("text/plain; charset=latin-1", "text/plain; charset=latin-1", "txt"),
        ("text/html", "application/octet-stream", "bin"),
        ("image/svg+xml", "application/octet-stream", "bin"),
        (None, "application/octet-stream", "bin"),
    ],
)
def test_gives_bodies_as_files_that_nothing_runs(
    store: MemoryStore, api: Client, content_type: str | None, served_as: str, suffix: str
) -> None:
    body = b"<script>alert(1)</script>\xff"
    entry = new_entry(response=Message(body=body, content_type=content_type, size=len(body)))
    store.write([entry])
    response = api.get(f"/api/entries/{entry.id}/response")
    assert response.content == body
    assert response.headers["content-type"] == served_as
    assert response.headers["content-disposition"] == f'attachment; filename="{entry.id}-response.{suffix}"'
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_says_why_there_is_no_body(store: MemoryStore, api: Client) -> None:
    entry = new_entry(response=Message(omitted="binary", size=9), request=None)
    store.write([entry])
    assert "binary" in api.get(f"/api/entries/{entry.id}/response").json()["error"]["message"]
    assert api.get(f"/api/entries/{entry.id}/request").status_code == 404


def test_gives_the_curl_command_with_its_notes_as_comments(store: MemoryStore, api: Client) -> None:
    entry = new_entry(request=Message(raw_headers=[(b"authorization", b"[REDACTED]")]))
    store.write([entry])
    response = api.get(f"/api/entries/{entry.id}/curl")
    assert response.headers["content-type"].startswith("text/plain")
    first, second = response.text.splitlines()[:2]
    assert first.startswith("# Masked values")
    assert second.startswith("curl ")


def test_meta_says_who_reads_and_what_can_be_asked(api: Client) -> None:
    meta = api.get("/api/meta").json()
    assert meta["principal"]["role"] == "owner"
    assert "status_code" in meta["filters"]
    assert meta["limit"] == {"default": 50, "max": 500}


def test_only_reads(api: Client) -> None:
    for path in ("/", "/api/entries"):
        response = api.send("POST", path)
        assert response.status_code == 405


def test_what_does_not_exist_is_not_found(api: Client) -> None:
    assert api.get("/api/nothing").json()["error"]["code"] == "not_found"
    assert "There is nothing here" in api.get("/nothing").text


class Away(MemoryStore):
    def search(self, query: Any) -> Any:
        raise StoreError("connection to db.internal refused")


def test_says_what_to_do_when_the_store_is_away(caplog: pytest.LogCaptureFixture) -> None:
    away = Client(viewer(Away()))
    response = away.get("/api/entries")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "store_unavailable"
    page = away.get("/")
    assert page.status_code == 503
    assert "integration-logger check" in page.text
    assert "db.internal" not in page.text
    assert "db.internal" in caplog.text


def test_health_is_told_while_the_store_cannot_be_opened() -> None:
    """What is wrong with the log is asked above all when its store is away, so it needs no store."""

    class Shut(MemoryStore):
        def open(self) -> None:
            raise StoreError("connection to db.internal refused")

    shut = Client(viewer(Shut(), health=lambda: Health(problems=("shipping failed",))))
    assert shut.get("/api/health").json()["this_process"]["problems"] == ["shipping failed"]
    assert shut.get("/api/meta").status_code == 200
    assert shut.get("/api/entries").status_code == 503


def test_its_own_requests_are_discarded_however_deep_they_are_captured() -> None:
    discarded = []

    class Capture:
        def __init__(self, outer: Capture | None) -> None:
            self.outer = outer

        def discard(self) -> None:
            discarded.append(self)

    inner = Capture(Capture(None))

    async def host(scope: Any, receive: Any, send: Any) -> None:
        scope["integration_logger"] = inner
        await Starlette(routes=[Mount("/logs", viewer(MemoryStore()))])(scope, receive, send)

    assert Client(host).get("/logs/api/meta").status_code == 200
    assert discarded == [inner, inner.outer]


def test_closes_web_sockets() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    anyio.run(viewer(MemoryStore()), {"type": "websocket", "path": "/"}, receive, send)
    assert sent == ["websocket.close"]


def test_tells_the_host_before_each_request() -> None:
    told: list[bool] = []
    Client(viewer(MemoryStore(), on_request=lambda: told.append(True))).get("/api/meta")
    assert told == [True]


def test_answers_carry_headers_that_keep_them_to_their_reader(api: Client) -> None:
    for path in ("/", "/api/entries", "/api/nothing"):
        headers = api.get(path).headers
        assert headers["cache-control"] == "private, no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
