"""Purging in processes that die over it, and in several at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from integration_logger.entry import Entry
from integration_logger.ids import new_id
from integration_logger.query import EVERYTHING, Query
from integration_logger.retention import Retention, Rule
from integration_logger.stores.base import Store
from integration_logger.stores.sql import maintain, oversize
from tests.deadlines import eventually
from tests.factories import EPOCH, make_entry
from tests.processes import started

DAY = timedelta(days=1)
NUMBER = 12_000


def fill(store: Store, number: int = NUMBER) -> None:
    """Store entries of which every third is kept, the others have expired long ago."""
    entry = make_entry(body_size=200, started_at=EPOCH - 400 * DAY, status_code=200)
    for start in range(0, number, 1000):
        places = range(start, min(start + 1000, number))
        store.write([renewed(entry, None if place % 3 == 0 else EPOCH - 300 * DAY) for place in places])


def renewed(entry: Entry, expires_at: object) -> Entry:
    id = new_id()
    return msgspec.structs.replace(entry, id=id, transaction_id=id, expires_at=expires_at)


def counted(store: Store) -> tuple[int, int, int]:
    """Return the number of entries by the summaries, by the roll-up, and by reading them all."""
    everything = Query(scope=EVERYTHING)
    rolled_up = sum(bucket.success + bucket.error for bucket in store.stats(everything, 3600).buckets)
    return store.info().entries, rolled_up, sum(1 for _ in store.stream(everything))


def test_a_purge_that_is_killed_is_taken_up_again(open_shared: Callable[[], Store], shared_url: str) -> None:
    """Whatever it got to is counted rightly, and the next purge deletes the rest."""
    store = open_shared()
    fill(store)
    with started("purge", shared_url) as running:
        eventually(lambda: store.info().entries < NUMBER, 30)
        running.process.kill()
        running.process.wait()
    left = counted(store)
    assert len(set(left)) == 1
    assert NUMBER // 3 < left[0] < NUMBER
    assert store.purge(EPOCH).entries == left[0] - NUMBER // 3
    assert set(counted(store)) == {NUMBER // 3}


def test_two_purges_at_once_do_no_harm(open_shared: Callable[[], Store]) -> None:
    """Together they delete every entry once, by bounds too, while others write."""
    stores = [open_shared() for _ in range(3)]
    fill(stores[0], 6000)
    purged = []
    threads = [
        threading.Thread(target=lambda store=store: purged.append(store.purge(EPOCH, max_rows=1500)))
        for store in stores[:2]
    ]
    for thread in threads:
        thread.start()
    for _ in range(20):
        stores[2].write([make_entry(body_size=0, expires_at=None) for _ in range(10)])
    for thread in threads:
        thread.join()
    left = counted(stores[2])
    assert len(set(left)) == 1
    assert left[0] == 6200 - sum(each.entries for each in purged)
    stores[0].purge(EPOCH, max_rows=1500)
    assert set(counted(stores[1])) == {1500}


def test_what_another_purge_deletes_is_not_counted_twice(
    open_shared: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purge that looks for the oldest beyond its bounds while another deletes what has expired takes no more."""
    store, other = open_shared(), open_shared()
    fill(store, 6000)
    look = oversize._expiring
    purged: list[int] = []

    def interrupted(block: int, stamp: int) -> Any:
        if not purged:
            purged.append(0)
            purged.append(other.purge(EPOCH, max_rows=1500).entries)
        return look(block, stamp)

    monkeypatch.setattr(oversize, "_expiring", interrupted)
    assert store.purge(EPOCH, max_rows=1500).entries == 0
    assert purged == [0, 4500]
    assert set(counted(store)) == {1500}


def test_dating_anew_and_writing_at_once(open_shared: Callable[[], Store]) -> None:
    """What is written meanwhile keeps the dates that it came with; all else gets those of the rules."""
    first, second = open_shared(), open_shared()
    fill(first, 4000)
    before = first.info().newest_seq
    retention = Retention("7 days", rules=[Rule("1 day", outcome="error")])
    dating = threading.Thread(target=first.redate, args=(retention,))
    dating.start()
    second.write([make_entry(body_size=0, expires_at=EPOCH + 999 * DAY) for _ in range(100)])
    dating.join()
    for entry in first.stream(Query(scope=EVERYTHING)):
        if (entry.seq or 0) <= before:
            assert entry == retention.date(entry)
    assert first.redate(retention) <= 100


def test_large_bodies_go_in_parts(open_shared: Callable[[], Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """A block whose bodies are more than one transaction shall delete loses them first, and is counted as ever."""
    store = open_shared()
    fill(store, 1500)
    monkeypatch.setattr(maintain, "_BODIES", 5000)
    announced = store.purge(EPOCH, dry_run=True)
    purged = store.purge(EPOCH)
    assert (purged.entries, purged.bodies) == (announced.entries, announced.bodies) == (1000, 1000)
    assert set(counted(store)) == {500}
    assert store.erase(Query(scope=EVERYTHING)).bodies == 500
