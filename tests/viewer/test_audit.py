"""Who looked at bodies is noted, once and in full, and nothing that goes wrong with that reaches the reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from starlette.requests import Request

from integration_logger import ALL, Principal
from integration_logger.entry import Entry
from integration_logger.query import EVERYTHING, Query
from integration_logger.retention import Retention
from integration_logger.testing import RecordingLogger, recording
from integration_logger.viewer import audit
from tests.viewer.server import Client, new_entry

ANA = Principal("ana", role="owner", tenants=ALL)
BO = Principal("bo", role="supervisor", tenants=["acme", "other"], applications=["shop"])
LOOKS = {
    "/?range=all&entry={}": "view",
    "/?range=all&part=pane&entry={}": "view",
    "/entries/{}": "view",
    "/api/entries/{}": "view",
    "/api/entries/{}/request": "download",
    "/api/entries/{}/response": "download",
    "/api/entries/{}/curl": "curl",
}


@pytest.fixture
def log() -> Iterator[RecordingLogger]:
    with recording() as made:
        yield made


@pytest.fixture
def entry(log: RecordingLogger) -> Entry:
    """An entry with bodies, stored."""
    made = new_entry(kind="inbound", tenant="acme", application="shop")
    assert made.request is not None
    assert made.request.body is not None
    log.store.write([made])
    return made


def browser(log: RecordingLogger, principal: Principal = ANA) -> Client:
    return Client(log.viewer(authorize=lambda _: principal))


def audited(log: RecordingLogger) -> list[Entry]:
    """Return what was noted, the oldest first."""
    assert log.entries is not None  # ships
    return [*log.store.stream(Query.parse([("kind", "audit"), ("order", "asc")], EVERYTHING))]


@pytest.mark.parametrize("path", LOOKS, ids=[path.replace("{}", "id") for path in LOOKS])
def test_a_look_at_bodies_is_noted(log: RecordingLogger, entry: Entry, path: str) -> None:
    """Each way to a body leaves an entry that says who, in which role and scope, from where, what and when."""
    assert browser(log, BO).get(path.format(entry.id)).status_code in (200, 404)
    [noted] = audited(log)
    assert (noted.kind, noted.operation, noted.status, noted.outcome) == ("audit", LOOKS[path], "completed", "success")
    assert noted.labels == {
        "principal": "bo",
        "role": "supervisor",
        "scope_tenants": ["acme", "other"],
        "scope_applications": ["shop"],
        "entry": entry.id,
    }
    assert (noted.tenant, noted.application) == ("acme", "shop")
    assert (noted.method, noted.client_ip) == ("GET", "127.0.0.1")
    assert noted.url == f"http://localhost:8000{path.format(entry.id)}"


@pytest.mark.parametrize("path", ["/", "/?q=x", "/api/entries", "/api/meta", "/api/health", "/?part=around"])
def test_lists_and_figures_are_not_noted(log: RecordingLogger, entry: Entry, path: str) -> None:
    """What shows no body is everyday reading."""
    assert browser(log).get(path).status_code == 200
    assert audited(log) == []


def test_who_sees_no_body_is_not_noted(log: RecordingLogger, entry: Entry) -> None:
    """Without ``detail``, for an entry of another tenant, or where nothing was kept, nobody has looked at a body."""
    metadata = Principal("eve", role="x", tenants=ALL, permissions=["view"])
    foreign = Principal("eve", role="owner", tenants=["other"])
    log.store.write([bare := new_entry(request=None, response=None, variables=None, traceback=None)])
    for client, id in (
        (browser(log, metadata), entry.id),
        (browser(log, foreign), entry.id),
        (browser(log), bare.id),
    ):
        for path in LOOKS:
            client.get(path.format(id))
    assert audited(log) == []


def test_the_same_look_is_noted_once_in_a_while(
    log: RecordingLogger, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pane that is shown again, and one that scripts fetch anew, is one look; another reader or entry is another."""
    log.store.write([second := new_entry()])
    mine, yours = browser(log), browser(log, BO)
    for _ in range(3):
        mine.get(f"/entries/{entry.id}")
        mine.get(f"/?range=all&part=pane&entry={entry.id}")
    mine.get(f"/entries/{second.id}")
    yours.get(f"/entries/{entry.id}")
    mine.get(f"/api/entries/{entry.id}/curl")
    found = [(noted.labels["principal"], noted.operation, noted.labels["entry"]) for noted in audited(log)]
    assert found == [
        ("ana", "view", entry.id), ("ana", "view", second.id), ("bo", "view", entry.id), ("ana", "curl", entry.id),
    ]  # fmt: skip
    monkeypatch.setattr(audit, "AGAIN_AFTER", 0.0)
    mine.get(f"/entries/{entry.id}")
    assert len(audited(log)) == 5


