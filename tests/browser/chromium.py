"""Finds the Chromium of this machine and drives it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def executable() -> str:
    """Return the path of Chromium, ``CHROMIUM`` or one on the PATH; without one the test is skipped, in CI it fails."""
    wanted = os.environ.get("CHROMIUM")
    found = shutil.which(wanted) if wanted else next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found:
        return found
    missing = "no Chromium: install it, or set CHROMIUM to its path"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def launched() -> Iterator[Browser]:
    """Start Chromium, and end it with all of its windows."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        try:
            yield browser
        finally:
            browser.close()
