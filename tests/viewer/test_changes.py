"""The routes that take entries away: what they delete, what they refuse, and what is noted of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from integration_logger import ALL, IntegrationLogger, Principal, Retention
from integration_logger.entry import Entry
from integration_logger.errors import QueryError, StoreError
from integration_logger.query import EVERYTHING, Query
from integration_logger.testing import RecordingLogger, recording
from tests.contract.conftest import STORES, fresh_url
from tests.viewer.server import Client, new_entry, viewer

ANA = Principal("ana", role="owner", tenants=ALL)
LIMITED = Principal("lee", role="owner", tenants=["1"])
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(params=STORES)
def log(request: pytest.FixtureRequest) -> Iterator[IntegrationLogger]:
    """A logger on each store, which ships when it is told to."""
    with fresh_url(request.param) as url, closing(IntegrationLogger(url, spool=None, ship=None)) as made:
        made.store.open()
        yield made


@pytest.fixture
def in_memory() -> Iterator[RecordingLogger]:
    with recording() as made:
        yield made


def send(log: IntegrationLogger, principal: Principal, path: str, **options: Any) -> httpx.Response:
    return Client(log.viewer(authorize=lambda _: principal)).send("POST", path, **options)


def erase(log: IntegrationLogger, principal: Principal = ANA, **filters: Any) -> dict[str, Any]:
    answer = send(log, principal, "/api/erase", json=filters)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def write(log: IntegrationLogger, number: int, **fields: Any) -> set[str]:
    log.store.write(entries := [new_entry(**fields) for _ in range(number)])
    return {entry.id for entry in entries}


def ids(log: IntegrationLogger) -> set[str]:
    return {entry.id for entry in log.store.stream(Query(scope=EVERYTHING))}


def audited(log: IntegrationLogger) -> list[Entry]:
    assert log.flush()
    return [*log.store.stream(Query.parse([("kind", "audit"), ("order", "asc")], EVERYTHING))]


# --- erase --------------------------------------------------------------------------------------------


def test_erase_deletes_what_the_filters_choose(log: IntegrationLogger) -> None:
    """A dry run gives the counts that the real one then has; all else stays; the real one is in the audit."""
    gone = write(log, 3, user_id="42", tenant="1")
    kept = write(log, 2, user_id="7", tenant="1") | write(log, 2, user_id="42", tenant="2")
    announced = erase(log, user_id="42", tenant="1", dry_run=True)
    assert (announced["entries"], announced["bodies"], announced["dry_run"]) == (3, 3, True)
    assert ids(log) == gone | kept
    assert audited(log) == []
    done = erase(log, user_id="42", tenant="1")
    assert (done["entries"], done["bodies"], done["dry_run"]) == (3, 3, False)
    assert ids(log) == kept
    [noted] = audited(log)
    assert (noted.operation, noted.method, noted.tenant, noted.labels["principal"]) == ("erase", "POST", "1", "ana")
    assert (noted.labels["chosen_by"], noted.labels["entries"]) == (["user_id", "tenant"], "3")


def test_erase_stays_within_the_scope(log: IntegrationLogger) -> None:
    """Who sees one tenant erases of that one only, is not told sizes of the store, and names no other."""
    write(log, 2, user_id="42", tenant="1")
    kept = write(log, 2, user_id="42", tenant="2") | write(log, 1, user_id="42", tenant=None)
    assert erase(log, LIMITED, user_id="42", dry_run="true") == {"dry_run": True, "entries": 2, "bodies": 2}
    assert erase(log, LIMITED, user_id="42") == {"dry_run": False, "entries": 2, "bodies": 2}
    assert ids(log) == kept
    refused = send(log, LIMITED, "/api/erase", json={"tenant": "2"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "outside_scope")
    assert ids(log) == kept


def test_no_audit_entry_goes(log: IntegrationLogger) -> None:
    """Neither erasing nor purging takes away who did what; asking for it by name is refused."""
    write(log, 1, user_id="42")
    erase(log, user_id="42")
    [noted] = audited(log)
    assert send(log, ANA, "/api/erase", json={"kind": "audit"}).status_code == 400
    assert erase(log, **{"label.principal": "ana"})["entries"] == 0
    assert send(log, ANA, "/api/purge").json()["entries"] == 0
    assert noted.id in {entry.id for entry in audited(log)}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"json": {}}, "filters"), ({}, "filters"), ({"json": {"dry_run": False}}, "filters"),
        ({"json": {"tenant": "1", "user_id": ""}}, "user_id"), ({"json": {"user_id": None}}, "user_id"),
        ({"json": {"user_id": "42", "dry_run": "perhaps"}}, "dry_run"), ({"json": {"usr": "42"}}, "usr"),
        ({"json": {"user_id": {"$ne": 1}}}, "user_id"), ({"json": {"user_id": "42", "limit": 1}}, "limit"),
        ({"data": {"user_id": ["42", ""]}}, "user_id"), ({"params": {"user_id": "42"}}, "user_id"),
        ({"params": {"dry_run": "true"}, "json": {"tenant": "1"}}, "dry_run"),
        ({"json": {"user_id": [["42"]]}}, "user_id"), ({"json": {"not.user_id": "42"}}, "filters"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_unclear_erases_nothing(in_memory: RecordingLogger, sent: dict[str, Any], field: str) -> None:
    """One clear error that names the field, and everything stays."""
    kept = write(in_memory, 3, user_id="42", tenant="1")
    answer = send(in_memory, ANA, "/api/erase", **sent)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert ids(in_memory) == kept


def test_a_form_erases_too(in_memory: RecordingLogger) -> None:
    """Fields may come as a form, several values of one as several fields; its token is no filter."""
    kept = write(in_memory, 1, user_id="7")
    write(in_memory, 1, user_id="42")
    write(in_memory, 1, user_id="43")
    fields = {"user_id": ["42", "43"], "dry_run": "false", "csrf": "x"}
    assert send(in_memory, ANA, "/api/erase", data=fields).json()["entries"] == 2
    assert ids(in_memory) == kept


def test_who_may_not_erase_or_purge_is_refused(in_memory: RecordingLogger) -> None:
    """Erasing takes ``erase``, purging ``purge``, which nobody limited has; neither is done by a GET."""
    kept = write(in_memory, 1, user_id="42", tenant="1", expires_at=YESTERDAY)
    supervisor = Principal("bo", role="supervisor", tenants=ALL)
    for principal, path in (
        (supervisor, "/api/erase"),
        (supervisor, "/api/purge"),
        (LIMITED, "/api/purge"),
        (Principal("x", role="x", tenants=["1"], permissions=["view", "purge"]), "/api/purge"),
        (Principal("x", role="x", tenants=ALL, permissions=["view", "purge"]), "/api/erase"),
        (Principal("x", role="x", tenants=ALL, permissions=["erase", "purge"]), "/api/erase"),
    ):
        assert send(in_memory, principal, path, json={"user_id": "42"}).status_code == 403
    for path in ("/api/erase?user_id=42", "/api/purge"):
        assert Client(in_memory.viewer(authorize=lambda _: ANA)).get(path).status_code == 405
    assert ids(in_memory) == kept


# --- purge --------------------------------------------------------------------------------------------


def test_purge_deletes_what_has_expired(log: IntegrationLogger) -> None:
    """What would go within a minute goes now, and nothing else; a dry run gives the same counts."""
    write(log, 3, expires_at=YESTERDAY)
    write(log, 2, bodies_expire_at=YESTERDAY)
    kept = write(log, 2)
    announced = send(log, ANA, "/api/purge", json={"dry_run": True}).json()
    assert (announced["entries"], announced["bodies"], announced["excess"]) == (3, 5, 0)
    assert len(ids(log)) == 7
    done = send(log, ANA, "/api/purge").json()
    assert (done["entries"], done["bodies"], done["dry_run"]) == (3, 5, False)
    assert ids(log) >= kept
    [noted] = audited(log)
    assert (noted.operation, noted.labels["entries"], noted.labels["role"]) == ("purge", "3", "owner")


def test_purge_keeps_to_the_bounds_of_the_rules() -> None:
    """The bounds are those of the logger; none can be given."""
    with recording(retention=Retention(max_rows=2)) as log:
        write(log, 5)
        assert send(log, ANA, "/api/purge", json={"max_rows": 1}).status_code == 400
        assert send(log, ANA, "/api/purge").json()["excess"] == 3


def test_a_store_that_fails_is_told_and_noted(in_memory: RecordingLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is 503, and the attempt stands in the audit."""
    write(in_memory, 1, user_id="42")

    def away(*_: object, **__: object) -> None:
        raise StoreError("away")

    with monkeypatch.context() as patch:
        patch.setattr(in_memory.store, "erase", away)
        assert send(in_memory, ANA, "/api/erase", json={"user_id": "42"}).status_code == 503
    [noted] = audited(in_memory)
    assert (noted.operation, noted.status, noted.errors) == ("erase", "failed", ("away",))


