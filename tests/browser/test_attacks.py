"""Attacks that need a browser: data that wants to run as script, and a site that rides on its reader's cookies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from integration_logger.entry import Entry, Message, Run
from integration_logger.query import ALL, EVERYTHING, Query
from integration_logger.stores.integration_health import observe_entries
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal, Viewer
from tests.browser.conftest import Log, Open
from tests.factories import make_in_flight
from tests.viewer.server import new_entry, serving, viewer

pytestmark = pytest.mark.browser

SCRIPTS = (
    "<script>window.hacked=1</script>",
    "\"'><img src=x onerror=window.hacked=1>",
    "javascript:window.hacked=1",
    "</title></textarea></pre></template><svg/onload=window.hacked=1>",
)
FIELDS = (
    "tenant", "application", "integration", "operation", "log_type", "user_id", "method", "url", "host", "route",
    "client_ip", "server_host", "http_version", "error_type", "phase", "traceback",
)  # fmt: skip


def hostile(value: str, **fields: Any) -> Entry:
    """Return an entry that has the value wherever a text can be."""
    half = Message(
        raw_headers=[(value.encode(), value.encode()), (b"content-type", b"text/html")],
        body=value.encode(),
        content_type=value if "java" in value else "text/html",
        content_encoding=value,
        omitted=None,
        size=9,
    )
    labels: dict[str, Any] = dict.fromkeys(("source_url", "source_name", "integration_name", "user_name"), value)
    return new_entry(
        **{
            "labels": labels | {value: value, "tags": [value, value]}, "errors": (value,), "has_errors": True,
            "status": "failed", "status_code": 500, "variables": {value: [value]}, "request": half, "response": half,
            "redacted": (f"request header {value}: {value}",),
            "run": Run(job_name=value, initial_savepoint=value, new_savepoint=value, external_ip=value),
        }
        | dict.fromkeys(FIELDS, value)
        | fields
    )  # fmt: skip


def test_no_field_of_an_entry_runs_as_script(log: Log, open_page: Open) -> None:
    """List, live rows, open calls, pane, page of its own, runs and integrations show texts, and nothing else."""
    entries = [hostile(value, kind=kind) for value in SCRIPTS for kind in ("inbound", "run")]
    log.store.write(entries[:-1])
    observe_entries(log.store.state, log.store.search(Query(scope=EVERYTHING, order="asc")).entries)
    page = open_page("?range=all")
    unended = (
        "status",
        "status_code",
        "errors",
        "has_errors",
        "error_type",
        "traceback",
        "redacted",
        "phase",
        "response",
    )
    known = {name: getattr(entries[0], name) for name in Entry.__struct_fields__ if name not in unended}
    log.store.write(entries[-1:], in_flight=[make_in_flight(**known | {"id": new_entry().id})])
    expect(page.locator("#rows .row")).to_have_count(len(entries))
    expect(page.locator("#in-flight .row")).to_have_count(1)
    for row in range(len(entries)):
        page.locator("#rows .row-link").nth(row).click()
        expect(page.locator(f'#pane[data-id="{entries[-1 - row].id}"]')).to_be_visible()
        look(page)
    for path in ("runs?range=all", "integrations", *(f"entries/{entry.id}?tab=response" for entry in entries[::2])):
        page.goto(log.address + path)
        look(page)
    for value in SCRIPTS:
        page.goto(f"{log.address}?range=all")
        page.locator("#q").fill(f'"{value}"')
        page.locator("#q").press("Enter")
        look(page)


def look(page: Page) -> None:
    """See that nothing ran, that nothing that could was made, and that no link leads to a script."""
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, iframe, object, embed, style, script:not([src]), [onerror], [onload]").count() == 0
    assert page.locator("a[href^='javascript:' i], form[action^='javascript:' i]").count() == 0


# --- another site -------------------------------------------------------------------------------------

FORM = """<form method="post" action="%s" enctype="application/x-www-form-urlencoded">
<input name="kind" value="inbound"><input name="csrf" value="guessed"></form>
<script>document.forms[0].submit()</script>"""


@dataclass
class Host:
    """A host whose reader signs in with a cookie that goes to it from everywhere, as the worst of them do."""

    address: str
    store: MemoryStore


@contextmanager
def host() -> Iterator[Host]:
    def authorize(request: Request) -> Principal | None:
        return Principal("ana", role="owner", tenants=ALL) if request.cookies.get("session") == "ana" else None

    store = MemoryStore()
    store.write([new_entry(kind="inbound")])
    with serving(Starlette(routes=[Mount("/logs", Viewer(store, authorize=authorize))])) as address:
        yield Host(f"{address}/logs/", store)


def kept(store: MemoryStore) -> int:
    return len(store.search(Query(scope=EVERYTHING)).entries)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"], ids=["other site", "other port"])
def test_another_site_changes_nothing(browser: Browser, name: str) -> None:
    """A form, and scripts with and without preflight, of a page where the reader is lured to: each is refused.

    The browser sends the cookie along: to another port of the same name whatever ``SameSite`` says, and from another
    site where the cookie is young and says nothing.
    """
    with host() as victim, serving(viewer(MemoryStore())) as evil:
        context = browser.new_context()
        context.add_cookies([{"name": "session", "value": "ana", "url": victim.address}])
        target = f"{victim.address}api/erase"
        page = context.new_page()
        page.set_default_timeout(10_000)
        attacker = evil.replace("127.0.0.1", name)

        def lure(route: Route) -> None:
            route.fulfill(
                body=FORM % target if "form" in route.request.url else "<p>hello</p>", content_type="text/html"
            )

        page.route(f"{attacker}/**", lure)
        page.goto(f"{victim.address}?range=all")
        assert page.locator("#rows .row").count() == 1
        with page.expect_response(target) as answer:
            page.goto(f"{attacker}/form")
        assert answer.value.status == 403
        page.goto(f"{attacker}/script")
        for sent in (
            {"mode": "no-cors", "headers": {"content-type": "text/plain"}},
            {"headers": {"content-type": "application/json", "x-csrf-token": "guessed"}},
            {"method": "DELETE"},
        ):
            options = {"method": "POST", "credentials": "include", "body": '{"kind": "inbound"}'} | sent
            page.evaluate("([url, options]) => fetch(url, options).catch(() => null)", [target, options])
        read = "(url) => fetch(url, {credentials: 'include'}).then((answer) => answer.text()).catch(() => 'refused')"
        assert page.evaluate(read, f"{victim.address}api/entries") == "refused"
        assert kept(victim.store) == 1
        context.close()


def test_ones_own_page_changes_what_its_reader_may(browser: Browser) -> None:
    """With the token of the page it works, without it the same request from the same page does not."""
    with host() as own:
        context = browser.new_context()
        context.add_cookies([{"name": "session", "value": "ana", "url": own.address}])
        page = context.new_page()
        page.goto(f"{own.address}?range=all")
        script = """(token) => fetch("api/erase", {
            method: "POST", body: '{"kind": "inbound"}',
            headers: {"content-type": "application/json", ...(token ? {"x-csrf-token": token} : {})},
        }).then((answer) => answer.status)"""
        assert page.evaluate(script, None) == 403
        assert kept(own.store) == 1
        assert page.evaluate(script, page.locator("meta[name=csrf]").get_attribute("content")) == 200
        assert kept(own.store) == 0
        context.close()
