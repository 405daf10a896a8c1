"""Exports over HTTP: what is found, who may have it, how it is sent, and how its reader learns that it is whole."""

from __future__ import annotations

import csv
import io
import json
import signal
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import httpx
import msgspec
import pytest
import zstandard

from integration_logger import ALL, Principal
from integration_logger.entry import Entry, Message
from integration_logger.errors import StoreError
from integration_logger.ids import new_id
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.columns import column
from integration_logger.stores.memory import MemoryStore
from integration_logger.testing import RecordingLogger, recording
from integration_logger.viewer import Viewer, limits
from tests.deadlines import eventually
from tests.factories import make_in_flight
from tests.viewer.server import Client, new_entry, serving, viewer

FORMATS = ("csv", "ndjson", "har")
WITHOUT_DETAIL = Principal("bo", role="owner", tenants=ALL, permissions=["view", "export"])


def ids(response: httpx.Response, format: str) -> list[str]:
    """Return the ids of the entries in a file."""
    assert response.status_code == 200, response.text
    if format == "csv":
        return [row["id"] for row in csv.DictReader(io.StringIO(response.text, newline=""))]
    if format == "ndjson":
        return [line["id"] for line in map(json.loads, response.text.splitlines()) if "id" in line]
    return [call["_integration_logger"]["id"] for call in response.json()["log"]["entries"]]


@pytest.mark.parametrize("format", FORMATS)
def test_exports_what_the_filters_find(store: MemoryStore, api: Client, format: str) -> None:
    """All of it, in the order of the list or the other one, from a cursor on."""
    entries = [new_entry(method="GET" if number % 2 else "POST") for number in range(600)]
    store.write(entries)
    wanted = [entry.id for entry in entries if entry.method == "GET"]
    assert ids(api.get(f"/api/export.{format}?method=GET"), format) == wanted[::-1]
    assert ids(api.get(f"/api/export.{format}?method=GET&order=asc"), format) == wanted
    assert ids(api.get(f"/api/export.{format}?order=asc&cursor=598"), format) == [e.id for e in entries[598:]]
    assert ids(api.get(f"/api/export.{format}?q=nothing-like-it"), format) == []


@pytest.mark.parametrize("format", FORMATS)
def test_calls_in_flight_are_exported_by_name(store: MemoryStore, api: Client, format: str) -> None:
    """What the list shows as processing can be taken away; other files have only what has ended. Scopes hold."""
    mine, foreign = make_in_flight(tenant="acme"), make_in_flight(tenant="other")
    failed = new_entry(status_code=500, tenant="acme")
    store.write([failed, new_entry(status_code=200)], in_flight=[mine, foreign])
    acme = Client(viewer(store, Principal("al", role="owner", tenants=["acme"])))
    assert ids(acme.get(f"/api/export.{format}?status=processing"), format) == [mine.entry.id]
    assert ids(acme.get(f"/api/export.{format}?status=processing&status=failed"), format) == [mine.entry.id, failed.id]
    assert ids(acme.get(f"/api/export.{format}?status=processing&cursor=9"), format) == []
    assert ids(acme.get(f"/api/export.{format}"), format) == [failed.id]
    assert ids(acme.get(f"/api/export.{format}?not.status=processing"), format) == [failed.id]
    assert len(ids(api.get(f"/api/export.{format}?status=processing"), format)) == 2


@pytest.mark.parametrize("format", FORMATS)
def test_exports_one_entry(store: MemoryStore, api: Client, format: str) -> None:
    """Under the id of the entry as the name of the file."""
    entry = new_entry()
    store.write([entry, new_entry()])
    response = api.get(f"/api/entries/{entry.id}/export.{format}")
    assert ids(response, format) == [entry.id]
    assert response.headers["content-disposition"] == f'attachment; filename="{entry.id}.{format}"'
    assert api.get(f"/api/entries/{new_id()}/export.{format}").status_code == 404


def test_what_is_no_call_has_no_har(store: MemoryStore, api: Client) -> None:
    """An answer that says so is better than an empty file."""
    entry = new_entry(kind="run", url=None)
    store.write([entry])
    assert "HTTP" in api.get(f"/api/entries/{entry.id}/export.har").json()["error"]["message"]


