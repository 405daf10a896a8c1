"""Reading the documentation: sections, tables, fenced blocks and links of Markdown pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) +(.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


class Block(NamedTuple):
    """A fenced block."""

    page: Path
    line: int
    language: str
    text: str


def name(page: Path) -> str:
    """Return a page's path within the project."""
    return str(page.relative_to(ROOT))


def read(path: str) -> str:
    """Return the text of a page, named from the top of the project."""
    return (ROOT / path).read_text()


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page in these languages."""
    text = page.read_text()
    for match in _FENCE.finditer(text):
        if match[1] in languages:
            yield Block(page, text.count("\n", 0, match.start(2)) + 1, match[1], match[2])


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text)


def section(path: str, heading: str) -> str:
    """Return what stands below a heading, up to the next of its level or above."""
    text = prose(read(path))
    found = re.search(rf"^(#+) +{re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"{path} has no heading {heading!r}"
    following = re.compile(rf"^#{{1,{len(found[1])}}} ", re.MULTILINE).search(text, found.end())
    return text[found.end() : following.start() if following else len(text)]


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a text: rows of cells, without the heads."""
    found: list[list[list[str]]] = []
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            assert re.fullmatch(r"-+", rows[1][0]), f"a table without a head: {rows[0]}"
            found.append(rows[2:])
            rows = []
    return found


def rows(path: str, heading: str, table: int = 0) -> list[list[str]]:
    """Return the rows of one table below a heading."""
    return tables(section(path, heading))[table]


def codes(cell: str) -> list[str]:
    """Return everything in a cell that is written as code."""
    return _CODE.findall(cell)


def listed(path: str, heading: str, table: int = 0) -> list[str]:
    """Return the names in the first column of a table."""
    return [code for row in rows(path, heading, table) for code in codes(row[0])]


def links(text: str) -> list[str]:
    """Return the targets of all links and images."""
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for _, heading in _HEADING.findall(prose(text))}
