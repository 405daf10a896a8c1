"""The page Health in a real browser."""

from __future__ import annotations

import pytest

from integration_logger.stores.reports import put_report
from tests.browser.conftest import Log, Open
from tests.reports import make_loss, make_report

pytestmark = pytest.mark.browser


@pytest.fixture
def losing(log: Log) -> Log:
    """A log that is losing entries, with everything that the page can show."""
    for report in (
        make_report("one", captured=812_345, captured_bytes=2 * 10**9, dropped={"spool full": 7},
                    losses=(make_loss(1, 7),), failed=1, rejected=1, labels_failed=1, discarded=9),
        make_report("two", pid=4712, durable=False, problems=("No space left on device " * 9,)),
        make_report("folder/shipping", shipped=812_000, backlog_bytes=10**7, backlog_seconds=754.0),
    ):  # fmt: skip
        put_report(log.store.state, report)
    return log


def test_from_the_list_to_what_is_wrong(losing: Log, open_page: Open) -> None:
    """The red line above the list leads to the page, and the page back to the list; no script complains."""
    page = open_page("")
    assert "7 entries were lost" in page.locator(".banner").inner_text()
    page.locator(".banner a").click()
    page.wait_for_url("**/health")
    assert page.locator("h1").inner_text() == "Entries are being lost"
    assert page.locator(".pages [aria-current]").inner_text() == "Health"
    page.get_by_role("link", name="Calls").click()
    page.wait_for_selector("#rows", state="attached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 360])
def test_nothing_is_cut_off(losing: Log, open_page: Open, width: int, scheme: str) -> None:
    """On no screen does the page scroll sideways: tables do so by themselves."""
    page = open_page("health", viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".health").evaluate("element => element.scrollWidth") <= width


def test_the_page_is_reached_on_a_phone(losing: Log, open_page: Open) -> None:
    """On a phone the list has a link to the page, and the page one to the list."""
    page = open_page("", viewport={"width": 360, "height": 740})
    page.get_by_role("link", name="Health", exact=True).click()
    page.wait_for_url("**/health")
    assert page.get_by_role("link", name="Calls").is_visible()


def test_it_needs_no_script(losing: Log, open_page: Open) -> None:
    """All of it is there without scripts."""
    page = open_page("health", java_script_enabled=False)
    assert "812,345" in page.locator(".figures").inner_text()
