"""The account of a folder: what all its shippers together have done, for everybody to read."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from integration_logger.health import Health
from integration_logger.shipping import account as account_module
from integration_logger.shipping.account import TELL_ANYWAY, TELL_EVERY, Account
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.reports import fold_reports, get_report, read_reports


class World:
    """A store and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.store = MemoryStore()
        self.counts: Counter[str] = Counter()
        self.account = Account(self.store, self.counts)

    def tell(self, folder: str = "folder", waiting: int = 0, after: float = TELL_EVERY) -> Health | None:
        """Let time pass; return how it stands with the folder then."""
        self.now += after
        self.account.tell(folder, waiting, waiting / 10)
        report = get_report(self.store.state, f"{folder}/shipping")
        return None if report is None else report.health


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(account_module, "monotonic", lambda: made.now)
    return made


def test_it_tells_counts_and_what_waits(world: World) -> None:
    """Counts and backlog are in State, brought up to date once a second."""
    world.counts.update(shipped=5, rejected=1)
    health = world.tell(waiting=70)
    assert health is not None
    assert (health.shipped, health.rejected, health.backlog_bytes, health.backlog_seconds) == (5, 1, 70, 7.0)
    world.counts["shipped"] = 6
    assert world.tell(after=0.5) == health
    now = world.tell(after=0.5)
    assert now is not None
    assert (now.shipped, now.backlog_bytes) == (6, 0)


def test_nothing_new_is_not_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shipper that has nothing to do does not write to the store."""
    world.tell()
    monkeypatch.setattr(account_module, "put_report", lambda *_: pytest.fail("it was written"))
    world.tell()
    world.tell()


def test_the_next_shipper_goes_on(world: World) -> None:
    """What the former shippers of a folder have counted is not lost by the change."""
    world.counts["shipped"] = 5
    world.tell()
    world.counts = Counter(shipped=2)
    world.account = Account(world.store, world.counts)
    health = world.tell()
    assert health is not None
    assert health.shipped == 7


def test_each_folder_has_its_own(world: World) -> None:
    """Where a folder was deleted and made anew, the account of the new one begins with nothing."""
    world.counts["shipped"] = 5
    world.tell("one")
    assert world.tell("two") == Health()
    world.counts["shipped"] = 8
    health = world.tell("two")
    assert health is not None
    assert health.shipped == 3
    former = get_report(world.store.state, "one/shipping")
    assert former is not None
    assert former.health.shipped == 5


def test_an_account_that_cannot_be_read_begins_anew(world: World) -> None:
    """What a newer version has written there is no reason not to ship."""
    world.store.state.put("health/folder/shipping", b"\xc1 of a newer version")
    world.counts["shipped"] = 1
    health = world.tell()
    assert health is not None
    assert health.shipped == 1


def test_a_shipper_that_lives_is_heard_of(world: World) -> None:
    """Though nothing changes, it is written down again every half minute, so that others know that it is there."""
    world.tell()
    first = get_report(world.store.state, "folder/shipping")
    world.tell(after=TELL_ANYWAY - 1)
    assert get_report(world.store.state, "folder/shipping") == first
    world.tell()
    now = get_report(world.store.state, "folder/shipping")
    assert first is not None
    assert now is not None
    assert now.at > first.at


def test_a_shipper_that_ends_leaves_the_last_word(world: World) -> None:
    """What waits no longer is written down at once at the end, or it would seem to wait for ever."""
    world.tell(waiting=70)
    world.account.hurry()
    health = world.tell(after=0)
    assert health is not None
    assert health.backlog_bytes == 0


def test_an_account_that_was_folded_goes_on(world: World) -> None:
    """A folder that nobody has shipped for long has its account where the rows of ended processes are."""
    world.counts["shipped"] = 5
    world.tell()
    fold_reports(world.store.state, datetime.now(UTC) + timedelta(days=2))
    world.counts = Counter(shipped=2)
    world.account = Account(world.store, world.counts)
    world.tell()
    assert read_reports(world.store.state).total.shipped == 7
