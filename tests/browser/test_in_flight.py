"""Calls in flight in a real browser: of a real host, whose calls take a while."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from integration_logger import IntegrationLogger
from tests.viewer.server import OWNER, serving

pytestmark = pytest.mark.browser


class Shop:
    """A host with its log browser, and calls that end when they are told to."""

    def __init__(self, folder: Path) -> None:
        self.log = IntegrationLogger(f"sqlite:///{folder}/log.db", announce_after=0)
        self.address = ""
        self._may_end = threading.Event()

    @property
    def app(self) -> object:
        async def slow(_: Request) -> JSONResponse:
            while not self._may_end.is_set():
                await asyncio.sleep(0.02)
            return JSONResponse({"paid": True})

        viewer = self.log.viewer(authorize=lambda _: OWNER)
        routes = [Route("/pay", slow, methods=["POST"]), Mount("/logs", viewer)]
        return self.log.asgi(Starlette(routes=routes), exclude=["/logs*"])

    @contextmanager
    def call(self) -> Iterator[threading.Event]:
        """Begin a call; setting what is yielded lets it end."""
        self._may_end.clear()
        thread = threading.Thread(target=lambda: httpx.post(f"{self.address}/pay", json={"amount": 5}, timeout=60))
        thread.start()
        try:
            yield self._may_end
        finally:
            self._may_end.set()
            thread.join()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    with closing(shop.log), serving(shop.app) as address:  # type: ignore[arg-type]
        shop.address = address
        yield shop


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    with closing(browser.new_context(viewport={"width": 1440, "height": 900})) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{shop.address}/logs/")
        expect(page.locator("#live[aria-pressed=true]")).to_be_visible()
        yield page
        assert complaints == []


def test_a_slow_call_is_shown_and_becomes_what_it_was(shop: Shop, page: Page) -> None:
    """It appears on top while it runs, grows older, and turns into the finished one, all without a reload."""
    page.evaluate("window.notReloaded = true")
    with shop.call() as may_end:
        row = page.locator("#in-flight .row")
        expect(row).to_have_count(1)
        expect(row.locator(".span")).to_have_text("open")
        expect(row.locator(".method")).to_have_text("POST")
        expect(row.locator("time.age")).to_have_text("3 s", timeout=10_000)
        expect(row.locator("time.age")).to_have_text("4 s")
        id = row.get_attribute("data-id")
        may_end.set()
        expect(page.locator(f'#rows .row[data-id="{id}"] .code')).to_have_text("200")
    expect(page.locator("#in-flight .row")).to_have_count(0)
    expect(page.locator("#rows .row")).to_have_count(1)
    assert page.evaluate("window.notReloaded")


def test_a_pane_on_a_slow_call_shows_its_end(shop: Shop, page: Page) -> None:
    """While the call runs the pane says so in words; when it has ended, the pane shows what it was."""
    page.evaluate("window.notReloaded = true")
    with shop.call() as may_end:
        page.locator("#in-flight .row-link").click()
        expect(page.locator("#pane .headline")).to_have_text("Still open: it has begun and not ended.")
        page.locator('#pane [data-tab="response"]').click()
        expect(page.locator("#pane [data-part=response]")).to_contain_text("are shown when the call has ended")
        may_end.set()
        expect(page.locator("#pane .pane-status")).to_contain_text("200 OK")
    expect(page.locator("#pane [data-part=response] .body").first).to_contain_text("paid")
    assert page.evaluate("window.notReloaded")


def test_an_abandoned_call_is_explained(shop: Shop, page: Page) -> None:
    """Where the process is taken for gone, list and pane say so in words, once."""
    with shop.call():
        expect(page.locator("#in-flight .row")).to_have_count(1)
        page.locator("#in-flight .row-link").click()
        expect(page.locator("#pane .headline")).to_contain_text("Still open")
        shop.log.store.close_abandoned(shop.log.store.owners())
        expect(page.locator("#pane .headline")).to_contain_text("Abandoned: the process went away")
        expect(page.locator("#pane .reason")).to_have_count(0)
        page.locator('#pane [data-tab="response"]').click()
        expect(page.locator("#pane [data-part=response]")).to_contain_text("the end of this one was not seen")
        expect(page.locator("#in-flight .row")).to_have_count(0)
