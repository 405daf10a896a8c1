"""What holds when several threads and processes use one store at the same time."""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest

from integration_logger.query import EVERYTHING, Query
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from tests.factories import EPOCH, make_entry

WRITERS = 4


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(WRITERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def write_batches(url: str, writer: int, times: int = 2) -> list[str]:
    """Store batches of different sizes, each so many times, in a process of its own; return the ids."""
    rng = random.Random(writer)
    ids: list[str] = []
    with closing(open_store(url)) as store:
        for size in (1, 300, 7, 40, 1, 500, 2, 150):
            batch = [
                make_entry(rng, body_size=50, expires_at=EPOCH + timedelta(days=rng.randrange(2))) for _ in range(size)
            ]
            for _ in range(times):
                store.write(batch)
            ids += [entry.id for entry in batch]
    return ids


def follow(store: Store, writers: list[Future[list[str]]]) -> Iterator[tuple[int, str]]:
    """Yield what a follower sees from the start until after the last writer has ended."""
    query = Query(scope=EVERYTHING, order="asc", limit=50)
    while True:
        ended = all(writer.done() for writer in writers)
        page = store.search(query)
        yield from ((entry.seq or 0, entry.id) for entry in page.entries)
        if ended and not page.has_more:
            return
        query = msgspec.structs.replace(query, cursor=page.next_cursor)


def check(seen: list[tuple[int, str]], writers: list[Future[list[str]]]) -> None:
    """A follower has seen each entry once, in ascending ``seq``, and each batch in its order."""
    seqs, ids = [seq for seq, _ in seen], [id for _, id in seen]
    assert seqs == sorted(set(seqs))
    written = [id for writer in writers for id in writer.result()]
    assert sorted(ids) == sorted(written)
    for writer in writers:
        mine = set(writer.result())
        assert [id for id in ids if id in mine] == writer.result()


def test_a_follower_misses_nothing_of_many_processes(shared_url: str, processes: ProcessPoolExecutor) -> None:
    """Processes that open the store at the same instant and write: none fails, nothing is lost or seen twice."""
    writers = [processes.submit(write_batches, shared_url, number) for number in range(WRITERS)]
    with closing(open_store(shared_url)) as store:
        check([*follow(store, writers)], writers)


def test_a_follower_misses_nothing_of_many_threads(store: Store) -> None:
    """The same holds for threads that share one store."""

    def write(writer: int) -> list[str]:
        rng = random.Random(writer)
        batches = [[make_entry(rng, body_size=50) for _ in range(rng.randrange(1, 90))] for _ in range(15)]
        for batch in batches:
            store.write(batch)
        return [entry.id for batch in batches for entry in batch]

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        check([*follow(store, writers)], writers)


def test_purging_while_others_write(
    open_shared: Callable[[], Store], shared_url: str, processes: ProcessPoolExecutor
) -> None:
    """What has expired goes, the rest stays, whoever writes in the meantime, and the figures agree."""
    store = open_shared()
    writers = [processes.submit(write_batches, shared_url, number, 1) for number in range(WRITERS)]
    gone = 0
    while not all(writer.done() for writer in writers):
        gone += store.purge(EPOCH).entries
    gone += store.purge(EPOCH).entries
    left = [*store.stream(Query(scope=EVERYTHING))]
    assert gone + len(left) == sum(len(writer.result()) for writer in writers)
    assert all(entry.expires_at != EPOCH for entry in left)
    assert store.info().entries == len(left)
    assert sum(b.success + b.error for b in store.stats(Query(scope=EVERYTHING), 60).buckets) == len(left)
    assert len([*store.stream(Query.parse([("not.kind", "call")], EVERYTHING))]) == len(left)


FORK = """
import os, sys
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores import open_store
from tests.factories import make_entry

store = open_store(sys.argv[1])
store.write([make_entry()])
child = os.fork()
store.write([make_entry()])
if child:
    assert os.waitpid(child, 0)[1] == 0
    print(len(store.search(Query(scope=EVERYTHING)).entries))
"""


def test_a_store_is_carried_over_a_fork(shared_url: str) -> None:
    """Parent and child go on writing, each on connections of its own."""
    command = [sys.executable, "-W", "error", "-c", FORK, shared_url]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert (done.stdout, done.stderr) == ("3\n", "")