def test_a_viewer_alone_erases(in_memory: RecordingLogger) -> None:
    """Over a store without a logger, as ``serve`` has it."""
    write(in_memory, 1, user_id="42")
    client = Client(viewer(in_memory.store))  # type: ignore[arg-type]
    assert client.send("POST", "/api/erase", json={"user_id": "42"}).json()["entries"] == 1
    assert client.send("POST", "/api/purge").status_code == 200


# --- log.erase ----------------------------------------------------------------------------------------


def test_a_logger_erases_what_it_has_recorded(log: IntegrationLogger) -> None:
    """What waits to be shipped is shipped first, so that it goes, too; who asked to be forgotten is not noted."""
    kept = write(log, 1, user_id="7")
    write(log, 2, user_id="forget-me", tenant="1")
    assert log.erase(user_id="forget-me", dry_run=True).entries == 2
    assert log.erase(user_id="forget-me", tenant="1").entries == 2
    assert ids(log) == kept
    [noted] = audited(log)
    assert (noted.kind, noted.operation, noted.tenant, noted.labels["entries"]) == ("audit", "erase", "1", "2")
    assert "forget-me" not in repr(noted)


def test_a_logger_erases_nothing_by_mistake(in_memory: RecordingLogger) -> None:
    """A filter that is missing, empty or unknown raises."""
    kept = write(in_memory, 1, user_id="42", tenant="1")
    for filters in ({}, {"user_id": None, "tenant": "1"}, {"user_id": ""}, {"usr_id": "42"}):
        with pytest.raises(QueryError):
            in_memory.erase(**filters)
    assert ids(in_memory) == kept