def test_what_is_remembered_is_bounded(log: RecordingLogger, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest looks are forgotten first; they are then noted once more."""
    monkeypatch.setattr(audit, "REMEMBERED", 2)
    log.store.write(others := [new_entry() for _ in range(2)])
    client = browser(log)
    for one in (entry, *others, others[1], entry):
        client.get(f"/entries/{one.id}")
    assert [noted.labels["entry"] for noted in audited(log)] == [entry.id, others[0].id, others[1].id, entry.id]


CHANGES = {
    ("/erase", "data"): {"q": "tenant:acme", "confirm": "1"},
    ("/api/erase", "json"): {"tenant": "acme"},
    ("/api/purge", "json"): {},
}
"""A request for each route that changes something."""


@pytest.mark.parametrize(("path", "form"), CHANGES, ids=[path for path, _ in CHANGES])
def test_whatever_changes_something_is_noted(log: RecordingLogger, entry: Entry, path: str, form: str) -> None:
    """Each route that is not for reading alone leaves an entry; one that is new has to be added here."""
    app = log.viewer(authorize=lambda _: ANA)
    assert {row.path for row in app.routes if row.methods != ("GET",)} == {path for path, _ in CHANGES}
    assert Client(app).send("POST", path, **{form: CHANGES[path, form]}).status_code == 200
    (noted,) = audited(log)
    assert (noted.method, noted.labels["principal"]) == ("POST", "ana")


def test_the_audit_is_for_those_who_may(log: RecordingLogger, entry: Entry) -> None:
    """It is found by name, by owners without limits; reading it is not noted in it; nobody else finds a trace of it."""
    browser(log, BO).get(f"/entries/{entry.id}")
    [noted] = audited(log)
    owner = browser(log)
    assert [item["id"] for item in owner.get("/api/entries?kind=audit").json()["items"]] == [noted.id]
    assert [item["id"] for item in owner.get("/api/entries").json()["items"]] == [entry.id]
    assert "bo" in owner.get(f"/entries/{noted.id}").text
    assert owner.get(f"/api/entries/{noted.id}").json()["labels"]["principal"] == "bo"
    assert len(audited(log)) == 1
    for principal in (BO, Principal("eve", role="supervisor", tenants=ALL)):
        other = browser(log, principal)
        assert other.get("/api/entries?kind=audit").json()["items"] == []
        assert other.get(f"/api/entries/{noted.id}").status_code == 404
        assert noted.id not in other.get("/?range=all&kind=audit").text


def test_no_processor_leaves_the_audit_out(entry: Entry) -> None:
    """Processors choose among calls; what readers did is not theirs to drop."""
    with recording(processors=[lambda _: None], labels={"environment": "test"}) as log:
        log.store.write([entry])
        browser(log).get(f"/entries/{entry.id}")
        [noted] = audited(log)
        assert noted.labels["environment"] == "test"


def test_a_failure_of_the_audit_does_not_break_the_page(
    log: RecordingLogger, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be noted in full is noted bare and counted; what cannot be kept at all is counted as lost."""

    def break_down(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(audit, "_label", break_down)
    assert browser(log).get(f"/api/entries/{entry.id}").json()["request"]["body"]
    [noted] = audited(log)
    assert (noted.kind, noted.redacted) == ("audit", ("entry: redaction_failed",))
    assert log.health().redaction_failed == 1
    monkeypatch.setattr(log.recorder.spool, "append", lambda _: "spool full")
    assert browser(log).get(f"/api/entries/{entry.id}").status_code == 200
    assert log.health().dropped == {"spool full": 1}


def test_a_viewer_alone_notes_nothing(entry: Entry) -> None:
    """Over a store without a logger there is nobody who records; pages work all the same."""
    with recording() as log:
        log.store.write([entry])
        from tests.viewer.server import viewer

        assert Client(viewer(log.store)).get(f"/entries/{entry.id}").status_code == 200  # type: ignore[arg-type]
        assert audited(log) == []


def test_many_tenants_are_counted(log: RecordingLogger, entry: Entry) -> None:
    """The scope of a reader with thousands of tenants does not fill the log."""
    many = Principal("cy", role="owner", tenants=["acme", *(f"t{number:04}" for number in range(3000))])
    browser(log, many).get(f"/entries/{entry.id}")
    [noted] = audited(log)
    names = noted.labels["scope_tenants"]
    assert (len(names), names[0], names[-1]) == (audit.NAMES + 1, "acme", f"and {3001 - audit.NAMES} more")


@pytest.mark.parametrize("header", ["[::1", "a b", "\xff", "x" * 5000])
def test_hostile_requests_are_noted_too(log: RecordingLogger, entry: Entry, header: str) -> None:
    """A ``Host`` that is no host stops neither the page nor the note."""
    client = browser(log)
    answer = client.get(f"/api/entries/{entry.id}", headers={"host": header.encode("latin-1")})
    assert answer.status_code == 200
    [noted] = audited(log)
    assert noted.kind == "audit"


def test_the_client_behind_a_proxy_is_told() -> None:
    """Forwarded addresses count where the logger trusts the proxy."""
    with recording(trusted_proxies=["127.0.0.0/8"]) as log:
        log.store.write([entry := new_entry()])
        browser(log).get(f"/entries/{entry.id}", headers={"x-forwarded-for": "203.0.113.9"})
        assert [noted.client_ip for noted in audited(log)] == ["203.0.113.9"]


def test_the_audit_is_kept_for_a_year(entry: Entry) -> None:
    """Rules for calls do not shorten it; one that names the kind does."""
    for retention, days in (
        (Retention("1 day", errors="2 days"), 365),
        (Retention.from_data(Retention("1 day").to_data()), 365),
    ):
        with recording(retention=retention) as log:
            log.store.write([entry])
            browser(log).get(f"/entries/{entry.id}")
            [noted] = audited(log)
            assert noted.expires_at is not None
            assert (noted.expires_at - noted.started_at).days == days


def test_filters_stand_for_the_query_of_the_address() -> None:
    """Where a request names its entries elsewhere than in its address, they are told as an address would."""
    captured: list[Any] = []
    scope = {
        "type": "http", "method": "POST", "path": "/logs/api/exports", "query_string": b"x=1", "headers": [],
        "server": ("h", 80), "scheme": "http", "client": None,
    }  # fmt: skip
    noted = audit.Audit(captured.append)
    noted.note("export", Request(scope), ANA, filters=[("status", "failed"), ("q", "a b")], rows=5)
    entry = captured[0].finish()
    assert entry.url == "http://h/logs/api/exports?status=failed&q=a+b"
    assert (entry.operation, entry.labels["rows"], entry.client_ip) == ("export", "5", None)


# --- the page -----------------------------------------------------------------------------------------


def test_the_page_lists_who_did_what(log: RecordingLogger, entry: Entry) -> None:
    """Who, in which role and scope, what, to which entry; a search narrows it; what was typed wrong is told."""
    browser(log, BO).get(f"/entries/{entry.id}")
    browser(log).get(f"/api/entries/{entry.id}/curl")
    assert len(audited(log)) == 2
    owner = browser(log)
    page = owner.get("/audit")
    assert page.status_code == 200
    for text in (
        "<b>bo</b>",
        "supervisor",
        "looked at an entry",
        "tenants acme, other; applications shop",
        "everything",
    ):
        assert text in page.text, text
    assert page.text.count(f'href="./entries/{entry.id}"') == 2
    found = owner.get("/audit?q=label.principal:ana").text
    assert "took a cURL command" in found
    assert "<b>bo</b>" not in found
    assert "Nothing matches" in owner.get("/audit?q=label.principal:eve").text
    assert owner.get("/audit?q=min_duration:x").status_code == 400
    assert len(audited(log)) == 2


def test_the_page_is_for_owners(log: RecordingLogger, entry: Entry) -> None:
    """Others are refused, and are not led there."""
    assert 'href="./audit"' in browser(log).get("/").text
    for principal in (BO, Principal("eve", role="owner", tenants=["acme"]), Principal("x", role="x", tenants=ALL)):
        assert browser(log, principal).get("/audit").status_code == 403
        assert 'href="./audit"' not in browser(log, principal).get("/").text


def test_the_page_shows_hostile_names_as_text(log: RecordingLogger, entry: Entry) -> None:
    """Names of readers and what they typed are as hostile as any other data."""
    hostile = "<script>alert(1)</script>\u202e"
    eve = Principal(hostile, role=hostile, tenants=[hostile, "acme"], permissions=["view", "detail"])
    browser(log, eve).get(f"/entries/{entry.id}", params={"x": hostile})
    assert len(audited(log)) == 1
    page = browser(log).get("/audit", params={"q": hostile}).text + browser(log).get("/audit").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_the_page_goes_on_to_older_ones(log: RecordingLogger, entry: Entry) -> None:
    """A hundred at a time."""
    log.store.write([new_entry(kind="audit", operation="view", labels={"principal": f"p{n}"}) for n in range(150)])
    first = browser(log).get("/audit").text
    older = re.search(r'href="\./(audit\?[^"]+)">Older', first)
    assert older
    rest = browser(log).get("/" + unescape(older[1])).text
    assert (first.count("<tr>"), rest.count("<tr>")) == (101, 51)
    assert "Older" not in rest
