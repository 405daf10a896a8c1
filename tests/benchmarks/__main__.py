"""What the log costs, in tables: ``python -m tests.benchmarks [--only NAME] [--quick] [--write]``."""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

from tests.benchmarks.harness import Options, machine

NAMES = (
    "overhead",
    "outbound",
    "wsgi",
    "tabs",
    "serving",
    "shipping",
    "store",
    "live",
    "memory",
    "redaction",
    "purging",
    "runs",
    "exports",
    "profile",
)
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "performance.md"


class _Both(io.StringIO):
    """Keeps what is printed, and prints it."""

    def write(self, text: str) -> int:
        sys.__stdout__.write(text)
        return super().write(text)

    def flush(self) -> None:
        sys.__stdout__.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=NAMES, help="this one (may be given several times)")
    parser.add_argument("--quick", action="store_true", help="see whether it runs; the figures mean little")
    parser.add_argument("--entries", type=int, help="in the store whose lists are timed (1,000,000; quick: 50,000)")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {'/'.join(PAGE.parts[-3:])}")
    given = parser.parse_args(arguments)
    options = Options(given.quick, given.entries or (50_000 if given.quick else 1_000_000))
    found = {}
    for name in ("machine", *(given.only or NAMES)):
        with redirect_stdout(_Both()) as printed:
            _run(name, options)
        found[name] = printed.getvalue().strip()
    if given.write:
        PAGE.write_text(_replaced(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


def _run(name: str, options: Options) -> None:
    if name == "machine":
        print(machine())
        return
    benchmark = import_module(f"tests.benchmarks.{name}")
    if hasattr(benchmark, "run"):
        benchmark.run(options)
    else:
        benchmark.main()


def _replaced(page: str, found: dict[str, str]) -> str:
    """Return the page with what stands between its marks replaced."""
    for name, text in found.items():
        marks = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        page = re.sub(
            f"{marks[0]}.*?{marks[1]}", lambda _, t=text, m=marks: f"{m[0]}\n{t}\n{m[1]}", page, flags=re.DOTALL
        )
    return page


if __name__ == "__main__":
    main()