def test_a_logger_without_a_store_has_nothing_to_erase() -> None:
    """With ``store=None`` the call is made for nothing, and does no harm."""
    with closing(IntegrationLogger(None)) as log:
        assert log.erase(user_id="42").entries == 0


# --- the page -----------------------------------------------------------------------------------------


def test_the_page_erases_what_was_counted(in_memory: RecordingLogger) -> None:
    """The count comes first; only its number, typed by the reader, takes the entries away."""
    kept = write(in_memory, 1, user_id="7", tenant="1")
    write(in_memory, 2, user_id="42", tenant="1")
    client = Client(in_memory.viewer(authorize=lambda _: LIMITED))
    link = re.search(r'href="\./(erase\?[^"]+)"', client.get("/?user_id=42").text)
    assert link
    counted = client.get("/" + unescape(link[1]))
    assert "<b>2 entries match</b>" in counted.text
    assert len(ids(in_memory)) == 3
    token = re.search('name="csrf" value="([^"]+)"', counted.text)
    assert token
    fields = {"q": "user_id:42", "csrf": token[1]}
    browsers = {"sec-fetch-site": "same-origin"}
    for wrong in ({}, {"confirm": "3"}, {"confirm": ""}):
        assert client.send("POST", "/erase", data=fields | wrong, headers=browsers).status_code == 400
    assert (
        client.send("POST", "/erase", data=fields | {"csrf": "x", "confirm": "2"}, headers=browsers).status_code == 403
    )
    assert len(ids(in_memory)) == 3
    done = client.send("POST", "/erase", data=fields | {"confirm": "2"}, headers=browsers)
    assert "2 entries were erased" in done.text
    assert ids(in_memory) == kept
    assert [noted.operation for noted in audited(in_memory)] == ["erase"]


def test_the_page_erases_nothing_by_a_link(in_memory: RecordingLogger) -> None:
    """An address with the number in it counts only; what is unclear is refused; others are not led there."""
    kept = write(in_memory, 2, user_id="42")
    client = Client(in_memory.viewer(authorize=lambda _: ANA))
    assert "2 entries match" in client.get("/erase?q=user_id:42&confirm=2").text
    assert client.get("/erase?q=-user_id:42").status_code == 400
    assert ids(in_memory) == kept
    reader = Client(in_memory.viewer(authorize=lambda _: Principal("bo", role="supervisor", tenants=ALL)))
    assert reader.get("/erase?q=user_id:42").status_code == 403
    assert "erase?" not in reader.get("/?user_id=42").text
