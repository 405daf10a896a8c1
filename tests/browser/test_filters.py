"""Finding entries in a real browser: filters, search, pages, ranges of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Log, Open
from tests.browser.test_reading import filled
from tests.viewer.server import new_entry

pytestmark = pytest.mark.browser


def test_filters_narrow_the_list_without_loading_the_page(log: Log, open_page: Open) -> None:
    filled(log)
    page = open_page()
    page.evaluate("window.same = true")
    page.locator('[data-key="outcome:error"]').click()
    expect(page.locator("#rows .row")).to_have_count(20)
    expect(page.locator("#q")).to_have_value("outcome:error")
    page.locator('[data-key="status_code:404"]').click()
    expect(page.locator("#rows .row")).to_have_count(10)
    expect(page.locator(".filter-count")).to_contain_text("2 filters")
    page.go_back()
    expect(page.locator("#rows .row")).to_have_count(20)
    page.locator(".filter-count a", has_text="clear").click()
    expect(page.locator("#rows .row")).to_have_count(30)
    assert page.evaluate("window.same")


def test_values_are_left_out_and_let_in_again(log: Log, open_page: Open) -> None:
    filled(log)
    page = open_page()
    page.locator("#filters .count").first.wait_for()
    page.locator(".facet-row", has=page.locator('[data-key="outcome:error"]')).hover()
    page.locator(".facet-row", has=page.locator('[data-key="outcome:error"]')).locator(".facet-not").click()
    expect(page.locator("#rows .row")).to_have_count(10)
    expect(page.locator("#q")).to_have_value("-outcome:error")


def test_searches_and_says_what_is_wrong_with_a_search(log: Log, open_page: Open) -> None:
    filled(log)
    page = open_page(quiet=False)
    page.keyboard.press("/")
    page.keyboard.type("status:5xx -route:/r1")
    page.keyboard.press("Enter")
    expect(page.locator("#rows .row")).to_have_count(5)
    page.keyboard.press("Control+a")
    page.keyboard.type("status:teapot")
    page.keyboard.press("Enter")
    expect(page.locator("#list")).to_contain_text("takes a code such as 404")
    expect(page.locator("#q")).to_have_value("status:teapot")


def test_older_entries_are_a_page_away(log: Log, open_page: Open) -> None:
    entries = filled(log, 150)
    page = open_page()
    expect(page.locator("#rows .row")).to_have_count(100)
    page.locator("#older").click()
    expect(page.locator("#rows .row")).to_have_count(50)
    expect(page.locator("#rows .row").first).to_have_attribute("data-id", entries[100].id)
    expect(page.locator("#live")).to_be_hidden()
    page.locator("text=Newest").click()
    expect(page.locator("#rows .row")).to_have_count(100)


def test_ranges_are_chosen_typed_and_moved(log: Log, open_page: Open) -> None:
    now = datetime.now(UTC)
    log.store.write([new_entry(started_at=now - timedelta(hours=h)) for h in (0, 3, 30, 100)])
    page = open_page(timezone_id="America/New_York")
    expect(page.locator("#rows .row")).to_have_count(2)
    page.locator("#range summary").click()
    page.locator("#range").get_by_text("Last 7 days").click()
    expect(page.locator("#rows .row")).to_have_count(4)
    page.goto(log.address)
    page.keyboard.press("[")
    expect(page.locator("#rows .row")).to_have_count(1)
    page.keyboard.press("]")
    expect(page.locator("#rows .row")).to_have_count(2)
    page.locator("#range summary").click()
    expect(page.locator(".zone")).to_have_text("Times are America/New_York.")
    page.locator(".custom-range input[name=since]").fill(
        page.evaluate(LOCAL, (now - timedelta(hours=31)).timestamp() * 1000)
    )
    page.locator(".custom-range input[name=till]").fill(
        page.evaluate(LOCAL, (now - timedelta(hours=2)).timestamp() * 1000)
    )
    page.locator(".custom-range button").click()
    expect(page.locator("#rows .row")).to_have_count(2)


LOCAL = "ms => new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, 19)"


def test_dragging_over_the_timeline_zooms_in(log: Log, open_page: Open) -> None:
    now = datetime.now(UTC)
    log.store.write([new_entry(started_at=now - timedelta(hours=h)) for h in (1, 2, 20, 22)])
    page = open_page()
    box = page.locator(".bars").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.02, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 20, steps=5)
    page.mouse.up()
    expect(page.locator("#rows .row")).to_have_count(2)
    assert "since=" in page.url
    assert "till=" in page.url
