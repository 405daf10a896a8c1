"""Taking the log away from a real browser: the menu, its files, and who has it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from integration_logger import ALL, Principal
from integration_logger.entry import Message
from integration_logger.exports import HAR, export_one
from tests.browser.conftest import Log, Open
from tests.browser.test_reading import filled
from tests.factories import make_in_flight
from tests.viewer.server import new_entry

pytestmark = pytest.mark.browser


def download(page: Page, name: str) -> tuple[str, str]:
    """Click what has this name in the menu; return the name of the file and what is in it."""
    if not page.locator("#export[open]").count():
        page.locator("#export summary").click()
    with page.expect_download() as started:
        page.locator("#export").get_by_text(name, exact=True).click()
    return started.value.suggested_filename, Path(started.value.path()).read_text()


def test_the_menu_exports_what_the_filters_find(log: Log, open_page: Open) -> None:
    """It says about how many that are, and each file has them; after the next filter, too."""
    entries = filled(log)
    page = open_page()
    page.locator("#export summary").click()
    expect(page.locator("#export-size")).to_have_text(f"About {len(entries)} entries")
    name, text = download(page, "NDJSON")
    assert name.endswith(".ndjson")
    assert [json.loads(line).get("id") for line in text.splitlines()] == [*(e.id for e in entries), None]
    page.locator('[data-key="outcome:error"]').click()
    page.locator("#export summary").click()
    expect(page.locator("#export-size")).to_have_text("About 20 entries")
    name, text = download(page, "HAR")
    assert (name.endswith(".har"), json.loads(text)["log"]["_entries"]) == (True, 20)


def test_open_calls_can_be_taken_away(log: Log, open_page: Open) -> None:
    """Where the filter asks for them, the file has what is on the screen."""
    begun = make_in_flight(started_at=datetime.now(UTC))
    log.store.write([], in_flight=[begun])
    page = open_page("?status=processing")
    page.locator("#export summary").click()
    expect(page.locator("#export-size")).to_have_text("What is open at that moment")
    _, text = download(page, "NDJSON")
    assert [json.loads(line).get("id") for line in text.splitlines()] == [begun.entry.id, None]


def test_columns_are_chosen(log: Log, open_page: Open) -> None:
    """By a preset; with the mark for Excel if that is ticked."""
    filled(log)
    page = open_page()
    page.locator("#export summary").click()
    page.locator("#export select").select_option("rook")
    page.locator("#export input[type=checkbox]").check()
    with page.expect_download() as started:
        page.locator("#export button").click()
    text = Path(started.value.path()).read_text()
    assert text.startswith("\ufeffDate,Time,Type,Pillar,User ID,Status,Source\n")
    assert len([*csv.reader(io.StringIO(text))]) == 31


def test_one_entry_is_exported_from_its_pane(log: Log, open_page: Open) -> None:
    """As HAR only where it is an HTTP call."""
    entry, run = new_entry(), new_entry(kind="run", url=None)
    log.store.write([entry, run])
    page = open_page(f"entries/{entry.id}")
    with page.expect_download() as started:
        page.locator(".pane-export").get_by_text("HAR").click()
    assert started.value.suggested_filename == f"{entry.id}.har"
    page.goto(f"{log.address}entries/{run.id}")
    expect(page.locator(".pane-export a")).to_have_text(["CSV", "NDJSON"])


def test_who_may_not_export_has_no_menu(log: Log, open_page: Open) -> None:
    """Neither above the list nor in the pane."""
    entry = filled(log)[0]
    log.principal = Principal("sue", role="supervisor", tenants=ALL)
    page = open_page(f"?entry={entry.id}")
    page.locator("#filters .count").first.wait_for()
    expect(page.locator("#export")).to_have_count(0)
    expect(page.locator(".pane-export")).to_have_count(0)


def test_the_menu_closes(log: Log, open_page: Open) -> None:
    """By Escape, and by a click elsewhere."""
    filled(log)
    page = open_page()
    for close in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.locator("#list").click(position={"x": 5, "y": 5}),
    ):
        page.locator("#export summary").click()
        expect(page.locator("#export")).to_have_attribute("open", "")
        close()
        expect(page.locator("#export")).not_to_have_attribute("open", "")


def test_a_browser_replays_a_har(browser: Browser, tmp_path: Path) -> None:
    """What was logged is answered again from the file, by a program that is not ours: it reads the HAR as one."""
    answer = Message(
        raw_headers=[(b"content-type", b"text/html; charset=utf-8")], body="<p>héllo</p>".encode(), size=13
    )
    entry = new_entry(
        method="GET", url="https://partner.example/page?x=[1]", status_code=200, request=Message(), response=answer
    )
    path = tmp_path / "log.har"
    path.write_bytes(export_one(HAR(), entry))
    with browser.new_context() as context:
        context.route_from_har(path)
        page = context.new_page()
        page.goto("https://partner.example/page?x=[1]")
        assert page.text_content("p") == "héllo"
