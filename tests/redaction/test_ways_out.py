"""The canaries again, recorded by a logger: none of them is in any file, page, answer, command or line of a log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from msgspec.structs import replace
from starlette.requests import Request
from werkzeug.test import Client as WSGIClient

from integration_logger import ALL, IntegrationLogger, Principal, codec
from integration_logger.cli import terminal
from integration_logger.client import scroll
from integration_logger.curl import curl
from integration_logger.entry import Entry
from integration_logger.filters import FACETS
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.integration_health import observe_entries
from integration_logger.viewer import tail
from integration_logger.viewer.audit import Audit
from tests.cli.commands import run
from tests.redaction.canaries import CANARIES, FRAGMENT, Canary, Secret
from tests.redaction.test_faults import Ready
from tests.viewer.server import Client, new_entry, serving

SECRETS = ("password", "token", "jwt", "stripe key", "card", "credential")
RECORDED = [canary for canary in CANARIES if canary.secret.kind in SECRETS]
FRAGMENTS = {
    value[start : start + FRAGMENT].encode()
    for secret in {canary.secret.value for canary in RECORDED}
    for value in (secret, secret[::-1])
    for start in range(len(value) - FRAGMENT + 1)
}


def assert_none(out: str | bytes, way: str) -> None:
    data = out.encode() if isinstance(out, str) else out
    leaked = next((fragment for fragment in FRAGMENTS if fragment in data), None)
    assert leaked is None, f"{way}: {leaked!r}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ways-out")


@pytest.fixture(scope="module")
def log(folder: Path) -> Iterator[IntegrationLogger]:
    """A logger that has recorded and shipped every canary."""
    made = IntegrationLogger(f"sqlite:///{folder}/log.db", ship=None)
    with closing(made):
        for canary, kind in zip(RECORDED, cycle(("inbound", "outbound"))):
            made.recorder.record(Ready(_failed(canary, kind)))
        for secret in SAID:
            _tell(made, secret)
        for path in folder.rglob("*.seg"):
            assert_none(path.read_bytes(), "spool")
        while made._shipper.ship():
            pass
        health = made.health()
        assert (health.captured, health.failed, health.redaction_failed, health.rejected) == (TOLD, 0, 0, 0)
        yield made


SAID = {canary.secret for canary in RECORDED if canary.secret.kind != "credential"}  # one in headers and user info only
TOLD = len(RECORDED) + 3 * len(SAID)  # a run, a call and a script for each


def _tell(log: IntegrationLogger, secret: Secret) -> None:
    """Put a secret everywhere that a host can put something by its own hand."""
    data, said = {secret.label: secret.value, "deep": [{secret.label: secret.value}]}, f"{secret.label}={secret.value}"
    labels = {secret.label: secret.value, "category": said}
    with log.run(said, job_id="7", log_type="pipeline", **labels) as run:
        run.savepoint(initial=data, new=said)
        run.error(said)
        assert_none(codec.encode(log.recorder.so_far(run)), "in flight")
        with log.call(
            "C2E", operation=said, source_url=f"https://a.example/?{quote(secret.label)}={quote(secret.value)}"
        ) as call:
            call.request(data)
            call.response(said, content_type="text/plain")
            call.fail(said, said, phase=said)
        with suppress(ValueError), log.script(said, variables=lambda: data) as script:
            script.set(**{secret.label: secret.value, "note": said})
            raise ValueError(said)


def _failed(canary: Canary, kind: str) -> Entry:
    entry = canary.entry()
    return replace(entry, kind=kind, errors=entry.errors or ("it failed",))


@pytest.fixture(scope="module")
def entries(log: IntegrationLogger) -> list[Entry]:
    return [*log.store.stream(Query(scope=EVERYTHING, order="asc"))]


@pytest.fixture(scope="module")
def browser(log: IntegrationLogger) -> Client:
    return Client(log.viewer(authorize=lambda _: Principal("ana", role="owner", tenants=ALL)))


def test_everything_arrived(entries: list[Entry]) -> None:
    """What is not there proves nothing."""
    assert len(entries) == TOLD
    assert all(entry.redacted for entry in entries)


def test_files(log: IntegrationLogger, folder: Path) -> None:
    """Spool, store, journal: the bytes as they lie on the disk."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "log.db" for path in files)
    for path in files:
        assert_none(path.read_bytes(), path.name)


