"""The log browser in a Flask host, in a real browser: list, pane, live."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
from flask import Flask
from playwright.sync_api import expect
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from integration_logger.viewer import Viewer, WSGIViewer
from tests.browser.conftest import Log, Open
from tests.deadlines import eventually
from tests.viewer.server import new_entry

pytestmark = pytest.mark.browser


@pytest.fixture(params=["/logs", "/a/b/logs"])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """A log that Flask shows, at one of two places."""
    log = Log()
    app = Flask("shop")
    logs = WSGIViewer(Viewer(log.store, authorize=log.authorize))
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {request.param: logs})  # type: ignore[method-assign]
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    log.address = f"http://127.0.0.1:{server.server_port}{request.param}/"
    yield log
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_list_pane_and_live(log: Log, open_page: Open) -> None:
    """The list is shown, an entry opens in the pane without loading the page, and new ones come by themselves."""
    first = new_entry()
    log.store.write([first])
    page = open_page()
    page.evaluate("window.same = true")
    page.locator("#rows .row-link").click()
    expect(page.locator(f'#pane[data-id="{first.id}"] .headline')).to_be_visible()
    page.locator("#pane .tabs a", has_text="Request").click()
    expect(page.locator("#pane [data-part=request]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#pane")).to_have_count(0)
    page.locator("#q").focus()  # a list that somebody is about to use stands still
    page.mouse.move(5, 5)
    second = new_entry()
    log.store.write([second])
    expect(page.locator(f'#rows .row[data-id="{second.id}"]')).to_be_visible()
    expect(page.locator("#live[aria-pressed=true]")).to_be_visible()
    assert page.evaluate("window.same")


def test_the_page_asks_no_oftener_than_once_a_second(log: Log, open_page: Open) -> None:
    """Between two questions of one page lies the second that the server has asked for."""
    page = open_page()
    expect(page.locator("#live[aria-pressed=true]")).to_be_visible()
    begun = """() => performance.getEntriesByType("resource")
        .filter(entry => entry.name.includes("api/stream")).map(entry => entry.startTime)"""
    eventually(lambda: len(page.evaluate(begun)) >= 4)
    times: list[float] = page.evaluate(begun)
    assert all(later - earlier >= 950 for earlier, later in pairwise(times))
