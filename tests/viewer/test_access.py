"""Who may see what."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from integration_logger import IntegrationLogger
from integration_logger.entry import Entry, Message
from integration_logger.errors import ConfigurationError
from integration_logger.query import ALL
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal, Viewer, local_only, tail
from integration_logger.viewer.access import PERMISSIONS
from integration_logger.viewer.policies import rook
from tests.viewer.server import OWNER, Client, new_entry, viewer

ROUTES = (
    "/", "/entries/x", "/api/entries", "/api/entries/x", "/api/entries/x/request", "/api/entries/x/response",
    "/api/entries/x/curl", "/api/entries/x/related", "/api/facets", "/api/stats", "/api/stream", "/api/meta",
    "/api/health", "/health",
)  # fmt: skip


# --- Principal ----------------------------------------------------------------------------------------


def test_an_owner_may_do_everything() -> None:
    assert Principal("ana", role="Owner", tenants=ALL).permissions == set(PERMISSIONS)


@pytest.mark.parametrize("role", ["supervisor", "bot_builder"])
def test_supervisors_and_bot_builders_read_and_reauthorize(role: str) -> None:
    assert Principal("bo", role=role, tenants=ALL).permissions == {"view", "detail", "reauthorize"}


@pytest.mark.parametrize("role", ["agent", "executive", "", "administrator"])
def test_any_other_role_may_nothing(role: str) -> None:
    assert not Principal("x", role=role, tenants=ALL).permissions


def test_who_is_limited_never_purges_and_never_sees_the_audit() -> None:
    for limits in ({"tenants": ["a"]}, {"tenants": ALL, "applications": ["shop"]}):
        principal = Principal("ana", role="owner", **limits)
        assert principal.limited
        assert principal.permissions == set(PERMISSIONS) - {"purge", "audit"}
        assert not principal.scope.audit


def test_permissions_replace_those_of_the_role() -> None:
    assert Principal("x", role="agent", tenants=ALL, permissions=["view"]).permissions == {"view"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenants": "acme"},
        {"tenants": [1]},
        {"tenants": ALL, "permissions": ["see"]},
        {"tenants": ALL, "applications": "a"},
        {"tenants": None},
        {"tenants": ALL, "permissions": 5},
        {"tenants": ALL, "permissions": [["view"]]},
        {"tenants": ALL, "role": None},
        {"tenants": ALL, "role": b"owner"},
        {"tenants": ALL, "name": 7},
        {"tenants": ALL, "detail": True},
    ],
    ids=str,
)
def test_refuses_wrong_limits(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="Principal: "):
        Principal(**{"name": "x", "role": "owner"} | wrong)


# --- authorize ----------------------------------------------------------------------------------------


def test_is_not_built_without_a_decision_about_access() -> None:
    for built in (lambda: Viewer(MemoryStore()), IntegrationLogger("memory:").viewer):
        with pytest.raises(ConfigurationError, match=r"give authorize= a callable .* or local_only\(\)"):
            built()


@pytest.mark.parametrize(
    "wrong",
    [
        {"theme": "pink"}, {"frame_ancestors": "*; script-src *"}, {"frame_ancestors": 1}, {"title": 5},
        {"support_url": "javascript:1"}, {"support_url": 5}, {"enabled_for": True},
    ],
    ids=str,
)  # fmt: skip
def test_refuses_wrong_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        viewer(MemoryStore(), **wrong)


@pytest.mark.parametrize("path", ROUTES)
def test_nobody_sees_nothing(path: str) -> None:
    response = Client(viewer(MemoryStore(), principal=None)).get(path)
    assert response.status_code == 401
    if path.startswith("/api/"):
        assert response.json()["error"]["code"] == "unauthorized"
    else:
        assert "You are not signed in" in response.text


@pytest.mark.parametrize("path", ROUTES)
def test_a_role_without_view_is_refused(path: str) -> None:
    response = Client(viewer(MemoryStore(), Principal("bo", role="agent", tenants=ALL))).get(path)
    assert response.status_code == 403


@pytest.mark.parametrize("path", ROUTES)
def test_an_access_check_that_fails_shows_nothing(path: str, caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Request) -> Principal:
        raise LookupError("secret of the host")

    response = Client(Viewer(MemoryStore(), authorize=broken)).get(path)
    assert response.status_code == 500
    assert "secret of the host" not in response.text
    assert "authorize failed" in caplog.text


@pytest.mark.usefixtures("caplog")
def test_an_access_check_with_another_answer_shows_nothing() -> None:
    wrong: Any = lambda request: {"user": "ana"}  # noqa: E731
    assert Client(Viewer(MemoryStore(), authorize=wrong)).get("/").status_code == 500


def test_the_access_check_may_be_sync_or_async_or_an_object() -> None:
    owner = Principal("ana", role="owner", tenants=ALL)

    class Awaiting:
        async def __call__(self, request: Request) -> Principal:
            return owner

    async def awaiting(request: Request) -> Principal:
        return owner

    checks: list[Any] = [lambda request: owner, awaiting, Awaiting(), lambda request: awaiting(request)]
    for check in checks:
        assert Client(Viewer(MemoryStore(), authorize=check)).get("/api/meta").json()["principal"]["name"] == "ana"


def test_what_lies_outside_of_the_scope_is_not_there() -> None:
    store = MemoryStore()
    ours, theirs, nobodys = (new_entry(tenant=tenant) for tenant in ("acme", "globex", None))
    store.write([ours, theirs, nobodys])
    browser = Client(viewer(store, Principal("bo", role="supervisor", tenants=["acme"])))
    assert [item["id"] for item in browser.get("/api/entries").json()["items"]] == [ours.id]
    assert browser.get(f"/api/entries/{ours.id}").status_code == 200
    for foreign in (theirs, nobodys):
        for path in (f"/api/entries/{foreign.id}", f"/api/entries/{foreign.id}/curl", f"/entries/{foreign.id}"):
            assert browser.get(path).status_code == 404
        assert foreign.id not in browser.get(f"/?range=all&entry={foreign.id}").text.replace(f"entry={foreign.id}", "")


def test_a_filter_for_a_foreign_tenant_is_refused() -> None:
    browser = Client(viewer(MemoryStore(), Principal("bo", role="supervisor", tenants=["acme"])))
    response = browser.get("/api/entries?tenant=globex")
    assert response.status_code == 403
    assert response.json()["error"]["field"] == "tenant"
    assert browser.get("/?tenant=globex").status_code == 403
    assert browser.get("/api/stream?tenant=globex").status_code == 403


def test_health_is_not_for_limited_readers() -> None:
    assert Client(viewer(MemoryStore())).get("/api/health").json()["status"] == "ok"
    limited = Client(viewer(MemoryStore(), Principal("bo", role="owner", tenants=["acme"])))
    assert limited.get("/api/health").status_code == limited.get("/health").status_code == 403
    assert "Health" in Client(viewer(MemoryStore())).get("/").text
    assert "Health" not in limited.get("/").text


def test_without_detail_there_are_no_bodies_no_headers_and_no_sizes() -> None:
    store, entry = MemoryStore(), new_entry(variables={"a": 1}, traceback="trace", status_code=500)
    store.write([entry])
    browser = Client(viewer(store, Principal("bo", role="x", tenants=ALL, permissions=["view"])))
    data = browser.get(f"/api/entries/{entry.id}").json()
    hidden = ("request", "response", "variables", "traceback", "curl")
    assert [data[name] for name in hidden] == [None] * len(hidden)
    for name in ("request", "response", "curl"):
        assert browser.get(f"/api/entries/{entry.id}/{name}").status_code == 403
    page = browser.get(f"/entries/{entry.id}").text
    assert "not yours to see" in page
    assert "user-agent" not in page.lower()


def test_only_what_a_policy_lets_through_shows_headers_and_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """ROOK's rule: the JSON of events and summaries that were answered with 200; all else is listed and no more."""
    delivered = new_entry(tenant="acme", log_type="events", status_code=200)
    others = [
        new_entry(tenant="acme", log_type="events", status_code=202),
        new_entry(tenant="acme", log_type="other", status_code=200),
        new_entry(tenant="acme", log_type="summaries", status_code=200, status="failed"),
    ]
    store = MemoryStore()
    store.write([delivered, *others])
    browser = Client(viewer(store, Principal("bo", role="supervisor", tenants=["acme"], detail=rook)))
    listed = {item["id"]: item["detail_available"] for item in browser.get("/api/entries").json()["items"]}
    assert listed == {delivered.id: True} | {entry.id: False for entry in others}
    for entry in (delivered, *others):
        seen = entry is delivered
        data = browser.get(f"/api/entries/{entry.id}").json()
        assert data["detail_available"] is seen
        assert (data["request"] is not None) is seen
        for name in ("request", "response", "curl"):
            assert (browser.get(f"/api/entries/{entry.id}/{name}").status_code == 403) is not seen
        for path in (f"/entries/{entry.id}", f"/?entry={entry.id}", f"/?entry={entry.id}&part=pane"):
            assert ("not yours to see" in browser.get(path).text) is not seen
    monkeypatch.setattr(tail, "LIFETIME", 0.3)
    told = browser.get("/api/stream?cursor=0").text
    assert told.count('"detail_available":true') == 1
    assert told.count('"detail_available":false') == 3


