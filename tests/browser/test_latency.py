"""How soon an entry is on an open page of a host that has much to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.benchmarks.live import LIMIT, RATE, measure, percentile

pytestmark = [pytest.mark.browser, pytest.mark.alone]


def test_an_entry_is_on_an_open_page_within_a_second_under_load(browser: Browser, tmp_path: Path) -> None:
    """At 500 calls a second with five tails open, 99 of 100 entries are on a page at most 1 s after their call."""
    found = measure(browser, tmp_path, probes=60)
    assert found.rate >= RATE * 0.95
    assert percentile(found.on_page, 99) < LIMIT
