"""Finding and reading an entry in a real browser: mouse, keys, phone, without scripts, and with hostile data."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from integration_logger.entry import Entry, Message
from tests.browser.conftest import Log, Open
from tests.deadlines import eventually
from tests.viewer.server import new_entry
from tests.viewer.test_pages import HOSTILE

pytestmark = pytest.mark.browser

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def filled(log: Log, count: int = 30) -> list[Entry]:
    """Store failures and successes in turn, the newest first in the answer."""
    codes = (200, 500, 404)
    entries = [new_entry(status_code=codes[n % 3], method="POST", route=f"/r{n % 2}") for n in range(count)]
    log.store.write(entries)
    return entries[::-1]


def chosen(page: Page) -> str | None:
    found: str | None = page.locator("#pane").get_attribute("data-id")
    return found


# --- pane ---------------------------------------------------------------------------------------------


def test_choosing_an_entry_shows_it_without_loading_the_page(log: Log, open_page: Open) -> None:
    entries = filled(log)
    page = open_page()
    page.evaluate("window.same = true")
    page.locator("#rows .row-link").nth(3).click()
    expect(page.locator("#pane .headline")).to_be_visible()
    assert chosen(page) == entries[3].id
    page.locator("#pane .tabs a", has_text="Response").click()
    page.locator("#rows .row-link").nth(5).click()
    expect(page.locator(f'#pane[data-id="{entries[5].id}"] [data-part=response]')).to_be_visible()
    assert page.evaluate("window.same")
    assert f"entry={entries[5].id}&tab=response" in page.url
    page.reload()
    expect(page.locator("#pane [data-part=response]")).to_be_visible()
    page.locator("#pane [data-close]").last.click()
    expect(page.locator("#pane")).to_have_count(0)
    assert "entry=" not in page.url


def test_choosing_never_moves_the_list(log: Log, open_page: Open) -> None:
    filled(log, 90)
    page = open_page()
    page.locator("#list").evaluate("list => list.scrollTop = 333")
    page.locator("#rows .row-link").nth(20).click()
    expect(page.locator("#pane")).to_be_visible()
    page.locator("#rows .row-link").nth(24).click()
    page.wait_for_timeout(200)
    assert page.locator("#list").evaluate("list => list.scrollTop") == 333


def test_times_are_local_with_zone_and_utc_on_hover(log: Log, open_page: Open) -> None:
    entry = new_entry(started_at=datetime(2026, 11, 20, 23, 30, 5, 123456, UTC))
    log.store.write([entry])
    page = open_page(f"?range=all&entry={entry.id}", timezone_id="Asia/Tokyo", locale="en-GB")
    moment = page.locator("#pane time.moment").first
    expect(moment).to_have_text(re.compile(r"21 Nov 2026.*08:30:05\.123.*(GMT\+9|JST)"))
    expect(moment).to_have_attribute("title", "2026-11-20T23:30:05.123456Z")


def test_copies_the_curl_command(log: Log, open_page: Open) -> None:
    entry = new_entry(request=Message(body=b"it's $(here)", content_type="text/plain", size=12))
    log.store.write([entry])
    page = open_page(f"?entry={entry.id}&tab=request", permissions=["clipboard-read", "clipboard-write"])
    page.keyboard.press("c")
    expect(page.locator("[data-copy=curl]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("--data-raw 'it'\\''s $(here)'")


def test_copies_without_a_clipboard_too(log: Log, open_page: Open) -> None:
    entry = new_entry()
    log.store.write([entry])
    page = open_page(f"?entry={entry.id}&tab=request")
    page.evaluate("""() => {
        Object.defineProperty(navigator, 'clipboard', { value: undefined });
        document.addEventListener('copy', () => { window.copied = String(document.getSelection()); });
    }""")
    page.locator("[data-copy=curl]").click()
    expect(page.locator("[data-copy=curl]")).to_have_text("Copied")


def test_bodies_are_shown_pretty_or_raw(log: Log, open_page: Open) -> None:
    entry = new_entry(request=Message(body=b'{"a":[1,2]}', content_type="application/json", size=11))
    log.store.write([entry])
    page = open_page(f"?entry={entry.id}&tab=request")
    half = page.locator("[data-part=request]")
    expect(half.locator(".pretty")).to_be_visible()
    expect(half.locator(".raw")).to_be_hidden()
    half.get_by_text("Raw", exact=True).click()
    expect(half.locator(".raw")).to_have_text('{"a":[1,2]}')
    expect(half.locator(".pretty")).to_be_hidden()


# --- keys ---------------------------------------------------------------------------------------------


def test_everything_is_done_with_keys(log: Log, open_page: Open) -> None:
    entries = filled(log)
    page = open_page()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(f'#pane[data-id="{entries[1].id}"]')).to_be_visible()
    page.keyboard.press("3")
    expect(page.locator("[data-part=response]")).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator(f'#pane[data-id="{entries[2].id}"] [data-part=response]')).to_be_visible()
    page.keyboard.press("k")
    expect(page.locator(f'#pane[data-id="{entries[1].id}"]')).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#pane")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("jkl")
    expect(page.locator("#q")).to_have_value("jkl")


def test_the_theme_is_switched_and_kept(log: Log, open_page: Open) -> None:
    page = open_page(color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator("#theme").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    page.locator("#density").click()
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--row')") == "24px"


# --- phone, no scripts --------------------------------------------------------------------------------


def test_on_a_phone_the_pane_is_a_page_of_its_own(log: Log, open_page: Open) -> None:
    filled(log)
    page = open_page(**PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator("#rows .row-link").nth(1).tap()
    pane = page.locator("#pane")
    expect(pane).to_be_visible()
    page.wait_for_timeout(200)
    assert pane.bounding_box() == {"x": 0, "y": 0, "width": 360, "height": 740}
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator("#pane .narrow-only[data-close]").tap()
    expect(pane).to_have_count(0)


def test_on_a_phone_every_page_is_one_tap_away(log: Log, open_page: Open) -> None:
    page = open_page(**PHONE)
    for link in page.locator(".pages a").all():
        expect(link).to_be_in_viewport(ratio=1)
    page.get_by_role("link", name="Health").tap()
    expect(page.locator(".pages [aria-current]")).to_have_text("Health")


def test_on_a_phone_the_filters_are_a_sheet(log: Log, open_page: Open) -> None:
    filled(log)
    page = open_page(**PHONE)
    expect(page.locator("#filters")).to_be_hidden()
    page.locator(".filters-open").tap()
    page.locator('[data-key="outcome:error"]').tap()
    expect(page.locator("#rows .row")).to_have_count(20)
    expect(page.locator(".filters-open")).to_contain_text("1")


def test_on_a_phone_the_sheet_stays_open_when_its_counts_arrive(log: Log, open_page: Open) -> None:
    """Who is quick opens it before they do."""
    filled(log)
    page = open_page(**PHONE)
    held: list[Route] = []
    page.route("**/*part=around*", lambda route: held.append(route))
    page.reload()
    page.locator(".filters-open").tap()
    expect(page.locator("#filters")).to_be_visible()
    eventually(lambda: page.wait_for_timeout(20) or held)
    with page.expect_event("requestfinished", lambda request: "part=around" in request.url):
        held[0].continue_()
    expect(page.locator('[data-key="outcome:error"]')).to_be_visible()


def test_reads_filters_and_pages_without_scripts(log: Log, open_page: Open) -> None:
    entries = filled(log, 150)
    page = open_page(java_script_enabled=False)
    expect(page.locator("#rows .row")).to_have_count(100)
    expect(page.locator("#live")).to_be_hidden()
    page.locator("#older").click()
    expect(page.locator("#rows .row")).to_have_count(50)
    page.locator("#rows .row-link").first.click()
    expect(page.locator("#pane")).to_be_visible()
    assert chosen(page) == entries[100].id
    page.locator("#pane .tabs a", has_text="Request").click()
    expect(page.locator("[data-part=request]")).to_be_visible()
    page.locator("[data-part=request]").get_by_text("Raw", exact=True).click()
    expect(page.locator("[data-part=request] .raw")).to_be_visible()
    page.locator("#pane [data-close]").last.click()
    page.locator('[data-key="outcome:error"]').click()
    expect(page.locator("#rows .row")).to_have_count(100)
    expect(page.locator("#q")).to_have_value("outcome:error")
    page.locator("#q").fill("status:404")
    page.locator("#q").press("Enter")
    expect(page.locator("#rows .row")).to_have_count(50)


# --- hostile data -------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, PHONE, {"color_scheme": "dark"}], ids=["wide", "phone", "dark"])
def test_hostile_data_is_text_and_nothing_else(log: Log, open_page: Open, options: dict[str, Any]) -> None:
    entries = [hostile(value) for value in HOSTILE]
    log.store.write(entries[:-2])
    page = open_page(**options)
    log.store.write(entries[-2:])
    expect(page.locator("#rows .row")).to_have_count(len(entries))
    for entry in entries:
        page.goto(f"{log.address}?entry={entry.id}&tab=request")
        page.locator("#pane .tabs a").nth(2).click()
        page.goto(f"{log.address}entries/{entry.id}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("img, iframe, object, embed, style, script:not([src])").count() == 0
        assert page.title().endswith("Integration log")


def hostile(value: str) -> Entry:
    message = Message(
        raw_headers=[(value.encode(), value.encode())], body=f'{{"a": "{value}"}}'.encode(), content_type=value, size=1
    )
    return new_entry(
        method=value, url=value, host=value, route=value, integration=value, operation=value, tenant=value,
        errors=(value,), traceback=value, labels={value: value, "source_url": value, "source_name": value},
        variables={value: value}, request=message, response=message, status_code=500,
    )  # fmt: skip


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgba(color).slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgba(color)[3] === 255) return color;
    }
    return 'white';
  };
  const found = {};
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || !element.checkVisibility({ opacityProperty: true }) || element.closest('.sr, .skip')) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found[`${element.className || element.tagName} ${element.textContent.slice(0, 20)}`] = ratio;
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(log: Log, open_page: Open, scheme: str) -> None:
    entries = filled(log)
    page = open_page(color_scheme=scheme)
    page.locator("#filters .count").first.wait_for()
    for n, tab in ((0, 0), (1, 1), (2, 2)):
        page.locator("#rows .row-link").nth(n).click()
        expect(page.locator(f'#pane[data-id="{entries[n].id}"]')).to_be_visible()
        page.locator("#pane .tabs a").nth(tab).click()
        assert page.evaluate(CONTRAST) == {}
