"""The tree of a call in a real browser: attempts, what it was made in and what was made in it, by mouse and by keys."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from integration_logger.testing import recording
from tests.browser.conftest import Log, Open
from tests.browser.test_reading import PHONE
from tests.test_correlation import WAYS
from tests.viewer.server import OWNER, new_entry, serving
from tests.viewer.test_pages import HOSTILE
from tests.viewer.test_related import Family, made

pytestmark = pytest.mark.browser


def steps(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(".tree-link", "links => links.map(link => link.dataset.id)")
    return found


def test_the_family_is_shown_as_a_waterfall(log: Log, open_page: Open) -> None:
    """Every member leads to the others, each bar lies where its call lies in time, and the pane keeps its tab."""
    family = Family()
    log.store.write(family.entries)
    page = open_page(f"?entry={family.inbound.id}")
    page.locator("#pane .tabs a", has_text="Tree").click()
    assert steps(page) == [entry.id for entry in family.entries]
    boxes = [bar.bounding_box() for bar in page.locator(".waterfall rect").all()]
    left = [box["x"] for box in boxes if box]
    began = sorted(range(len(left)), key=lambda place: family.entries[place].started_at)
    assert sorted(left) == [left[place] for place in began]
    assert all(box and box["width"] >= 1 for box in boxes)
    page.evaluate("window.same = true")
    page.locator(".tree-link").nth(3).click()
    expect(page.locator(f'#pane[data-id="{family.third.id}"] .tree-link[aria-current]')).to_be_focused()
    assert page.evaluate("window.same")
    assert f"entry={family.third.id}&tab=tree" in page.url
    assert steps(page) == [entry.id for entry in family.entries]
    page.reload()
    expect(page.locator(".tree-link[aria-current]")).to_have_attribute("data-id", family.third.id)


def test_the_tree_is_walked_with_keys(log: Log, open_page: Open) -> None:
    """Tab and Enter lead through the tree."""
    family = Family()
    log.store.write(family.entries)
    page = open_page(f"?entry={family.inbound.id}")
    page.keyboard.press("4")
    expect(page.locator(".tree")).to_be_visible()
    page.locator(".tree-link[aria-current]").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(f'#pane[data-id="{family.first.id}"] .tree-link[aria-current]')).to_be_focused()


@pytest.mark.parametrize("options", [PHONE, {"java_script_enabled": False}], ids=["phone", "without scripts"])
def test_the_tree_on_other_browsers(log: Log, open_page: Open, options: dict[str, Any]) -> None:
    """It is read, and left for another entry, on a phone and without scripts; nothing is wider than the screen."""
    family = Family()
    log.store.write(family.entries)
    page = open_page(f"?entry={family.inbound.id}&tab=tree", **options)
    expect(page.locator(".tree-link")).to_have_count(len(family.entries))
    page.locator(".tree-link").nth(5).click()
    expect(page.locator(f'#pane[data-id="{family.unreachable.id}"]')).to_be_visible()
    page.goto(f"{log.address}entries/{family.inbound.id}?tab=tree")
    assert page.locator("body").evaluate("body => body.scrollWidth <= innerWidth") or options is not PHONE
    page.locator(".tree-link").nth(1).click()
    page.wait_for_url(f"**/entries/{family.first.id}?tab=tree")


def test_who_stands_alone_has_no_tree(log: Log, open_page: Open) -> None:
    """Without kin there is no such tab, and an address that asks for it shows the overview."""
    entry = new_entry()
    log.store.write([entry])
    page = open_page(f"?entry={entry.id}&tab=tree")
    expect(page.locator("#pane [data-part=overview]")).to_be_visible()
    expect(page.locator("#pane .tabs a", has_text="Tree")).to_have_count(0)


def test_hostile_kin_is_shown_as_text(log: Log, open_page: Open) -> None:
    """What was captured is text in the tree, too."""
    parent = made(url=None, operation=HOSTILE[0])
    entries = [
        parent,
        *(made(parent, url=text, method=text[:20], error_type=text, status_code=None) for text in HOSTILE),
    ]
    log.store.write(entries)
    page = open_page(f"?entry={parent.id}&tab=tree")
    expect(page.locator(".tree-link")).to_have_count(len(entries))
    expect(page.locator(".tree")).to_contain_text(HOSTILE[0])


@pytest.mark.parametrize("way", WAYS)
def test_a_call_and_what_it_causes_is_one_tree(browser: Browser, way: str) -> None:
    """Inbound, and two outbound by tasks, threads or a pool in a mounted app: a retried one, and one unreachable."""
    with recording() as log:

        async def endpoint(request: Request) -> Response:
            await WAYS[way](log)
            return PlainTextResponse("done")

        mounted = Starlette(routes=[Route("/order", endpoint)])
        logs = log.viewer(authorize=lambda request: OWNER)
        host = log.asgi(Starlette(routes=[Mount("/shop", mounted), Mount("/logs", logs)]))
        with serving(host) as address:
            assert httpx.get(f"{address}/shop/order").text == "done"
            inbound = next(entry for entry in log.entries if entry.kind == "inbound")
            page = browser.new_page()
            page.goto(f"{address}/logs/?entry={inbound.id}&tab=tree")
            expect(page.locator(".tree-link")).to_have_count(5)
            notes = page.locator(".tree-note").all_inner_texts()
            page.close()
    attempts = [f"attempt {number}" for number in (1, 2, 3)]
    assert [note for note in notes if note in attempts] == attempts
    assert len(notes) == 4