@pytest.mark.parametrize("format", FORMATS)
def test_is_a_file_that_nothing_keeps_or_runs(store: MemoryStore, api: Client, format: str) -> None:
    """Saved under a safe name, neither cached nor guessed at."""
    headers = api.get(f"/api/export.{format}").headers
    assert headers["content-disposition"].startswith('attachment; filename="integration-log-2')
    assert headers["content-disposition"].endswith(f'Z.{format}"')
    assert headers["cache-control"] == "private, no-store"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("export.csv?columns=colour", "columns"), ("export.csv?bom=1", "bom"), ("export.csv?last_line=1", "last_line"),
        ("export.csv?colour=red", "colour"), ("export.har?columns=id", "columns"), ("export.ndjson?bom=true", "bom"),
        ("export.csv?columns=id&columns=seq", "columns"), ("export.csv?bom=true&bom=true", "bom"),
        ("export.csv?limit=5", "limit"), ("export.csv?cursor=-1", "cursor"), ("export.har?kind=x", "kind"),
        (f"entries/{new_id()}/export.csv?kind=run", "kind"),
    ],
    ids=range(12),
)  # fmt: skip
def test_names_the_parameter_that_is_wrong(api: Client, path: str, field: str) -> None:
    """Before anything is sent, and without a file."""
    response = api.get(f"/api/{path}")
    assert (response.status_code, response.json()["error"]["field"]) == (400, field)


@pytest.mark.parametrize(
    "path", ["export.xml", "export.", "export.csv.exe", f"entries/{new_id()}/export.pdf"], ids=range(4)
)
def test_other_formats_are_not_found(api: Client, path: str) -> None:
    """There is no such file."""
    assert api.get(f"/api/{path}").status_code == 404


# --- who may --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("role", ["supervisor", "bot_builder", "agent"])
def test_takes_the_permission(store: MemoryStore, format: str, role: str) -> None:
    """M2: owners have it by themselves, nobody else; it can be granted."""
    entry = new_entry()
    store.write([entry])
    for path in (f"/api/export.{format}", f"/api/entries/{entry.id}/export.{format}"):
        assert Client(viewer(store, Principal("x", role=role, tenants=ALL))).get(path).status_code == 403
        granted = Principal("x", role=role, tenants=ALL, permissions=["view", "export"])
        assert Client(viewer(store, granted)).get(path).status_code == 200


@pytest.mark.parametrize("format", FORMATS)
def test_others_entries_are_absent(store: MemoryStore, format: str) -> None:
    """Tenancy holds for files as for lists; a filter that names a foreign tenant is refused."""
    mine, foreign = new_entry(tenant="mine"), new_entry(tenant="foreign")
    store.write([foreign, mine, new_entry(tenant=None), foreign])
    client = Client(viewer(store, Principal("x", role="owner", tenants=["mine"])))
    response = client.get(f"/api/export.{format}")
    assert ids(response, format) == [mine.id]
    assert foreign.id not in response.text
    assert client.get(f"/api/export.{format}?tenant=foreign").status_code == 403
    assert client.get(f"/api/entries/{foreign.id}/export.{format}").status_code == 404
    assert ids(client.get(f"/api/export.{format}?not.tenant=mine"), format) == []


@pytest.mark.parametrize("format", FORMATS)
def test_without_the_detail_there_is_nothing_of_bodies(store: MemoryStore, format: str) -> None:
    """Neither headers, bodies, their sizes, variables nor a traceback, in whatever format."""
    entry = new_entry(variables={"a": "canary"}, traceback="canary", redacted=("canary: name",))
    assert entry.request is not None
    assert entry.request.body is not None
    store.write([entry])
    client = Client(viewer(store, WITHOUT_DETAIL))
    for path in (f"/api/export.{format}", f"/api/entries/{entry.id}/export.{format}"):
        text = client.get(path).text
        assert entry.id in text
        shown = ("canary", "x-request-id", json.dumps(entry.request.body[:20].decode())[1:-1], str(entry.request.size))
        assert [part for part in shown if part in text.replace(entry.id, "")] == []


@pytest.mark.parametrize("format", FORMATS)
def test_a_policy_decides_for_each_entry(store: MemoryStore, format: str) -> None:
    """Who may see some bodies gets those, and nothing of the others."""
    shown, hidden = (
        new_entry(
            request=Message(body=f"canary-{type}".encode(), size=987_654), log_type=type, traceback=f"canary-{type}"
        )
        for type in ("events", "other")
    )
    store.write([shown, hidden])
    policy = Principal("x", role="owner", tenants=ALL, detail=lambda entry: entry.log_type == "events")
    columns = "?columns=id,traceback,request.body,request.size,bodies_expire_at" if format == "csv" else ""
    text = Client(viewer(store, policy)).get(f"/api/export.{format}{columns}").text
    assert "canary-events" in text
    assert "canary-other" not in text
    assert text.count("987654") == 1


