"""The page Integrations in a real browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Log, Open
from tests.standings import call, count

pytestmark = pytest.mark.browser

REVOKED = "invalid_grant: Token has been revoked"
HOSTILE = "<script>alert(1)</script>\u202e" + "Acme " * 60


@pytest.fixture
def busy(log: Log) -> Log:
    """A log with integrations that are well, that fail, and with names that do harm if they are not taken as text."""
    entries = [
        call(200 if n % 9 else 500, ago=n * 700, integration=name, tenant=tenant, duration=0.05 * (1 + n % 7))
        for name, tenant, calls in (("stripe", "acme", 90), ("slack", "acme", 40), ("google-sheets", "globex", 120))
        for n in range(calls, 1, -1)
    ]
    entries += [
        call(
            401,
            ago=50 - n,
            integration="google-sheets",
            tenant="globex",
            errors=("invalid_grant: Token has been revoked",),
        )
        for n in range(5)
    ]
    entries += [call(ago=80_000, integration="twilio", tenant="acme"), call(ago=90_000 + 7200, integration="zendesk")]
    entries += [call(None, integration=HOSTILE[:180], tenant=HOSTILE, error_type="dns", errors=(HOSTILE * 3,))]
    count(log.store, entries)
    return log


def test_from_the_list_to_an_integration_and_its_calls(busy: Log, open_page: Open) -> None:
    """The link on top leads to the page, a name to its calls, and the last error to its entry."""
    page = open_page("")
    page.get_by_role("link", name="Integrations", exact=True).click()
    page.wait_for_url("**/integrations")
    assert page.locator("h1").inner_text() == "1 of 6 integrations fails"
    assert page.locator(".pages [aria-current]").inner_text() == "Integrations"
    first = page.locator("tbody tr").first
    assert "Google Sheets" in first.inner_text()
    assert REVOKED in first.inner_text()
    assert page.locator("svg.spark rect.bar-error").count() > 3
    first.locator(".standing-error a").click()
    page.wait_for_url("**/entries/*")
    page.go_back()
    page.get_by_role("link", name="Google Sheets").click()
    page.wait_for_selector("#rows .row")
    assert "integration=google-sheets" in page.url
    assert "tenant=globex" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 360])
def test_nothing_is_cut_off(busy: Log, open_page: Open, width: int, scheme: str) -> None:
    """On no screen does the page scroll sideways: the table does so by itself."""
    page = open_page("integrations", viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".standings").evaluate("element => element.scrollWidth") <= width


def test_an_empty_log_says_what_to_do(log: Log, open_page: Open) -> None:
    """Without a call there is the line of code that makes one known; without scripts, too."""
    page = open_page("integrations", java_script_enabled=False)
    assert "Integration(" in page.locator("pre").inner_text()
