"""A log browser that is really served, and a Chromium that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal, Viewer
from tests.browser.chromium import launched
from tests.viewer.server import OWNER, serving

Open = Callable[..., Page]


class Log:
    """A served log browser with its store."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.principal: Principal | None = OWNER
        self.address = ""

    def authorize(self, _: Request) -> Principal | None:
        return self.principal


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    viewer = Viewer(log.store, authorize=log.authorize)
    with serving(Starlette(routes=[Mount("/logs", viewer)])) as address:
        log.address = f"{address}/logs/"
        yield log
        viewer.close()


@pytest.fixture
def open_page(browser: Browser, log: Log) -> Iterator[Open]:
    """Opens pages that fail their test if anything complains in the console."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(path: str = "", *, quiet: bool = True, **options: Any) -> Page:
        contexts.append(browser.new_context(**{"viewport": {"width": 1440, "height": 900}} | options))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        if quiet:
            page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.goto(log.address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