@pytest.mark.parametrize(
    "column", ["request.body", "response.size", "variables", "traceback", "redacted", "id,request.size"]
)
def test_columns_that_show_bodies_take_the_detail(store: MemoryStore, column: str) -> None:
    """They are refused, not left empty."""
    response = Client(viewer(store, WITHOUT_DETAIL)).get(f"/api/export.csv?columns={column}")
    assert response.status_code == 403
    assert "detail" in response.json()["error"]["message"]


def test_audit_entries_are_exported_by_name_only(store: MemoryStore) -> None:
    """And only by readers with that permission."""
    entry = new_entry(kind="audit")
    store.write([entry])
    assert ids(Client(viewer(store)).get("/api/export.csv"), "csv") == []
    assert ids(Client(viewer(store)).get("/api/export.csv?kind=audit"), "csv") == [entry.id]
    assert ids(Client(viewer(store, WITHOUT_DETAIL)).get("/api/export.csv?kind=audit"), "csv") == []


# --- the audit ------------------------------------------------------------------------------------------


@pytest.fixture
def log() -> Iterator[RecordingLogger]:
    with recording() as made:
        yield made


def audited(log: RecordingLogger) -> list[tuple[str | None, str | None, dict[str, Any]]]:
    assert log.entries is not None  # ships
    found = log.store.stream(Query.parse([("kind", "audit"), ("order", "asc")], EVERYTHING))
    return [(entry.operation, entry.url, entry.labels) for entry in found]


