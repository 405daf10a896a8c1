"""``python -m tests.reliability.faults [--seconds 30] [--rate 300] [--store sqlite] [--ship thread] [NAME ...]``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import nullcontext

from tests.postgresql import Server, server
from tests.reliability.faults import FAULTS
from tests.reliability.faults.run import Fault, Result, load_of_machine, run
from tests.reliability.faults.world import Ship

COLUMNS = (
    "| fault | store | ships | requests | as without us | p99 ms | bare p99 ms | ratio | lost | twice | dropped"
    " | destroyed | arrived after s |"
)


def main() -> None:
    """Run faults and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.faults")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each fault lasts")
    parser.add_argument("--rate", type=float, default=300.0, help="calls per second")
    parser.add_argument("--store", choices=("sqlite", "postgresql"))
    parser.add_argument("--ship", choices=("thread", "process"))
    parser.add_argument("names", nargs="*", help="beginnings of the names of faults; all without")
    given = parser.parse_args()
    stores = [given.store] if given.store else ["sqlite", "postgresql"]
    ships: list[Ship] = [given.ship] if given.ship else ["thread", "process"]
    chosen = [f for f in FAULTS if not given.names or f.name.startswith(tuple(given.names))]
    print(COLUMNS)
    print("|" + "---|" * (COLUMNS.count("|") - 1), flush=True)
    wrong: list[str] = []
    for store in stores:
        with server() if store == "postgresql" else nullcontext() as own:
            for result in _run_all(chosen, store, ships, own, given.seconds, given.rate):
                print(_row(result), flush=True)
                if result.wrong:
                    wrong.append(f"{result.fault}, {result.store}, {result.ship}: {'; '.join(result.wrong)}")
    print(f"\nload of the machine in the last minute: {load_of_machine():.1f}")
    print("\n".join(["wrong:", *wrong]) if wrong else "nothing is wrong")
    raise SystemExit(bool(wrong))


def _run_all(
    faults: list[Fault], store: str, ships: list[Ship], own: Server | None, seconds: float, rate: float
) -> Iterator[Result]:
    for fault in faults:
        for ship in ships:
            if fault.happens_to(store, ship):
                yield run(fault, ship, own, seconds=seconds, rate=rate, bare=seconds / 4)


def _row(result: Result) -> str:
    same = result.requests - result.different
    dropped = ", ".join(f"{reason}: {number}" for reason, number in result.dropped.items()) or "0"
    cells = (
        result.fault, result.store, result.ship, result.requests, same,
        f"{result.p99 * 1000:.1f}", f"{result.p99_bare * 1000:.1f}", f"{result.p99 / (result.p99_bare or 1):.2f}",
        result.lost, result.twice, dropped, result.destroyed, f"{result.arrived_after:.1f}",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |" + (f" <- {result.wrong}" if result.wrong else "")


if __name__ == "__main__":
    main()
