"""The canaries again, recorded by a logger: none of them is in any file, page, answer, command or line of a log."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.requests import Request

from integration_logger import ALL, IntegrationLogger, Principal, codec
from integration_logger.cli import main
from integration_logger.entry import KINDS, Entry, Message
from integration_logger.query import EVERYTHING, Query
from integration_logger.viewer.audit import Audit
from tests import postgresql
from tests.cli.commands import run
from tests.redaction import ways
from tests.redaction.canaries import CANARIES, Secret
from tests.redaction.fragments import Fragments
from tests.redaction.site import PACKED, Site, UnderWay, made, of_each_secret, of_every_kind
from tests.redaction.test_faults import Ready
from tests.viewer.server import Client, new_entry

SECRETS = {canary.secret for canary in CANARIES}
KINDS_OF_SECRETS = {secret.kind for secret in SECRETS}
FRAGMENTS = Fragments(SECRETS)
ELSEWHERE = {"facets": {"credential"}, "kondado": {"credential"}}
"""Secrets that stand in headers, addresses and bodies only, which these ways do not show."""


class Unmasked:
    """A Redactor that masks nothing."""

    def prepare(self) -> None: ...

    def redact(self, entry: Entry, max_body: int) -> Entry:
        return entry


def shown(outs: Iterable[bytes | str]) -> dict[str, bytes]:
    """Return for each kind of secret that comes out a piece of it."""
    found: dict[str, bytes] = {}
    for out in outs:
        found |= FRAGMENTS.found(out.encode("utf-8", "surrogatepass") if isinstance(out, str) else out)
    return found


def assert_none(*outs: bytes | str) -> None:
    assert shown(outs) == {}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Every secret in every place, by entries of every kind."""
    folder = tmp_path_factory.mktemp("ways-out")
    with made(f"sqlite:///{folder}/log.db", folder, of_every_kind()) as site:
        yield site


