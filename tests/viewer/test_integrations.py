"""How integrations do, as JSON and as a page: what is said, to whom, and of whose calls."""

from __future__ import annotations

from typing import Any

import pytest

from integration_logger import ALL, Integration
from integration_logger.entry import Message
from integration_logger.integrations import Integrations
from integration_logger.query import EVERYTHING, Query, Scope
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal
from integration_logger.viewer.integrations import MOST
from tests.standings import call, count
from tests.viewer.server import Client, viewer

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\x00\u202e'


def told(store: MemoryStore, params: str = "", **options: Any) -> list[dict[str, Any]]:
    response = Client(viewer(store, **options)).get(f"/api/integrations{params}")
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def limited(*tenants: str, applications: Any = ALL, **options: Any) -> Principal:
    return Principal("bo", role="owner", tenants=tenants, applications=applications, **options)


def test_what_is_told_of_an_integration(store: MemoryStore) -> None:
    """Figures, the last error with its text, the hours, and what the catalogue knows."""
    failed = call(502, errors=("upstream is away", "more"), error_type="http_5xx", ago=30, duration=2.0)
    count(store, [call(200, ago=60, duration=1.0), call(200, ago=50, duration=1.0), failed])
    (item,) = told(store)
    wanted = {
        "integration": "stripe", "title": "Stripe", "tenant": "acme", "success": 2, "error": 1, "failures_in_a_row": 1,
        "success_rate": pytest.approx(2 / 3), "p50": 1.0, "p95": 2.0,
        "error_docs": "https://docs.stripe.com/api/errors", "token_docs": "https://docs.stripe.com/error-codes",
        "last_error": {
            "id": failed.id, "status_code": 502, "error_type": "http_5xx", "text": "upstream is away",
        },
    }  # fmt: skip
    assert {name: item[name] for name in wanted} == wanted
    assert (len(item["hours"]), sum(hour["success"] for hour in item["hours"])) == (24, 2)


def test_titles_are_those_of_the_host(store: MemoryStore) -> None:
    """What the host calls a third party, and where it says that errors are documented."""
    count(store, [call(integration="acme")])
    own = Integration("acme", title="Acme Freight", error_docs="https://acme.example/errors")
    (item,) = told(store, integrations=Integrations([own]))
    assert (item["title"], item["error_docs"], item["token_docs"]) == (
        "Acme Freight",
        "https://acme.example/errors",
        None,
    )
    assert told(store)[0]["title"] == "acme"


def test_a_limited_reader_sees_the_own_only(store: MemoryStore) -> None:
    """No name, figure, error or page of another tenant or application, and no way to ask for them."""
    secret = call(500, tenant="other", application="bot", errors=("only for other",), integration="theirs")
    count(store, [secret, call(500, tenant="acme", application="bot", errors=("of the bot",)), call(tenant="acme")])
    for principal, errors in ((limited("acme"), 1), (limited("acme", applications=["shop"]), 0)):
        items = told(store, principal=principal)
        assert [(item["tenant"], item["success"], item["error"]) for item in items] == [("acme", 1, errors)]
        client = Client(viewer(store, principal=principal))
        text = client.get("/integrations").text + client.get("/api/integrations").text
        assert "only for other" not in text
        assert "theirs" not in text
        assert ("of the bot" in text) == bool(errors)
        refused = client.get("/api/integrations?tenant=other")
        assert (refused.status_code, refused.json()["error"]["field"]) == (403, "tenant")
        assert client.get("/integrations?tenant=other").status_code == 403
    assert told(store, principal=limited()) == []


def test_filters(store: MemoryStore) -> None:
    """By tenant and by integration, each several times; anything else is refused."""
    count(store, [call(tenant=t, integration=i) for t in ("a", "b", "c") for i in ("stripe", "slack")])
    assert len(told(store)) == 6
    assert {(i["tenant"], i["integration"]) for i in told(store, "?tenant=a&tenant=b&integration=slack")} == {
        ("a", "slack"), ("b", "slack")
    }  # fmt: skip
    assert told(store, "?tenant=nobody") == []
    client = Client(viewer(store))
    for query, field in (("?status=failed", "status"), ("?limit=5", "limit"), ("?q=x", "q")):
        refused = client.get(f"/api/integrations{query}")
        assert (refused.status_code, refused.json()["error"]["field"]) == (400, field)


def test_an_error_is_gone_when_its_entry_is(store: MemoryStore) -> None:
    """What it said is kept in no other place than the entry, so nothing outlives retention and erasure."""
    count(store, [call(500, errors=("mail of ana@example.com",))])
    assert "ana@example.com" in str(told(store))
    assert b"ana@example.com" not in b"".join(store.state.list("").values())
    store.erase(Query(scope=EVERYTHING))
    (item,) = told(store)
    assert (item["last_error"], item["error"]) == (None, 1)
    assert item["last_error_at"]
    assert "ana@example.com" not in Client(viewer(store)).get("/integrations").text


def test_what_a_body_says_needs_the_permission_detail(store: MemoryStore) -> None:
    """The sentence of an answer stands for an error without a text, for readers who may see bodies."""
    answer = Message(body=b'{"message": "quota of team blue"}', content_type="application/json", size=33)
    count(store, [call(429, errors=(), response=answer)])
    assert "quota of team blue" in str(told(store))
    reader = Principal("bo", role="x", tenants=ALL, permissions=["view"])
    assert "quota of team blue" not in str(told(store, principal=reader))


def test_the_worst_come_first_and_the_rest_is_counted(store: MemoryStore) -> None:
    """Of many integrations those that fail are shown."""
    count(store, [call(integration=f"n{n}", tenant=str(n % 9)) for n in range(MOST)])
    count(store, [call(500, integration="bad"), call(500, integration="bad", tenant="other")])
    body = Client(viewer(store)).get("/api/integrations").json()
    assert ([item["integration"] for item in body["items"][:2]], body["left_out"]) == (["bad", "bad"], 2)
    assert "2 more do better" in Client(viewer(store)).get("/integrations").text


@pytest.mark.parametrize(
    ("codes", "headline"),
    [
        ((200,), "All integrations are well"), ((500, 500, 500), "The only integration fails"),
        ((200, 500), "The only integration is not steady"),
    ],
)  # fmt: skip
def test_the_page_begins_with_how_it_stands(store: MemoryStore, codes: tuple[int, ...], headline: str) -> None:
    """In one sentence."""
    count(store, [call(code) for code in codes])
    assert headline in Client(viewer(store)).get("/integrations").text


def test_the_page_shows_everything_as_text(store: MemoryStore) -> None:
    """Hostile names and errors are no markup, and nothing has a style of its own."""
    count(store, [call(500, integration=HOSTILE, tenant=HOSTILE, errors=(HOSTILE,)), call(tenant=None)])
    page = Client(viewer(store)).get("/integrations")
    assert page.status_code == 200
    for markup in ("<script>alert", "<img", "style=", "\u202e"):
        assert markup not in page.text
    assert "&lt;script&gt;" in page.text
    assert "no tenant" in page.text
    assert "style-src 'self'" in page.headers["content-security-policy"]


def test_an_empty_log_says_what_to_do(store: MemoryStore) -> None:
    """There is nothing to count before the first call."""
    assert told(store) == []
    assert "No call with a third party yet" in Client(viewer(store)).get("/integrations").text
    assert Scope(tenants=frozenset(), applications=ALL).covers(None, None) is False
