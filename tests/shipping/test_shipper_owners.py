"""The shipper and calls in flight: closed once their process has gone and all that it wrote is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from integration_logger import codec
from integration_logger.entry import Entry
from integration_logger.errors import StoreError
from integration_logger.health import Health, Report
from integration_logger.query import EVERYTHING, Query
from integration_logger.retention import Retention
from integration_logger.shipping import shipper as shipper_module
from integration_logger.shipping.shipper import Shipper
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.presence import present
from integration_logger.spool.writer import SpoolWriter
from integration_logger.stores.memory import MemoryStore
from tests.factories import make_entry, make_in_flight

URL = "sqlite:////srv/log.db"


class Away(MemoryStore):
    """May be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False

    def write(self, *args: Any, **options: Any) -> None:
        if self.away:
            raise StoreError("away")
        super().write(*args, **options)


class Host:
    """A process with a spool folder of its own machine, and a shipper of that folder."""

    def __init__(self, folder: Path, store: MemoryStore, owner: str) -> None:
        self.folder, self.store, self.owner = folder, store, owner
        self.writer = SpoolWriter(folder, URL, max_bytes=1024**3)
        self.shipper = Shipper(store, Retention(), url=URL, folder=folder, memory=MemoryQueue(), owner=f"{owner}-ship")

    def begin(self) -> Entry:
        """Tell of a call in flight."""
        call = make_in_flight().entry
        self.report(in_flight=(call,))
        return call

    def report(self, **fields: Any) -> None:
        now = datetime.now(UTC)
        made = Report(owner=self.owner, host="web", pid=1, started_at=now, at=now, health=Health(), **fields)
        assert self.writer.append_report(codec.encode(made), self.owner) is None

    def end(self, call: Entry) -> None:
        """Have a call end with an answer."""
        assert self.writer.append(codec.encode(make_entry(id=call.id, status_code=200))) is None

    def ship(self) -> None:
        self.shipper.look_again()
        self.shipper.ship()

    def close(self) -> None:
        self.writer.close()
        self.shipper.close()


Make = Callable[..., Host]


@pytest.fixture
def store() -> Away:
    return Away()


@pytest.fixture
def host(tmp_path: Path, store: Away) -> Iterator[Make]:
    with ExitStack() as stack:

        def make(owner: str = "web-1", folder: str = "spool") -> Host:
            made = Host(tmp_path / folder, store, owner)
            stack.callback(made.close)
            return made

        yield make


def in_flight(store: MemoryStore) -> list[str]:
    return [entry.id for entry in store.search(Query(scope=EVERYTHING)).in_flight]


def ended(store: MemoryStore) -> dict[str, str | None]:
    return {entry.id: entry.error_type for entry in store.stream(Query(scope=EVERYTHING, order="asc"))}


def test_calls_of_a_living_process_stay_open(store: Away, host: Make) -> None:
    """However often it is looked at, a process that lives has its calls in flight."""
    here = host()
    call = here.begin()
    for _ in range(3):
        here.ship()
    assert in_flight(store) == [call.id]


def test_calls_of_a_process_that_has_gone_are_closed(store: Away, host: Make) -> None:
    """What it left becomes failed, abandoned, and its file is forgotten; another one's calls stay."""
    gone, here = host("web-1"), host("web-2")
    left, other = gone.begin(), here.begin()
    gone.writer.close()
    here.ship()
    assert ended(store) == {left.id: "abandoned"}
    assert in_flight(store) == [other.id]
    assert present(here.folder) == {"web-2": True}


def test_what_really_ended_is_stored_before_anything_is_closed(
    store: Away, host: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many turns it takes to ship what the dead left, a call that ended is no abandoned one at any time."""
    monkeypatch.setattr(shipper_module, "TURN", 0.0)
    monkeypatch.setattr(shipper_module, "BATCH", 100)
    gone, here = host("web-1"), host("web-2")
    call, left = gone.begin(), gone.begin()
    here.ship()
    for _ in range(2000):
        gone.end(make_entry())
    gone.end(call)
    gone.writer.close()
    seen: list[str] = []
    turns = 0
    while in_flight(store) and turns < 200:
        turns += 1
        here.ship()
        seen += [id for id, error_type in ended(store).items() if error_type == "abandoned"]
    assert 20 <= turns < 200
    assert set(seen) == {left.id}
    assert call.id in ended(store)


def test_nothing_is_closed_while_the_store_is_away(store: Away, host: Make) -> None:
    """While entries of the dead cannot be stored, their calls stay open, and are closed as what they were later."""
    gone, here = host("web-1"), host("web-2")
    call, left = gone.begin(), gone.begin()
    here.ship()
    gone.end(call)
    gone.writer.close()
    store.away = True
    for _ in range(3):
        with pytest.raises(StoreError, match="away"):
            here.ship()
    assert present(here.folder)["web-1"] is False
    store.away = False
    here.ship()
    here.ship()
    assert ended(store) == {call.id: None, left.id: "abandoned"}


def test_two_machines_on_one_store(store: Away, host: Make) -> None:
    """A shipper knows the processes of its own folder only, and leaves those of another machine alone."""
    one, two = host("web-1", "spool-1"), host("web-2", "spool-2")
    first, second = one.begin(), two.begin()
    for _ in range(3):
        one.ship()
        two.ship()
    assert {*in_flight(store)} == {first.id, second.id}
    one.writer.close()
    two.ship()
    assert {*in_flight(store)} == {first.id, second.id}
    one.ship()
    assert in_flight(store) == [second.id]
    assert ended(store) == {first.id: "abandoned"}


def test_a_late_end_replaces_the_abandoned_entry(store: Away, host: Make) -> None:
    """A call that was closed by mistake is stored as what it was, once, under a new number."""
    here = host()
    call = here.begin()
    here.ship()
    store.close_abandoned([here.owner])
    before = store.get(call.id, EVERYTHING)
    here.end(call)
    here.ship()
    after = store.get(call.id, EVERYTHING)
    assert before is not None
    assert after is not None
    assert (before.error_type, after.error_type, after.status_code) == ("abandoned", None, 200)
    assert (after.seq or 0) > (before.seq or 0)
    assert ended(store) == {call.id: None}


def test_a_discarded_call_disappears(store: Away, host: Make) -> None:
    """A call that was announced and left out of the log ends without an entry."""
    here = host()
    call = here.begin()
    here.ship()
    here.report(ended=(call.id,))
    here.ship()
    assert in_flight(store) == []
    assert ended(store) == {}


def test_a_folder_that_is_deleted_closes_nothing(store: Away, host: Make) -> None:
    """Who is alive and finds its folder gone shows itself in the new one; its calls stay open."""
    here = host()
    call = here.begin()
    here.ship()
    rmtree(here.folder)
    here.writer.keep()
    here.ship()
    second = here.begin()
    here.ship()
    assert {*in_flight(store)} == {call.id, second.id}
    assert present(here.folder) == {"web-1": True}
