"""How long after a call has ended its entry is on an open page: a real Chromium, while the host is under load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, time
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page, expect

from tests.benchmarks.harness import Options, folder, number, table
from tests.benchmarks.live_load import PROBES_A_SECOND, WARM_UP
from tests.browser.chromium import launched

RATE: Final = 500
"""Calls a second."""
READERS: Final = 4
"""Tails beside that of the page."""
PROBES: Final = 200
LIMIT: Final = 1.0
_CLOCKS: Final = 0.1
"""Seconds by which the clocks of page and load, which are the same one, may seem to disagree on a busy machine."""
_PATIENCE: Final = 15.0

WATCH: Final = """() => {
  window.watched = [];
  const now = () => (performance.timeOrigin + performance.now()) / 1000;
  const look = (changes) => {
    for (const { addedNodes } of changes) {
      for (const row of addedNodes) {
        const found = /probe-[0-9]{4}$/.exec(row.querySelector(".tail")?.textContent ?? "");
        if (!found) continue;
        const probe = [found[0], now(), 0];
        window.watched.push(probe);
        requestAnimationFrame(() => { probe[2] = now(); });
      }
    }
  };
  new MutationObserver(look).observe(document.getElementById("rows"), { childList: true });
}"""
"""Notes for each probe when its row has come into the page, and when the next frame begins: then it has been drawn."""


class Latency(NamedTuple):
    """Seconds from the end of each probe's call, as its client saw it, to what is named; infinite: it never came."""

    at_tails: list[float]
    """On each of the tails that no page reads."""
    on_page: list[float]
    """Its row is in the document."""
    drawn: list[float]
    rate: float
    """Calls a second that were really made."""
    late: float
    """Which part of the calls was made more than 50 ms after its time."""
    busy: float
    """Which part of the time of all cores was used, by whomever."""


def measure(browser: Browser, place: Path, *, probes: int = PROBES, readers: int = READERS) -> Latency:
    """Send probes through a host under load, and see them arrive; raises where any call was refused or lost."""
    with _hosted(place) as (port, ask), _page(browser, f"http://127.0.0.1:{port}/logs/") as page:
        before, counted = _cpu(), ask()
        load = _load(port, probes, readers)
        after = _cpu()
        _await_all(page, probes)
        watched = page.evaluate("watched")
        if abs(time() - page.evaluate("(performance.timeOrigin + performance.now()) / 1000")) > _CLOCKS:
            raise RuntimeError("the clock of the page is another one than that of this machine")
        now = ask()
        if load["refused"] or now["captured"] - counted["captured"] != load["answered"] or now["lost"]:
            raise RuntimeError(f"{load['answered']} calls answered, {load['refused']} refused, the log says {now}")
    ended = load["ended"]
    return Latency(
        at_tails=[delay for seen in load["tails"] for delay in _delays(ended, seen)],
        on_page=_delays(ended, [(name, there) for name, there, _ in watched]),
        drawn=_delays(ended, [(name, drawn) for name, _, drawn in watched]),
        rate=load["answered"] / load["seconds"],
        late=load["late"] / load["answered"],
        busy=1 - (after[1] - before[1]) / (after[0] - before[0]),
    )


def percentile(delays: Sequence[float], percent: int) -> float:
    """Return the least delay that so many of a hundred do not exceed."""
    return sorted(delays)[-(-len(delays) * percent // 100) - 1]


def _delays(ended: Mapping[str, float], seen: Sequence[tuple[str, float]]) -> list[float]:
    moments = dict(seen)
    if len(moments) != len(seen):
        raise RuntimeError("an entry came twice")
    return [moments.get(name, float("inf")) - moment for name, moment in ended.items()]


@contextmanager
def _hosted(place: Path) -> Iterator[tuple[int, Callable[[], dict[str, int]]]]:
    command = [sys.executable, "-m", "tests.benchmarks.live_host", str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to, back = process.stdin, process.stdout

        def ask() -> dict[str, int]:
            to.write("what\n")
            to.flush()
            found: dict[str, int] = json.loads(back.readline())
            return found

        try:
            yield int(back.readline()), ask
        finally:
            to.close()
            try:
                process.wait(_PATIENCE)
            finally:
                process.kill()


@contextmanager
def _page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        page.goto(address)
        expect(page.locator("#live[aria-pressed=true]")).to_be_visible(timeout=_PATIENCE * 1e3)
        page.evaluate(WATCH)
        yield page
    finally:
        context.close()


def _await_all(page: Page, probes: int) -> None:
    deadline = monotonic() + _PATIENCE
    while monotonic() < deadline and page.evaluate("watched.filter(probe => probe[2]).length") < probes:
        page.wait_for_timeout(50)


def _load(port: int, probes: int, readers: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.live_load", *map(str, (port, RATE, probes, readers))]
    timeout = 2 * (WARM_UP + probes / PROBES_A_SECOND) + 60
    found: dict[str, Any] = json.loads(subprocess.check_output(command, text=True, timeout=timeout))
    return found


def _cpu() -> tuple[float, float]:
    # All time of all cores since the machine was started, and the idle part of it.
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    except OSError:
        return time(), float("nan")
    return sum(ticks), ticks[3] + ticks[4]


def run(options: Options) -> None:
    """Print the table."""
    probes, load = 10 if options.quick else PROBES, os.getloadavg()[0]
    with folder() as place, launched() as browser:
        found = measure(browser, place, probes=probes)
    rows = [
        _row("out of the four tails that no page reads", found.at_tails),
        _row("its row is in the page (Chromium)", found.on_page),
        _row("drawn: the frame after that begins", found.drawn),
    ]
    met = "limit met" if percentile(found.on_page, 99) < LIMIT else "LIMIT NOT MET"
    table(
        "Live: from the end of a call to an open page",
        ["after the client has its whole answer", "p50 ms", "p95 ms", "p99 ms", "max ms"],
        rows,
        f"{probes} probes during {number(found.rate)} calls/s of 1 KiB (wanted: {RATE}; {found.late:.1%} made over "
        f"50 ms late), {READERS + 1} tails open, one of them a page; p99 on the page below {LIMIT:g} s: {met}.",
        f"Load, host and Chromium share {os.cpu_count()} cores, {found.busy:.0%} busy meanwhile; "
        f"load average before: {load:.1f}.",
    )


def _row(what: str, delays: Sequence[float]) -> list[str]:
    return [what, *(f"{percentile(delays, percent) * 1e3:.0f}" for percent in (50, 95, 99, 100))]
