"""It works under any prefix, and all its addresses are relative."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from urllib.parse import urljoin

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from integration_logger.entry import Entry
from integration_logger.stores.memory import MemoryStore
from tests.viewer.server import new_entry, serving, viewer


@pytest.fixture(scope="module")
def entry() -> Entry:
    return new_entry()


def stripped(app: ASGIApp, prefix: str) -> ASGIApp:
    """Put a proxy in front that takes the prefix away and tells nobody."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(prefix) or "/"
            scope = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        await app(scope, receive, send)

    return proxy


@contextmanager
def hosted(entry: Entry, how: str) -> Iterator[str]:
    """Serve the log browser in one of the ways that hosts mount it; yields its address."""
    store = MemoryStore()
    store.write([entry])
    browser = viewer(store)
    fastapi = FastAPI()
    fastapi.mount("/logs", browser)
    ways: dict[str, tuple[ASGIApp, str, dict[str, str]]] = {
        "alone": (browser, "/", {}),
        "mounted": (Starlette(routes=[Mount("/logs", browser)]), "/logs/", {}),
        "deep": (
            Starlette(routes=[Mount("/a", Mount("/b", Starlette(routes=[Mount("/logs", browser)])))]),
            "/a/b/logs/",
            {},
        ),
        "in fastapi": (fastapi, "/logs/", {}),
        "prefix stripped": (stripped(browser, "/a/b/logs"), "/a/b/logs/", {}),
        "mounted behind a stripped prefix": (stripped(fastapi, "/a/b"), "/a/b/logs/", {}),
        "root_path": (fastapi, "/logs/", {"root_path": "/a/b"}),
    }
    app, path, config = ways[how]
    with serving(app, **config) as address:
        yield address + path


WAYS = ("alone", "mounted", "deep", "in fastapi", "prefix stripped", "mounted behind a stripped prefix", "root_path")


@pytest.mark.parametrize("how", WAYS)
def test_every_link_of_every_page_leads_somewhere(entry: Entry, how: str) -> None:
    with hosted(entry, how) as address, httpx.Client() as client:
        seen = set()
        for page in (address, f"{address}?range=all&entry={entry.id}", f"{address}entries/{entry.id}"):
            text = client.get(page).raise_for_status().text
            seen |= {
                urljoin(page, unescape(link)) for link in re.findall(r"""(?:href|src|action)="([^"#]+)["#]""", text)
            }
            assert not re.search(r"""(?:href|src|action)="(/|https?:)""", text), "an address is not relative"
        assert len(seen) > 20
        for link in seen:
            assert link.startswith(address)
            assert client.get(link).status_code == 200, link


@pytest.mark.parametrize("how", WAYS)
def test_the_scripts_find_api_and_stream(entry: Entry, how: str) -> None:
    with hosted(entry, how) as address:
        assert httpx.get(f"{address}api/entries").json()["items"][0]["id"] == entry.id
        with httpx.stream("GET", f"{address}api/stream?cursor=0") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert any(entry.id in line for line in stream.iter_lines() if line.startswith("data: "))
        modules = re.findall(r"""from "\./([^"]+)";""", httpx.get(f"{address}static/app.js").text)
        assert modules
        for name in modules:
            assert httpx.get(f"{address}static/{name}").status_code == 200


def test_without_the_last_slash_it_leads_to_itself(entry: Entry) -> None:
    with hosted(entry, "mounted") as address:
        assert httpx.get(address.rstrip("/"), follow_redirects=True).url == address


def test_scripts_and_styles_are_asked_for_anew_but_not_sent_anew(entry: Entry) -> None:
    with hosted(entry, "mounted") as address:
        first = httpx.get(f"{address}static/app.js")
        assert first.headers["cache-control"] == "no-cache"
        assert httpx.get(f"{address}static/app.js", headers={"if-none-match": first.headers["etag"]}).status_code == 304
