"""Links lead somewhere, and pages are found from the map."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import pages


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_relative_links_resolve(page: Path) -> None:
    """A relative link names a file that exists, and an anchor a heading that it has."""
    for link in pages.links(page.read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.is_file(), link
        if anchor:
            assert anchor in pages.anchors(target.read_text()), link


def test_every_page_is_on_the_map() -> None:
    """The index leads to every page of the documentation."""
    index = pages.ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in pages.links(index.read_text())}
    assert linked | {index} >= {page for page in pages.PAGES if page.parent != pages.ROOT}


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_lines_are_not_long(page: Path) -> None:
    """Text is wrapped; tables, links, code and what the benchmarks wrote keep their lines."""
    written = re.compile(r"<!-- (\w+) -->.*?<!-- end of \1 -->", re.DOTALL)
    for line in pages.prose(written.sub("", page.read_text())).splitlines():
        assert len(line) <= 120 or line.startswith(("|", "[", "!")), line
