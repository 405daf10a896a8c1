"""A HAR opens in the developer tools of Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from integration_logger.entry import Entry, Message
from integration_logger.exports import HAR, export
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.memory import MemoryStore
from tests.exports.test_har import HOSTILE_URLS
from tests.factories import make_entry

TOOLS = "devtools://devtools/bundled/models/har/har.js"
"""Where Chromium keeps what reads a HAR that is dropped on its panel Network."""
READ = f"""async text => {{
    const tools = await import("{TOOLS}");
    const requests = tools.Importer.Importer.requestsFromHARLog(new tools.HARFormat.HARRoot(JSON.parse(text)).log);
    return Promise.all(requests.map(async request => ({{
        url: request.url(), method: request.requestMethod, status: request.statusCode, took: request.duration,
        sent: await request.requestFormData(), headers: request.responseHeaders.length,
        content: await request.requestContentData().then(data => data.isTextContent ? data.text : data.base64),
    }})));
}}"""


def opened(browser: Browser, *entries: Entry) -> list[dict[str, Any]]:
    """Return what the developer tools show of an export."""
    store = MemoryStore()
    store.write(entries)
    data = b"".join(chunk.data for chunk in export(HAR(), store, Query(scope=EVERYTHING, order="asc")))
    page = browser.new_page()
    page.goto(TOOLS)
    shown: list[dict[str, Any]] = page.evaluate(READ, data.decode())
    page.close()
    return shown


@pytest.mark.browser
def test_the_developer_tools_show_what_was_logged(browser: Browser) -> None:
    """Address, method, status, time, headers and both bodies of each call."""
    response = Message(raw_headers=[(b"a", b"1"), (b"a", b"2")], body="né".encode(), content_type="text/plain", size=3)
    ok = make_entry(status_code=200, method="PUT", url="https://x.example/a?b=[REDACTED]", response=response)
    failed = make_entry(status_code=None, response=None)
    first, second = sorted(opened(browser, ok, failed), key=lambda call: -call["status"])
    assert (first["url"], first["method"], first["status"]) == (ok.url, "PUT", 200)
    assert first["took"] == pytest.approx(ok.duration, abs=0.001)
    assert (first["sent"], first["headers"], first["content"]) == (ok.request.body.decode(), 2, "né")  # type: ignore[union-attr]
    assert (second["status"], second["headers"]) == (0, 0)


@pytest.mark.browser
def test_no_call_keeps_the_developer_tools_from_opening_the_file(browser: Browser) -> None:
    """Whatever was called, all of them are there."""
    odd = [
        make_entry(status_code=None, response=None, request=None, duration=None, first_byte=None, http_version=None),
        make_entry(response=Message(body=bytes(range(256)), content_type="image/png"), method=None),
        make_entry(
            request=Message(omitted="binary", size=7), response=Message(body=b"{", truncated=True), duration=1e9
        ),
        *(make_entry(url=url) for url in HOSTILE_URLS),
    ]
    assert len(opened(browser, *odd)) == len(odd)