def test_entries(entries: list[Entry]) -> None:
    """What the store gives back, as the API, the command line and the cURL button write it."""
    for entry in entries:
        assert_none(codec.to_json(codec.to_dict(entry)), "json")
        assert_none("\n".join(terminal.whole(entry)), "terminal")
        assert_none(curl(entry).text or "", "curl")


@pytest.mark.parametrize(
    "file",
    [
        "har", "ndjson", "csv", "csv?columns=all", "csv?columns=rook",
        "csv?columns=id,label.source_id,request.headers,request.body,response.headers,response.body,variables,traceback,"
        "redacted",
    ],
)  # fmt: skip
def test_exports(log: IntegrationLogger, entries: list[Entry], folder: Path, file: str) -> None:
    """All entries in each format, one by one, and from the command line."""
    browser = Client(log.viewer(authorize=lambda _: Principal("ana", role="owner", tenants=ALL)))
    exported = browser.get(f"/api/export.{file}")
    assert entries[0].id in exported.text or "rook" in file
    assert_none(exported.content, file)
    for entry in entries[:: len(entries) // 20]:
        alone = browser.get(f"/api/entries/{entry.id}/export.{file}")
        assert alone.status_code == 200 or file == "har"  # not all are HTTP
        assert_none(alone.content, file)
    done = run("export", f"sqlite:///{folder}/log.db", "--format", file.partition("?")[0])
    assert entries[0].id in done.stdout
    assert_none(done.stdout, "command")


def test_pages(browser: Client, entries: list[Entry]) -> None:
    """List, pane and API, and the bodies as files."""
    for path in (
        "/",
        "/?limit=200",
        "/api/entries?limit=500",
        "/runs",
        "/runs?label.job_id=7",
        "/api/runs",
        "/audit",
        "/erase?q=password",
        "/health",
        "/api/health",
        "/api/health?format=prometheus",
    ):
        assert_none(browser.get(path).content, path)
    for entry in entries[::7]:
        parts = ("", "/curl", "/request", "/response", "/related")
        for path in ("/entries/{}", "/entries/{}?tab=tree", *(f"/api/entries/{{}}{part}" for part in parts)):
            assert_none(browser.get(path.format(entry.id)).content, path)


def test_integrations(log: IntegrationLogger, browser: Client, entries: list[Entry]) -> None:
    """What is counted of integrations, in the store, on the page and as JSON; also of names that hold a secret."""
    failed = {"kind": "outbound", "status": "failed", "error_type": "exception", "tenant": None}
    observe_entries(log.store.state, [replace(e, integration=f"i{n}", **failed) for n, e in enumerate(entries)])
    rows = log.store.state.list("")
    assert len(rows) > 1
    for key, value in rows.items():
        assert_none(key.encode() + value, "state")
    shown = browser.get("/api/integrations")
    assert sum(bool(item["last_error"]) for item in shown.json()["items"]) > 20
    assert_none(shown.content, "/api/integrations")
    assert_none(browser.get("/integrations").content, "/integrations")


def test_counts(browser: Client, entries: list[Entry]) -> None:
    """Values that are counted by, labels among them."""
    labels = sorted({f"label.{name}" for entry in entries for name in entry.labels})
    fields = [*FACETS, *labels]
    for some in (fields[start : start + 20] for start in range(0, len(fields), 20)):
        answer = browser.get("/api/facets", params=[("field", field) for field in some])
        assert answer.json()["covered"] == TOLD
        assert_none(answer.content, "facets")
    assert_none(browser.get("/api/stats").content, "stats")
    assert_none(browser.get("/openapi.json").content, "description")


def test_other_programs(log: IntegrationLogger) -> None:
    """What follows the log, and what asks as of Kondado: names, savepoints, errors of runs."""

    def authorize(_: object) -> Principal:
        return Principal("ana", role="owner", tenants=ALL)

    with serving(log.viewer(authorize=authorize)) as address:
        followed = [*scroll(address, follow=False)]
    assert len(followed) == TOLD
    assert_none(codec.to_json(followed), "scroll")
    kondado = Client(log.compat.kondado(authorize=authorize, include_failed=True, extended=True))
    rows = kondado.get("/pipeline_logs?start_element_id=0")
    assert len(rows.json()["data"]["data"]) == min(50, len(SAID))
    for answer in (rows, kondado.get("/pipelines/7/status")):
        assert answer.status_code == 200
        assert_none(answer.content, "Kondado")


def test_stream(log: IntegrationLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The live tail."""
    monkeypatch.setattr(tail, "LIFETIME", 1.0)
    with serving(log.viewer(authorize=lambda _: Principal("ana", role="owner", tenants=ALL))) as address:
        answer = httpx.get(f"{address}/api/stream", headers={"Last-Event-ID": "0"}, timeout=10)
    assert answer.text.count("event: entry") > 0
    assert_none(answer.content, "stream")


def test_wsgi(log: IntegrationLogger, entries: list[Entry]) -> None:
    """The log browser in a WSGI host, and what a reader is told who polls there."""
    app = WSGIClient(log.viewer_wsgi(authorize=lambda _: Principal("ana", role="owner", tenants=ALL)))
    for path in ("/", "/api/stream?cursor=0", f"/entries/{entries[0].id}"):
        answer = app.get(path)
        assert answer.status_code == 200
        assert_none(answer.data, path)
    assert app.get("/api/stream?cursor=0").text.count("event: entry") >= len(entries)


def test_commands(folder: Path, entries: list[Entry]) -> None:
    """What the command line says, and nothing of all that is a find."""
    done = run("scan", f"sqlite:///{folder}/log.db")
    assert (done.exit_code, done.stdout) == (0, f"{len(entries):,} entries looked at, 0 with something to mask\n")


def test_audit(folder: Path) -> None:
    """What readers typed into addresses and filters, and what they are called, is captured data as any other."""
    secrets = {canary.secret.value: canary.secret for canary in RECORDED}.values()
    asked = [secret for secret in secrets if secret.kind != "credential"]  # one in headers and user info only
    with closing(IntegrationLogger(f"sqlite:///{folder}/audit.db", ship=None)) as made:
        entry = new_entry()
        made.store.open()
        made.store.write([entry])
        for secret in asked:
            reader = Principal(f"ana {secret.value}" if secret.name is None else "ana", role="owner", tenants=ALL)
            client = Client(made.viewer(authorize=lambda _, reader=reader: reader))
            typed = {"q": f"{secret.label}={secret.value}", f"label.{secret.label}": secret.value}
            client.get(f"/entries/{entry.id}", params={secret.label: secret.value})
            client.get(f"/api/entries/{entry.id}", params=typed)
            audit = Audit(made.recorder.record)
            request = Request({"type": "http", "method": "POST", "path": "/", "headers": []})
            audit.note("export", request, reader, filters=typed.items())
        for path in folder.rglob("*.seg"):
            assert_none(path.read_bytes(), "spool")
        while made._shipper.ship():
            pass
        found = [*made.store.stream(Query.parse([("kind", "audit")], EVERYTHING))]
        assert len(found) >= len(asked)
        assert all(noted.operation for noted in found)
        assert_none(codec.to_json([codec.to_dict(noted) for noted in found]), "audit")
        owner = Client(made.viewer(authorize=lambda _: Principal("ana", role="owner", tenants=ALL)))
        assert_none(owner.get("/?kind=audit&range=all").content, "page")


def test_warnings(caplog: pytest.LogCaptureFixture) -> None:
    """A line of the log of the logger, and the entry that stands in, when masking fails."""

    class Broken:
        def prepare(self) -> None: ...

        def redact(self, entry: Entry, max_body: int) -> Entry:
            raise ValueError(str(entry))

    with caplog.at_level(logging.DEBUG), closing(IntegrationLogger("memory:", ship=None)) as made:
        made.recorder.redactor = Broken()
        for canary in RECORDED[::9]:
            made.recorder.record(Ready(canary.entry()))
        while made._shipper.ship():
            pass
        found = [*made.store.stream(Query(scope=EVERYTHING, order="asc"))]
    assert caplog.records
    assert_none(caplog.text + "".join(record.getMessage() for record in caplog.records), "log")
    assert_none(repr(found), "entries")
