"""What the benchmarks share: their options, rounds that alternate, medians, tables, and the machine."""

from __future__ import annotations

import gc
import os
import platform
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import NamedTuple

Measure = Callable[[], float]


class Options(NamedTuple):
    """How thorough a benchmark is."""

    quick: bool = False
    """A look whether it runs: few rounds, figures that mean little."""
    entries: int = 1_000_000
    """In the store whose lists are timed."""

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 15

    def scaled(self, count: int) -> int:
        """Return how often to do what a thorough run does so often."""
        return max(count // 50, 2) if self.quick else count


def alternate(variants: Mapping[str, Measure], rounds: int) -> dict[str, float]:
    """Measure the variants in turn, so that what the machine does meanwhile meets all; return their medians."""
    figures: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds):
        names = [*variants] if number % 2 == 0 else [*reversed(variants)]
        for name in names:
            gc.collect()
            figures[name].append(variants[name]())
    return {name: median(found) for name, found in figures.items()}


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]], *notes: str) -> None:
    """Print a table, as Markdown: figures to the right, words to the left."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[place]) for line in (head, *cells)) for place in range(len(head))]
    right = [place > 0 and all(_is_figure(row[place]) for row in cells) for place in range(len(head))]
    marks = ["-" * (width - 1) + ":" if r else "-" * width for width, r in zip(widths, right, strict=True)]
    print(f"\n### {title}\n")
    for line in (head, marks, *cells):
        padded = (
            cell.rjust(width) if r else cell.ljust(width) for cell, width, r in zip(line, widths, right, strict=True)
        )
        print(f"| {' | '.join(padded)} |")
    for note in notes:
        print(f"\n{note}")
    print(flush=True)


def _is_figure(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] in "+-<"


def number(value: float) -> str:
    """Return a figure with as many digits as it is worth."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def machine() -> str:
    """Return what the figures were measured on, in one line."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("starlette", "uvicorn", "msgspec", "SQLAlchemy"))
    loop = f"uvloop {version('uvloop')}" if find_spec("uvloop") else "asyncio"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, {_processor()}, {platform.system()} "
        f"{platform.release().partition('-')[0]}; {platform.python_implementation()} {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {packages}, {loop}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for files that a benchmark writes; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="integration-logger-bench-") as name:
        yield Path(name)


def pin(core: int) -> None:
    """Keep this process on one core, where there are several and the system has a way to say so."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})
