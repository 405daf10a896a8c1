"""The page Erase in a real browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Log, Open
from tests.viewer.server import new_entry

pytestmark = pytest.mark.browser


def test_from_a_filter_to_nothing_left(log: Log, open_page: Open) -> None:
    """Filter, erase, type the number: the entries are gone, and no script complains."""
    log.store.write([new_entry(user_id="42"), new_entry(user_id="42"), kept := new_entry(user_id="7")])
    page = open_page("?user_id=42")
    page.get_by_role("link", name="erase", exact=True).click()
    page.wait_for_url("**/erase?q=user_id%3A42")
    page.locator("#confirm").fill("2")
    page.get_by_role("button", name="Erase 2 entries").click()
    page.locator("text=2 entries were erased").wait_for()
    assert [entry.id for entry in log.store._entries.values()] == [kept.id]


@pytest.mark.parametrize("width", [1440, 360])
def test_nothing_is_cut_off(log: Log, open_page: Open, width: int) -> None:
    """On no screen does the page scroll sideways."""
    log.store.write([new_entry(user_id="x" * 300)])
    page = open_page(f"erase?q=user_id:{'x' * 300}", viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
