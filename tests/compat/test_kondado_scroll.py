"""Whoever scrolls gets every run once, in order, while others write."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from integration_logger.client import scroll
from integration_logger.compat.kondado import Kondado
from integration_logger.entry import Entry
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.viewer import Principal, Viewer
from tests.compat.runs import ENDED, OWNER, api, block, ran
from tests.contract.conftest import SHARED, fresh_url
from tests.viewer.server import Client, serving

WRITERS = 4
RUNS = 60  # of each writer


@pytest.fixture(params=SHARED)
def open_shared(request: pytest.FixtureRequest) -> Iterator[Callable[[], Store]]:
    """Open the same database as often as asked."""
    with fresh_url(request.param) as url, ExitStack() as stack:
        yield lambda: stack.enter_context(closing(open_store(url)))


def test_120_runs_of_three_accounts_come_in_blocks(open_shared: Callable[[], Store]) -> None:
    """50, 50, 20, and an empty block with null; a limited token gets its own accounts', in as many blocks as needed."""
    store = open_shared()
    store.write([ran(str(number), tenant=str(number % 3 + 1)) for number in range(120)])
    client, start, seen = api(store), 0, []
    sizes = []
    while True:
        rows, following = block(client, start)
        sizes.append(len(rows))
        seen += [row["id"] for row in rows]
        if following is None:
            break
        assert following == rows[-1]["id"]
        start = following
    assert sizes == [50, 50, 20, 0]
    assert seen == sorted(set(seen))
    assert len(seen) == 120
    limited = api(store, Principal("bea", role="supervisor", tenants={"1", "3"}))
    first, following = block(limited, 0)
    rest, end = block(limited, following or 0)
    assert ([*map(len, (first, rest))], end) == ([50, 30], rest[-1]["id"])
    assert {row["client_id"] for row in first + rest} == {1, 3}
    assert len(block(limited, 0, client_id="3")[0]) == 40


def write(store: Store, writer: int, first: Entry | None = None) -> list[str]:
    """Store runs in batches of several sizes; ``first`` began before all others and is stored in the middle."""
    rng, names = random.Random(writer), [f"{writer}-{number}" for number in range(RUNS)]
    left = [ran(name, tenant=str(rng.randrange(3))) for name in names]
    if first is not None:
        left.insert(RUNS // 2, first)
    while left:
        size = rng.choice((1, 1, 2, 7))
        store.write(left[:size])
        left = left[size:]
    return names


def scrolled(client: Client, writers: list[Future[list[str]]]) -> Iterator[dict[str, Any]]:
    """Yield what a scroller gets from the start until after the last writer has ended."""
    start = 0
    while True:
        ended = all(writer.done() for writer in writers)
        rows, following = block(client, start)
        yield from rows
        start = following or start
        if ended and following is None:
            return


def test_nothing_is_lost_or_repeated_while_four_write(open_shared: Callable[[], Store], tmp_path: Path) -> None:
    """By Kondado's API and by ``scroll``; a long run that began first comes when it ends, and is not passed over."""
    long_run = ran("long", ended=ENDED + timedelta(hours=3), duration=3 * 3600.0)
    stores = [open_shared() for _ in range(WRITERS + 1)]
    with serving(Viewer(stores[-1], authorize=lambda _: OWNER)) as url, ThreadPoolExecutor(WRITERS) as pool:
        writers = [
            pool.submit(write, store, number, long_run if number == 0 else None)
            for number, store in enumerate(stores[:WRITERS])
        ]
        rows = [*scrolled(Client(Kondado(stores[-1], authorize=lambda _: OWNER)), writers)]
        expected = {name for writer in writers for name in writer.result()} | {"long"}
        pulled: list[dict[str, Any]] = []
        for follow in (False, False):  # the second time there is nothing left
            pulled += scroll(url, filters={"kind": "run"}, place=tmp_path / "place", follow=follow)
    for ids, jobs in (
        ([row["id"] for row in rows], [row["pipeline_id"] for row in rows]),
        ([entry["seq"] for entry in pulled], [entry["run"]["job_id"] for entry in pulled]),
    ):
        assert all(low < high for low, high in pairwise(ids))
        assert len(jobs) == len(expected)
        assert set(jobs) == expected


def test_a_scroll_goes_on_while_old_runs_are_purged(open_shared: Callable[[], Store], tmp_path: Path) -> None:
    """What is deleted meanwhile may be missed; nothing else is, and nothing comes twice."""
    store, now = open_shared(), datetime.now(UTC)
    kept: set[str] = set()
    seen: list[tuple[int, str]] = []
    with serving(Viewer(store, authorize=lambda _: OWNER)) as url:
        for stretch in range(6):
            runs = [ran(f"{stretch}-{number}") for number in range(50)]
            store.write([replace(run, expires_at=now if number % 2 else None) for number, run in enumerate(runs)])
            kept |= {f"{stretch}-{number}" for number in range(0, 50, 2)}
            some = islice(scroll(url, filters={"kind": "run"}, place=tmp_path / "place"), 30)
            seen += [(entry["seq"], entry["run"]["job_id"]) for entry in some]
            assert store.purge(now).entries > 0
            seen.pop()  # the last of each time was not dealt with, so it comes again unless it went
        seen += [(e["seq"], e["run"]["job_id"]) for e in scroll(url, place=tmp_path / "place", follow=False)]
    assert seen == sorted(set(seen))
    assert {job for _, job in seen} >= kept


def test_following_while_four_write(open_shared: Callable[[], Store], tmp_path: Path) -> None:
    """``scroll`` reads along with the writers, though it is stopped and started again on the way."""
    stores = [open_shared() for _ in range(WRITERS + 1)]
    seen: list[tuple[int, str]] = []
    with serving(Viewer(stores[-1], authorize=lambda _: OWNER)) as url, ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, store, number) for number, store in enumerate(stores[:WRITERS])]
        while len(seen) < WRITERS * RUNS:
            for number, entry in enumerate(scroll(url, filters={"kind": "run"}, place=tmp_path / "place", wait=0.01)):
                if number == 37:
                    break  # this one is not dealt with, so it comes again
                seen.append((entry["seq"], entry["run"]["job_id"]))
                if len(seen) == WRITERS * RUNS:
                    break
        expected = {name for writer in writers for name in writer.result()}
    assert seen == sorted(set(seen))
    assert {job for _, job in seen} == expected
