"""Owners: calls of a process that has gone are closed, and of one that may live never."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest

from integration_logger.errors import StoreError
from integration_logger.query import EVERYTHING, Query
from integration_logger.shipping import owners as owners_module
from integration_logger.shipping.owners import LEASE_SECONDS, RENEW_EVERY, Owners
from integration_logger.stores import memory as memory_module
from integration_logger.stores.memory import MemoryStore
from tests.factories import make_entry, make_in_flight


class Clock:
    """The time of the machines and of the store."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Slow(MemoryStore):
    """May be away, may hang, may be unable to close what certain processes left."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.hangs = 0.0
        self.away = False
        self.errors: dict[str, Exception] = {}

    def owners(self) -> list[str]:
        self.clock.now += self.hangs
        if self.away:
            raise StoreError("away")
        return super().owners()

    def close_abandoned(self, owners: Sequence[str]) -> int:
        for owner in owners:
            if owner in self.errors:
                raise self.errors[owner]
        return super().close_abandoned(owners)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(owners_module, "monotonic", clock)
    monkeypatch.setattr(memory_module, "time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def store(clock: Clock) -> Slow:
    return Slow(clock)


def begin(store: MemoryStore, owner: str) -> str:
    row = make_in_flight(owner)
    store.write([], in_flight=[row])
    return row.entry.id


def abandoned(store: MemoryStore) -> set[str]:
    return {e.id for e in store.stream(Query(scope=EVERYTHING)) if e.error_type == "abandoned"}


def run(clock: Clock, seconds: float, *steps: Callable[[], None]) -> None:
    """Let time pass, with a turn of each shipper every five seconds."""
    until = clock.now + seconds
    while clock.now < until:
        clock.now += 5
        for step in steps:
            step()


def test_what_is_known_to_have_gone_is_closed_at_once(store: Slow) -> None:
    """The calls of these processes become failed entries, those of others stay."""
    left, other = begin(store, "gone"), begin(store, "here")
    Owners(store, "folder").close(["gone", "unknown"])
    assert abandoned(store) == {left}
    assert [entry.id for entry in store.search(Query(scope=EVERYTHING)).in_flight] == [other]


def test_two_machines_leave_each_other_alone(store: Slow, clock: Clock) -> None:
    """As long as both vouch for their own processes, neither closes anything, for however long."""
    one, two = Owners(store, "folder-1"), Owners(store, "folder-2")
    for owners, owner in ((one, "a"), (two, "b")):
        owners.vouch(owner)
        begin(store, owner)
    run(clock, 10 * LEASE_SECONDS, lambda: one.renew(["a"]), lambda: two.renew(["b"]))
    assert abandoned(store) == set()


def test_a_machine_that_is_silent_is_taken_for_gone(store: Slow, clock: Clock) -> None:
    """Nobody vouches any more: a minute later the other machine closes what was left, not before."""
    one, two = Owners(store, "folder-1"), Owners(store, "folder-2")
    one.vouch("a")
    left = begin(store, "a")
    run(clock, LEASE_SECONDS - 10, lambda: two.renew([]))
    assert abandoned(store) == set()
    run(clock, 2 * RENEW_EVERY + 10, lambda: two.renew([]))
    assert abandoned(store) == {left}


def test_the_next_shipper_of_a_folder_goes_on(store: Slow, clock: Clock) -> None:
    """The lease is the folder's, so whoever ships it next renews it without a pause."""
    first, other = Owners(store, "folder-1"), Owners(store, "folder-2")
    first.vouch("a")
    begin(store, "a")
    run(clock, 30, lambda: first.renew(["a"]), lambda: other.renew([]))
    second = Owners(store, "folder-1")
    run(clock, 5 * LEASE_SECONDS, lambda: second.renew(["a"]), lambda: other.renew([]))
    assert abandoned(store) == set()