def test_a_broken_export_is_audited_as_one(log: RecordingLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent until then is counted."""
    monkeypatch.setattr(log.store, "columns", Endless(fails_after=5).columns)
    ana = Principal("ana", role="owner", tenants=ALL)
    with serving(log.viewer(authorize=lambda _: ana)) as address, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{address}/api/export.csv")
    ended, _, labels = eventually(lambda: audited(log)[1:])[0]
    assert (ended, labels["entries"], labels["complete"]) == ("exported", "100", "false")


def test_exports_are_audited(log: RecordingLogger) -> None:
    """At the beginning with the filters, at the end with the number of entries."""
    log.store.write([new_entry(method="GET"), new_entry(method="PUT")])
    ana = Principal("ana", role="owner", tenants=ALL)
    response = Client(log.viewer(authorize=lambda _: ana)).get("/api/export.csv?method=GET&columns=id")
    name = response.headers["content-disposition"].partition('"')[2].rstrip('"')
    (begun, asked, first), (ended, _, last) = audited(log)
    assert (begun, ended) == ("export", "exported")
    assert asked == "http://localhost:8000/api/export.csv?method=GET&columns=id"
    assert (first["principal"], first["file"]) == ("ana", name)
    assert (last["principal"], last["file"], last["entries"], last["complete"]) == ("ana", name, "1", "true")


def test_the_export_of_one_entry_is_audited(log: RecordingLogger) -> None:
    """With its id; a refused export is none."""
    entry = new_entry(tenant="acme")
    log.store.write([entry])
    client = Client(log.viewer(authorize=lambda _: Principal("ana", role="owner", tenants=ALL)))
    client.get(f"/api/entries/{entry.id}/export.har")
    client.get(f"/api/entries/{new_id()}/export.har")
    client.get("/api/export.csv?columns=colour")
    client.send("HEAD", "/api/export.csv")
    ((operation, _, labels),) = audited(log)
    assert (operation, labels["entry"], labels["file"]) == ("export", entry.id, f"{entry.id}.har")


# --- how it is sent -------------------------------------------------------------------------------------


def decoded(coding: str | None, data: bytes) -> bytes:
    if coding == "gzip":
        return zlib.decompress(data, zlib.MAX_WBITS | 16)
    return zstandard.ZstdDecompressor().decompressobj().decompress(data) if coding == "zstd" else data


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None), ("identity", None), ("gzip", "gzip"), ("zstd", "zstd"), ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0, gzip;q=0.5", "gzip"), ("gzip;q=0, zstd;q=0.0", None), ("*", "zstd"), ("*;q=0", None), ("br", None),
        ("GZIP ; q=1", "gzip"), ("gzip;q=x", "gzip"), ("*, zstd;q=0", "gzip"),
    ],
)  # fmt: skip
def test_is_compressed_as_the_reader_likes_it(store: MemoryStore, accepted: str, coding: str | None) -> None:
    """By zstd or gzip where that is accepted, else not at all."""
    entries = [new_entry() for _ in range(1500)]
    store.write(entries)
    with serving(viewer(store)) as address:
        url = f"{address}/api/export.ndjson?order=asc"
        with httpx.stream("GET", url, headers={"accept-encoding": accepted}) as response:
            data = decoded(coding, b"".join(response.iter_raw()))
        assert response.headers.get("content-encoding") == coding
        assert response.headers["vary"] == "accept-encoding"
        assert [json.loads(line).get("id") for line in data.splitlines()] == [*(e.id for e in entries), None]


def test_a_head_request_reads_nothing(store: MemoryStore, api: Client) -> None:
    """It gets the headers of the file alone."""
    store.write([new_entry()])
    response = api.send("HEAD", "/api/export.csv")
    assert (response.status_code, response.content) == (200, b"")
    assert "attachment" in response.headers["content-disposition"]


# --- exports that do not end as they should -------------------------------------------------------------


class Endless(MemoryStore):
    """A store whose matches have no end, or fail in the middle; it says when nobody reads it any more."""

    def __init__(self, fails_after: int | None = None) -> None:
        super().__init__()
        self.closed = threading.Event()
        self.fails_after = fails_after
        self.given = 0

    def batches(self, query: Query, *, whole: bool = True) -> Iterator[Sequence[Entry]]:
        entry = msgspec.structs.replace(new_entry(), seq=7)
        try:
            while self.given != self.fails_after:
                self.given += 1
                time.sleep(0.001)
                yield [entry] * 50 if self.fails_after is None or self.given < 3 else []
            raise StoreError("gone")
        finally:
            self.closed.set()

    def columns(self, query: Query, fields: Sequence[str]) -> Iterator[Sequence[Sequence[Any]]]:
        for batch in self.batches(query):
            yield [column(batch, field) for field in fields]


@pytest.mark.alone
@pytest.mark.parametrize("format", FORMATS)
def test_a_client_that_goes_away_ends_the_query(format: str) -> None:
    """Within a second nobody reads the store any more."""
    store = Endless()
    with serving(viewer(store)) as address:
        with httpx.stream("GET", f"{address}/api/export.{format}") as response:
            pieces = response.iter_raw()
            next(pieces)
            assert not store.closed.is_set()
        assert store.closed.wait(1.0)


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_broken_export_is_known_as_one(format: str, coding: str) -> None:
    """By the connection, which ends too early, and by what stands in the file."""
    store, pieces = Endless(fails_after=5), list[bytes]()
    with (
        serving(viewer(store)) as address,
        httpx.stream("GET", f"{address}/api/export.{format}", headers={"accept-encoding": coding}) as response,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        pieces.extend(response.iter_raw())
    data = b"".join(pieces)
    text = (
        zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data) if coding == "gzip"
        else zstandard.ZstdDecompressor().decompressobj().decompress(data) if coding == "zstd" else data
    ).decode()  # fmt: skip
    assert store.closed.is_set()
    if format == "csv":
        assert text.splitlines()[-1] == "# broken off after 100 entries"
    elif format == "ndjson":
        assert json.loads(text.splitlines()[-1]) == {"complete": False, "entries": 100}
    else:
        log = json.loads(text)["log"]
        assert (log["_complete"], log["_entries"], len(log["entries"])) == (False, 100, 100)


def test_so_many_exports_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one reader, and of all together, there are bounds: each takes memory for as long as its reader is slow."""
    monkeypatch.setattr(limits, "EXPORTS", 2)
    monkeypatch.setattr(limits, "ALL_EXPORTS", 3)
    app = Viewer(Endless(), authorize=lambda r: Principal(r.headers["x-name"], role="owner", tenants=ALL))
    with serving(app) as address, httpx.Client(base_url=address) as client, ExitStack() as streams:

        def begun(name: str) -> httpx.Response:
            request = client.build_request("GET", "/api/export.ndjson", headers={"x-name": name})
            response = client.send(request, stream=True)
            streams.callback(response.close)
            if response.status_code == 200:
                pieces.append(response.iter_raw())
                next(pieces[-1])
            return response

        pieces: list[Iterator[bytes]] = []
        mine = begun("ana"), begun("ana")
        refused = begun("ana")
        refused.read()
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) > 0
        assert [begun(name).status_code for name in ("bo", "cy")] == [200, 429]
        mine[0].close()
        eventually(lambda: begun("ana").status_code == 200)


def test_a_server_that_ends_is_not_held_up() -> None:
    """The export is broken off and says so; uvicorn would wait for it for ever."""
    store = Endless()
    with serving(viewer(store)) as address, httpx.stream("GET", f"{address}/api/export.ndjson") as response:
        pieces = response.iter_raw()
        next(pieces)
        handler = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, Asked().handle)
        try:
            with pytest.raises(httpx.RemoteProtocolError):
                list(pieces)
        finally:
            signal.signal(signal.SIGTERM, handler)
    assert store.closed.is_set()


class Asked:
    """A server that was asked to end."""

    should_exit = True

    def handle(self, *_: object) -> None:
        """Does nothing."""