@pytest.fixture(scope="module")
def unmasked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Every secret as it is: what a way out would show if masking failed."""
    folder = tmp_path_factory.mktemp("unmasked")
    with made(f"sqlite:///{folder}/log.db", folder, of_each_secret(), Unmasked()) as site:
        yield site


def test_every_secret_has_been_sent(site: Site) -> None:
    """What is not there proves nothing: each entry has come to the store, and something was masked in it."""
    stored = {entry.id: entry for entry in site.entries}
    assert stored.keys() == site.sent.keys()
    assert all(entry.redacted for entry in stored.values())
    arrived = {
        (packed.secret, place, entry.kind)
        for entry in stored.values()
        for packed in [site.sent[entry.id]]
        for place in packed.places
    }
    assert arrived == {(canary.secret, canary.place, kind) for canary in CANARIES for kind in KINDS}
    health = site.log.health()
    assert (health.failed, health.redaction_failed, health.rejected, health.dropped) == (0, 0, 0, {})


@pytest.mark.parametrize("way", [*ways.SHOWING, *ways.SILENT], ids=lambda way: way.__name__)
def test_nothing_gets_out(site: Site, way: ways.Way) -> None:
    """Not eight bytes of any secret, however they are written."""
    assert shown(way(site)) == {}


@pytest.mark.parametrize("way", ways.SHOWING, ids=lambda way: way.__name__)
def test_it_would_be_noticed(unmasked: Site, way: ways.Way) -> None:
    """Each way shows each secret where nothing is masked: the test above looks where it has to look."""
    assert shown(way(unmasked)).keys() == KINDS_OF_SECRETS - ELSEWHERE.get(way.__name__, set())


@pytest.mark.parametrize("way", ways.SILENT, ids=lambda way: way.__name__)
def test_what_tells_of_the_log_quotes_nothing(unmasked: Site, way: ways.Way) -> None:
    """Health, lines of logs and what looks after a store say nothing that was captured, masked or not."""
    assert shown(way(unmasked)) == {}


def test_scan_finds_all_of_it(unmasked: Site, site: Site) -> None:
    """What was kept as it is is found later, each entry of it; in what was masked there is no find."""
    done = [run("scan", unmasked.url, *kind) for kind in ((), ("-q", "kind:audit"))]
    assert {each.exit_code for each in done} == {1}
    said = "".join(each.output for each in done)
    assert [id for id in unmasked.sent if id not in said] == []
    assert run("scan", site.url).stdout.endswith("entries looked at, 0 with something to mask\n")


def test_postgresql(tmp_path: Path) -> None:
    """The same rows in the other store: nothing in the masked ones, all in the others."""
    with postgresql.fresh_database() as url, made(url, tmp_path / "1", of_every_kind()) as site:
        assert site.entries[-1].id in site.sent
        assert shown(ways.postgresql(site)) == {}
    with postgresql.fresh_database() as url, made(url, tmp_path / "2", of_each_secret(), Unmasked()) as site:
        assert shown(ways.postgresql(site)).keys() == KINDS_OF_SECRETS


def test_no_way_is_missing(site: Site) -> None:
    """A route or a command that is new has to join."""
    viewer = site.log.viewer(authorize=site.owner)
    reading = {route.path for route in viewer.routes if "GET" in route.methods}
    assert reading == {
        "/", "/entries/{id}", "/integrations", "/runs", "/audit", "/erase", "/health", "/api/entries",
        "/api/entries/{id}", "/api/entries/{id}/request", "/api/entries/{id}/response", "/api/entries/{id}/curl",
        "/api/entries/{id}/related", "/api/entries/{id}/export.{format}", "/api/export.{format}",
        "/api/facets", "/api/stats", "/api/runs",
        "/api/integrations", "/api/stream", "/api/meta", "/api/health", "/openapi.json",
    }  # fmt: skip
    assert main.commands.keys() == {
        "tail", "show", "export", "scan", "redact", "check", "purge", "erase", "migrate",
        "serve", "demo", "ship",  # print an address; what they show and write is in the ways above
    }  # fmt: skip


# --- what is not recorded by an adapter -----------------------------------------------------------------


def test_redact(tmp_path: Path) -> None:
    """The command shows files as they would be stored: here a HAR that holds every body and header."""
    calls = [json_of(entry) for packed in PACKED for entry in [packed.entry("inbound")]]
    (tmp_path / "calls.har").write_text(json.dumps({"log": {"entries": calls}}))
    done = run("redact", str(tmp_path / "calls.har"))
    assert done.exit_code == 0
    assert done.output.count("redacted") >= len(calls)
    assert_none(done.output)
    assert shown([json.dumps(calls)]).keys() == KINDS_OF_SECRETS


def json_of(entry: Entry) -> dict[str, object]:
    """Return a call as HAR has it."""
    request, response = entry.request or Message(), entry.response or Message()
    url = entry.url if entry.route is None else "https://a.example/"  # such a file does not say which part is secret
    return {
        "request": {"method": "POST", "url": url, "headers": _pairs(request), "postData": _content(request)},
        "response": {"status": 200, "headers": _pairs(response), "content": _content(response)},
    }


def _pairs(message: Message) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in message.headers]


def _content(message: Message) -> dict[str, str]:
    data = message.body or b""
    if message.truncated:
        data = b""  # such a file has whole bodies only
    text = {"text": data.decode()} if data.isascii() else {"text": b64encode(data).decode(), "encoding": "base64"}
    return {"mimeType": message.content_type or "", **text}


def test_under_way(site: Site) -> None:
    """What is told of calls that have not ended."""
    for packed in PACKED:
        entry = site.log.recorder.so_far(UnderWay(packed.entry("run")))
        assert entry.redacted != ("entry: redaction_failed",)
        assert_none(codec.encode(entry))


def test_by_the_hand_of_the_host(tmp_path: Path) -> None:
    """Runs, calls and scripts, their names, labels, savepoints, bodies, variables and errors."""
    named = [secret for secret in SECRETS if secret.kind != "credential"]  # in headers and user info only
    with closing(IntegrationLogger(f"sqlite:///{tmp_path}/log.db", ship=None)) as log:
        for secret in named:
            _tell(log, secret)
        while log._shipper.ship():
            pass
        entries = [*log.store.stream(Query(scope=EVERYTHING, order="asc"))]
        assert len(entries) == 3 * len(named)
        assert all(entry.redacted for entry in entries)
    assert_none(*(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()))
    assert_none(*(codec.to_json(codec.to_dict(entry)) for entry in entries))


def _tell(log: IntegrationLogger, secret: Secret) -> None:
    """Put a secret everywhere that a host can put something."""
    data, said = {secret.label: secret.value, "deep": [{secret.label: secret.value}]}, f"{secret.label}={secret.value}"
    labels = {secret.label: secret.value, "category": said}
    with log.run(said, job_id="7", log_type="pipeline", **labels) as run:
        run.savepoint(initial=data, new=said)
        run.error(said)
        assert_none(codec.encode(log.recorder.so_far(run)))
        with log.call(
            "C2E", operation=said, source_url=f"https://a.example/?{quote(secret.label)}={quote(secret.value)}"
        ) as call:
            call.request(data)
            call.response(said, content_type="text/plain")
            call.fail(said, said, phase=said)
        with suppress(ValueError), log.script(said, variables=lambda: data) as script:
            script.set(**{secret.label: secret.value, "note": said})
            raise ValueError(said)


def test_audit(tmp_path: Path) -> None:
    """What readers typed into addresses and filters, and what they are called, is captured data as any other."""
    asked = [secret for secret in SECRETS if secret.kind != "credential"]
    with closing(IntegrationLogger(f"sqlite:///{tmp_path}/audit.db", ship=None)) as log:
        entry = new_entry()
        log.store.open()
        log.store.write([entry])
        for secret in asked:
            reader = Principal(f"ana {secret.value}" if secret.name is None else "ana", role="owner", tenants=ALL)
            client = Client(log.viewer(authorize=lambda _, reader=reader: reader))
            typed = {"q": f"{secret.label}={secret.value}", f"label.{secret.label}": secret.value}
            client.get(f"/entries/{entry.id}", params={secret.label: secret.value})
            client.get(f"/api/entries/{entry.id}", params=typed)
            audit = Audit(log.recorder.record)
            request = Request({"type": "http", "method": "POST", "path": "/", "headers": []})
            audit.note("export", request, reader, filters=typed.items())
        while log._shipper.ship():
            pass
        found = [*log.store.stream(Query.parse([("kind", "audit")], EVERYTHING))]
        assert len(found) >= len(asked)
        assert all(noted.operation for noted in found)
        assert_none(codec.to_json([codec.to_dict(noted) for noted in found]))
        owner = Client(log.viewer(authorize=lambda _: Principal("ana", role="owner", tenants=ALL)))
        assert_none(owner.get("/?kind=audit&range=all").content, owner.get("/audit").content)
    assert_none(*(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()))


# --- when something fails -------------------------------------------------------------------------------


class Broken(Unmasked):
    """A Redactor that fails, and says of what."""

    def redact(self, entry: Entry, max_body: int) -> Entry:
        raise ValueError(str(entry))


def test_masking_fails(tmp_path: Path) -> None:
    """The entry that stands in, the line of the log, and health say nothing of what could not be masked."""
    with made(f"sqlite:///{tmp_path}/log.db", tmp_path, of_each_secret(), Broken()) as site:
        assert site.log.health().redaction_failed >= len(site.sent)
        assert any("recording an entry failed" in record.getMessage() for record in site.said)
        assert_none(*ways.sqlite(site), *ways.spool(site), *ways.logs(site), *ways.health(site), *ways.api(site))


def test_the_store_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a store says of entries that it cannot take goes to no line of a log, and they are set aside masked."""
    with made(f"sqlite:///{tmp_path}/log.db", tmp_path, ()) as site:
        write, refused = site.log.store.write, PACKED[::40]

        def refuse(entries: Iterable[Entry], **more: Any) -> None:
            listed = [*entries]
            if any(entry.id in site.sent for entry in listed):
                raise ValueError(str(listed))
            write(listed, **more)

        monkeypatch.setattr(site.log.store, "write", refuse)
        for packed in PACKED[::20]:
            site.log.recorder.record(capture := Ready(packed.entry("outbound")))
            if packed in refused:
                site.sent[capture.entry.id] = packed
        while site.log._shipper.ship():
            pass
        assert site.log.health().rejected == len(refused)
        assert_none(*ways.sqlite(site), *ways.spool(site), *ways.logs(site), *ways.health(site), *ways.api(site))