def test_a_store_that_was_away_closes_nobody(store: Slow, clock: Clock) -> None:
    """While the store was away nobody could renew: when it is back, each has time to do so."""
    one, two = Owners(store, "folder-1"), Owners(store, "folder-2")
    one.vouch("a")
    begin(store, "a")
    run(clock, 2 * LEASE_SECONDS, lambda: one.renew(["a"]), lambda: two.renew([]))
    store.away = True

    def fails(owners: Owners, here: list[str]) -> None:
        try:
            owners.renew(here)
        except StoreError:
            owners.store_failed()

    run(clock, 5 * LEASE_SECONDS, lambda: fails(one, ["a"]), lambda: fails(two, []))
    store.away = False
    run(clock, RENEW_EVERY + 5, lambda: two.renew([]))  # the other machine is the first to find it back
    run(clock, 3 * LEASE_SECONDS, lambda: one.renew(["a"]), lambda: two.renew([]))
    assert abandoned(store) == set()


def test_a_store_that_hung_closes_nobody(store: Slow, clock: Clock) -> None:
    """A store that does not answer for minutes, and then does, has kept the others from renewing, too."""
    one, two = Owners(store, "folder-1"), Owners(store, "folder-2")
    one.vouch("a")
    begin(store, "a")
    run(clock, 2 * LEASE_SECONDS, lambda: one.renew(["a"]), lambda: two.renew([]))
    clock.now += RENEW_EVERY
    store.hangs = 3 * LEASE_SECONDS
    two.renew([])
    store.hangs = 0
    assert abandoned(store) == set()
    run(clock, 3 * LEASE_SECONDS, lambda: one.renew(["a"]), lambda: two.renew([]))
    assert abandoned(store) == set()


def test_a_failure_gives_the_others_time(store: Slow, clock: Clock) -> None:
    """After any failure of the store a minute passes before somebody of another machine is taken for gone."""
    one, two = Owners(store, "folder-1"), Owners(store, "folder-2")
    one.vouch("a")
    left = begin(store, "a")
    run(clock, LEASE_SECONDS - 20, lambda: two.renew([]))
    two.store_failed()
    run(clock, LEASE_SECONDS - 10, lambda: two.renew([]))
    assert abandoned(store) == set()
    run(clock, 2 * RENEW_EVERY, lambda: two.renew([]))
    assert abandoned(store) == {left}


def test_a_lease_that_was_lost_is_had_again(store: Slow, clock: Clock) -> None:
    """A machine that was cut off and comes back vouches anew; what was closed meanwhile is replaced by its end."""
    one, two = Owners(store, "folder-1"), Owners(store, "folder-2")
    one.vouch("a")
    left = begin(store, "a")
    run(clock, 3 * LEASE_SECONDS, lambda: two.renew([]))
    assert abandoned(store) == {left}
    store.write([make_entry(id=left, status_code=200)])
    assert abandoned(store) == set()
    run(clock, LEASE_SECONDS + 5)
    one.store_failed()
    one.vouch("a")
    begin(store, "a")
    run(clock, 5 * LEASE_SECONDS, lambda: one.renew(["a"]), lambda: two.renew([]))
    assert abandoned(store) == set()


@pytest.mark.parametrize("error", [StoreError("refused", data_error=True), RuntimeError("a fault")])
def test_what_cannot_be_closed_holds_up_nobody(store: Slow, error: Exception) -> None:
    """Calls that the store refuses to close stay as they are; those of other processes are closed."""
    begin(store, "bad")
    left = {begin(store, "worse"), begin(store, "good")}
    store.errors["bad"] = error
    Owners(store, "folder").close(["bad", "good", "worse"])
    assert abandoned(store) == left


def test_a_store_that_is_away_is_told(store: Slow) -> None:
    """That the store is away is no reason to forget whose calls are to be closed."""
    begin(store, "gone")
    store.errors["gone"] = StoreError("away")
    with pytest.raises(StoreError):
        Owners(store, "folder").close(["gone"])


def test_a_process_is_vouched_for_once(store: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its first call is stored, and anew after a failure; not with each report."""
    asked: list[str] = []
    lease = store.state.lease

    def counted(key: str, owner: str, seconds: float) -> int | None:
        asked.append(key)
        return lease(key, owner, seconds)

    monkeypatch.setattr(store.state, "lease", counted)
    owners = Owners(store, "folder")
    for _ in range(3):
        owners.vouch("a")
    assert len(asked) == 1
    owners.store_failed()
    owners.vouch("a")
    assert len(asked) == 2
