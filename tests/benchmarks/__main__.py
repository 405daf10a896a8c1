"""What the log costs, in tables: ``python -m tests.benchmarks [--only NAME] [--quick]``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

from tests.benchmarks.harness import Options, machine

NAMES = ("overhead", "serving", "shipping", "store", "memory", "redaction", "profile")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=NAMES, help="this one (may be given several times)")
    parser.add_argument("--quick", action="store_true", help="see whether it runs; the figures mean little")
    parser.add_argument("--entries", type=int, help="in the store whose lists are timed (1,000,000; quick: 50,000)")
    given = parser.parse_args(arguments)
    options = Options(given.quick, given.entries or (50_000 if given.quick else 1_000_000))
    print(machine())
    for name in given.only or NAMES:
        benchmark = import_module(f"tests.benchmarks.{name}")
        if hasattr(benchmark, "run"):
            benchmark.run(options)
        else:
            benchmark.main()


if __name__ == "__main__":
    main()