def test_a_policy_that_fails_shows_no_headers_and_bodies(caplog: pytest.LogCaptureFixture) -> None:
    """It takes away only: an exception opens nothing, nor another answer than True, nor a missing permission."""
    entry = new_entry()

    def broken(entry: Entry) -> bool:
        raise LookupError("plan")

    assert not Principal("x", role="owner", tenants=ALL, detail=broken).sees_detail(entry)
    assert "detail policy" in caplog.text
    wrong: Any = lambda entry: "yes"  # noqa: E731
    assert not Principal("x", role="owner", tenants=ALL, detail=wrong).sees_detail(entry)
    assert not Principal("x", role="x", tenants=ALL, permissions=["view"], detail=lambda _: True).sees_detail(entry)
    assert Principal("x", role="owner", tenants=ALL).sees_detail(entry)


@pytest.mark.parametrize("path", ROUTES)
def test_for_whom_it_is_not_enabled_there_is_no_log_browser(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """Plans and packages: all routes are 404; where the question fails nothing is shown."""

    async def later(principal: Principal) -> bool:
        return principal.name != OWNER.name

    def broken(principal: Principal) -> bool:
        raise LookupError("no plan")

    def truthy(principal: Principal) -> Any:
        return "yes"

    for no in (later, lambda principal: False, truthy):
        answer = Client(viewer(MemoryStore(), enabled_for=no)).get(path)
        assert answer.status_code == 404
        assert "There is no log here" in answer.text
    assert Client(viewer(MemoryStore(), enabled_for=broken)).get(path).status_code == 500
    assert "no plan" in caplog.text
    assert Client(viewer(MemoryStore(), principal=None, enabled_for=later)).get(path).status_code == 401


def test_where_it_is_enabled_nothing_changes() -> None:
    """The answer must be True, and is asked for the reader of each request."""
    assert Client(viewer(MemoryStore(), enabled_for=lambda principal: principal is OWNER)).get("/").status_code == 200


# --- local_only ---------------------------------------------------------------------------------------


def test_the_token_lets_in_once_and_becomes_a_cookie() -> None:
    access = local_only()
    browser = Client(Viewer(MemoryStore(), authorize=access))
    assert browser.get("/").status_code == 401
    assert "printed at the start" in browser.get("/").text
    response = browser.get(f"/?token={access.token}&outcome=error")
    assert response.status_code == 303
    assert response.headers["location"] == "./?outcome=error"
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert browser.get("/").status_code == 200


def test_a_wrong_token_does_not() -> None:
    browser = Client(Viewer(MemoryStore(), authorize=local_only("right")))
    assert browser.get("/?token=wrong").status_code == 401
    assert browser.get("/?token=%C3%A9").status_code == 401
    assert browser.get("/", headers={"cookie": "integration_log_8000=wrong"}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"}, {"host": "localhost.evil.example"}, {"x-forwarded-for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"}, {"via": "1.1 proxy"}, {"x-forwarded-host": "localhost"},
    ],
)  # fmt: skip
def test_a_rebound_name_or_a_proxy_is_not_this_machine(headers: dict[str, str]) -> None:
    browser = Client(Viewer(MemoryStore(), authorize=local_only("right")))
    browser.get("/?token=right")
    assert browser.get("/").status_code == 200
    assert browser.get("/", headers=headers).status_code == 401
    assert browser.get("/?token=right", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST", "a.localhost"]
)
def test_this_machine_has_many_names(host: str) -> None:
    app = Viewer(MemoryStore(), authorize=local_only("right"))
    assert Client(app).get("/?token=right", headers={"host": host}).status_code == 303


def test_another_machine_is_not_this_machine() -> None:
    app = Viewer(MemoryStore(), authorize=local_only("right"))
    browser = Client(app, peer="192.0.2.7")
    assert browser.get("/?token=right").status_code == 401


def test_what_an_answer_says_of_a_failure_is_of_its_body() -> None:
    """The sentence that the pane takes from the body of a refusal is for readers who may see bodies."""
    said = Message(body=b'{"message": "card of Eve declined"}', content_type="application/json", size=35)
    store = MemoryStore()
    store.write([entry := new_entry(kind="outbound", status="failed", status_code=402, errors=(), response=said)])
    for path in (f"/entries/{entry.id}", f"/?range=all&entry={entry.id}", f"/?range=all&part=pane&entry={entry.id}"):
        assert "card of Eve" in Client(viewer(store)).get(path).text
        metadata = Principal("bo", role="x", tenants=ALL, permissions=["view"])
        assert "card of Eve" not in Client(viewer(store, metadata)).get(path).text
