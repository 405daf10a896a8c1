"""The page Audit in a real browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Log, Open
from tests.viewer.server import new_entry

pytestmark = pytest.mark.browser

ACTS = (
    ("view", {"principal": "ana.lopez@example.com", "role": "owner", "scope_tenants": "ALL"}),
    ("download", {"principal": "bo", "role": "supervisor", "scope_tenants": ["acme", "a-long-tenant" * 7]}),
    ("exported", {"principal": "ana", "role": "owner", "entries": "12841", "complete": "true", "file": "x.csv"}),
    ("erase", {"principal": "ana", "role": "owner", "entries": "7", "chosen_by": ["user_id"]}),
    ("erase", {"entries": "2", "chosen_by": ["user_id"]}),
    ("view", {"principal": "<b>eve</b>\u202e", "role": "x" * 200, "scope_applications": ["sales-bot"]}),
)  # fmt: skip


@pytest.fixture
def audited(log: Log) -> Log:
    """A log in which readers have done things."""
    log.store.write([seen := new_entry(tenant="acme")])
    for number, (operation, labels) in enumerate(ACTS):
        done_to = {"entry": seen.id} if operation in ("view", "download") else {}
        url = f"http://localhost/logs/api/export.csv?status=failed&q={'x' * 300}" if operation == "exported" else None
        failed = {"status": "failed", "errors": ("away",)} if number == 3 else {"status": "completed"}
        log.store.write([
            new_entry(
                kind="audit", operation=operation, labels=labels | done_to, url=url, status_code=None,
                client_ip="203.0.113.9", request=None, response=None, **failed,
            )
        ])  # fmt: skip
    return log


def test_from_the_list_to_who_did_what(audited: Log, open_page: Open) -> None:
    """The page is reached from the list, finds by search, and leads to the entry that was looked at."""
    page = open_page("")
    page.get_by_role("link", name="Audit").click()
    page.wait_for_url("**/audit")
    assert page.locator("tbody tr").count() == len(ACTS)
    assert page.locator(".pages [aria-current]").inner_text() == "Audit"
    page.locator("#q").fill("operation:download")
    page.locator("#q").press("Enter")
    page.wait_for_url("**/audit?q=operation%3Adownload")
    assert page.locator("tbody tr").count() == 1
    page.locator(".audits-what a").click()
    page.wait_for_url("**/entries/*")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_nothing_is_cut_off(audited: Log, open_page: Open, width: int, scheme: str) -> None:
    """On no screen does the page scroll sideways: the table does so by itself."""
    page = open_page("audit", viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".audits").evaluate("element => element.scrollWidth") <= width
