"""The live list in a real browser."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integration_logger.entry import InFlight, Run
from integration_logger.ids import new_id
from integration_logger.query import EVERYTHING, Query
from tests.browser.conftest import Log, Open
from tests.viewer.server import new_entry

pytestmark = pytest.mark.browser


BEATING = """() => {
  window.longest = 0;
  let last = performance.now();
  const beat = () => {
    const now = performance.now();
    window.longest = Math.max(window.longest, now - last);
    last = now;
    setTimeout(beat, 10);
  };
  beat();
}"""
"""Measures for how long the page does nothing else."""


def rows(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all("#rows .row", "rows => rows.map(row => row.dataset.id)")
    return found


def live(page: Page) -> Page:
    expect(page.locator("#live[aria-pressed=true]")).to_be_visible()
    return page


@pytest.mark.alone
def test_a_new_entry_appears_by_itself(log: Log, open_page: Open) -> None:
    page = live(open_page())
    expect(page.locator("#empty")).to_be_visible()
    began = time.monotonic()
    log.store.write([new_entry()])
    expect(page.locator("#rows .row")).to_have_count(1)
    assert time.monotonic() - began < 1
    expect(page.locator("#empty")).to_have_count(0)


def test_what_comes_live_looks_like_what_the_server_writes(log: Log, open_page: Open) -> None:
    page = live(open_page())
    old = datetime.now(UTC) - timedelta(hours=2)
    log.store.write([new_entry(started_at=old, **fields) for fields in VARIETY])
    expect(page.locator("#rows .row")).to_have_count(len(VARIETY))
    came_live = page.locator("#rows .row").evaluate_all("rows => rows.map(row => row.outerHTML)")
    page.reload()
    written = page.locator("#rows .row").evaluate_all("rows => rows.map(row => row.outerHTML)")
    for one, other in zip(came_live, written, strict=True):
        assert one == other


VARIETY: list[dict[str, Any]] = [
    {"status_code": 200, "url": "https://shop.example/api/orders/1234567890/lines?expand=all", "duration": 0.412},
    {"status_code": 302, "kind": "outbound", "url": "https://u:p@api.example:8443", "duration": 0.0004},
    {"status_code": 404, "kind": "outbound", "url": "https://api.example/?a=b#c", "duration": 1.239},
    {"status_code": 503, "method": "PROPFIND", "duration": 125.4, "integration": None},
    {"status_code": None, "error_type": "dns", "kind": "outbound", "duration": 7300.0},
    {"status_code": 200, "has_errors": True, "errors": ("a",), "duration": None},
    {"status_code": None, "kind": "script", "url": None, "method": None, "operation": "price rule"},
    {"status_code": None, "kind": "run", "status": "completed", "has_errors": False, "url": None, "operation": None,
     "run": Run(job_name="Blog \u202e\n"), "method": None},
    {"status_code": 799, "url": "javascript:alert(1)", "method": "<b>"},
    {"status_code": 200, "url": "https://shop.example/\x1b[31m<i>\ttab", "integration": "a&b"},
]  # fmt: skip


def test_nothing_is_missed_and_nothing_comes_twice(log: Log, open_page: Open) -> None:
    page = live(open_page())
    expected = []
    for _ in range(40):
        batch = [new_entry() for _ in range(6)]
        expected += [entry.id for entry in batch]
        log.store.write(batch)
        time.sleep(0.02)
    expect(page.locator("#rows .row")).to_have_count(240)
    assert rows(page) == expected[::-1]


def test_the_list_stands_still_while_somebody_reads(log: Log, open_page: Open) -> None:
    log.store.write([new_entry() for _ in range(80)])
    page = live(open_page())
    page.locator("#list").evaluate("list => list.scrollTop = 500")
    before = rows(page)
    log.store.write([new_entry() for _ in range(3)])
    expect(page.locator("#news")).to_have_text("3 new · paused")
    assert rows(page) == before
    assert page.locator("#list").evaluate("list => list.scrollTop") == 500
    page.locator("#news").click()
    expect(page.locator("#rows .row")).to_have_count(83)
    expect(page.locator("#news")).to_be_hidden()
    assert page.locator("#list").evaluate("list => list.scrollTop") == 0


def test_the_list_stands_still_while_an_entry_is_chosen(log: Log, open_page: Open) -> None:
    log.store.write([new_entry() for _ in range(5)])
    page = live(open_page())
    page.locator("#rows .row-link").nth(2).click()
    expect(page.locator("#pane")).to_be_visible()
    log.store.write([new_entry()])
    expect(page.locator("#news")).to_have_text("1 new · paused")
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    expect(page.locator("#rows .row")).to_have_count(6)


def test_live_is_switched_off_and_on(log: Log, open_page: Open) -> None:
    page = live(open_page())
    page.keyboard.press("l")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "false")
    log.store.write([new_entry()])
    page.wait_for_timeout(600)
    assert rows(page) == []
    page.keyboard.press("l")
    expect(page.locator("#rows .row")).to_have_count(1)
    live(page)


def test_after_a_loss_of_the_network_it_catches_up(log: Log, open_page: Open) -> None:
    page = live(open_page(quiet=False))
    first, second = ([new_entry() for _ in range(5)] for _ in range(2))
    log.store.write(first)
    expect(page.locator("#rows .row")).to_have_count(5)
    page.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    log.store.write(second)
    page.wait_for_timeout(2500)
    page.context.set_offline(False)
    expect(page.locator("#rows .row")).to_have_count(10, timeout=15_000)
    assert rows(page) == [entry.id for entry in (first + second)[::-1]]


def test_it_goes_on_over_the_end_of_a_stream(log: Log, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration_logger.viewer.tail.LIFETIME", 0.5)
    page = live(open_page())
    expected = []
    for _ in range(20):
        entry = new_entry()
        expected.append(entry.id)
        log.store.write([entry])
        time.sleep(0.1)
    expect(page.locator("#rows .row")).to_have_count(20)
    assert rows(page) == expected[::-1]


def test_it_stops_and_says_so_when_the_session_has_ended(
    log: Log, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_logger.viewer.tail.LIFETIME", 0.5)
    page = live(open_page(quiet=False))
    log.principal = None
    expect(page.locator("#live")).to_have_text("Stopped")
    assert "not signed in" in (page.locator("#live").get_attribute("title") or "")


def test_open_calls_come_and_go(log: Log, open_page: Open) -> None:
    page = live(open_page())
    call = new_entry(status="processing", status_code=None, duration=None, response=None)
    log.store.write([], in_flight=[InFlight(owner=new_id(), entry=call)])
    expect(page.locator("#in-flight .row")).to_have_count(1)
    expect(page.locator("#in-flight .span")).to_have_text("open")
    log.store.write([new_entry(id=call.id)])
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator("#in-flight .row")).to_have_count(0)


def test_only_what_the_filters_admit_comes(log: Log, open_page: Open) -> None:
    page = live(open_page("?outcome=error"))
    log.store.write([new_entry(status_code=200), new_entry(status_code=500), new_entry(status_code=200)])
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator("#rows .code")).to_have_text("500")


@pytest.mark.alone
def test_a_flood_leaves_the_page_small_and_quick(log: Log, open_page: Open) -> None:
    page = live(open_page())
    page.evaluate(BEATING)
    last: list[str] = []

    def flood() -> None:
        for _ in range(80):
            batch = [new_entry() for _ in range(25)]
            log.store.write(batch)
            last[:] = [batch[-1].id]
            time.sleep(0.05)

    thread = threading.Thread(target=flood)
    thread.start()
    most = 0
    while thread.is_alive():
        most = max(most, page.locator("#rows .row").count())
        page.wait_for_timeout(200)
    thread.join()
    expect(page.locator(f'#rows .row:first-child[data-id="{last[0]}"]')).to_be_visible()
    assert most <= 300
    assert page.evaluate("window.longest") < 1000
    shown = rows(page)
    page.locator("#older").click()
    expect(page.locator("#rows .row").first).not_to_have_attribute("data-id", shown[0])
    everything = [entry.id for entry in log.store.stream(Query(scope=EVERYTHING))]
    assert shown + rows(page) == everything[: len(shown) + 100]


def test_five_pages_of_one_browser_all_live(log: Log, open_page: Open) -> None:
    first = live(open_page())
    pages = [first] + [first.context.new_page() for _ in range(4)]
    for page in pages[1:]:
        page.goto(log.address)
    for page in pages:
        live(page)
    log.store.write([new_entry()])
    for page in pages:
        expect(page.locator("#rows .row")).to_have_count(1)
    pages[0].locator("#rows .row-link").click()
    expect(pages[0].locator("#pane")).to_be_visible()
