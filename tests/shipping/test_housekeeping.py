"""One process at a time keeps a store to its rules, and changed rules reach what is stored already, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration_logger.errors import StoreError
from integration_logger.query import EVERYTHING, Query
from integration_logger.retention import Retention, Rule
from integration_logger.shipping.housekeeping import LONGEST, PURGE, REDATE, RULES, Housekeeping
from integration_logger.stores.base import Purged
from integration_logger.stores.erasures import erase, read_erasure
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.reports import all_reports, put_report, read_reports
from tests.factories import make_entry
from tests.reports import make_report

OLD = Retention("30 days")
NEW = Retention("3 days")


class Watched(MemoryStore):
    """Notes what is asked of it, and raises what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.purges: list[dict[str, Any]] = []
        self.dated: list[Retention] = []
        self.error: BaseException | None = None

    def purge(self, now: datetime, **options: Any) -> Purged:
        self.purges.append(options)
        if self.error is not None:
            raise self.error
        return super().purge(now, **options)

    def redate(self, retention: Retention) -> int:
        self.dated.append(retention)
        if self.error is not None:
            raise self.error
        return super().redate(retention)


@pytest.fixture
def store() -> Watched:
    return Watched()


def look(*keepers: Housekeeping) -> None:
    """Let each have its minute: the turn to purge is over by then."""
    for keeper in keepers:
        keeper.work()
        keeper._store.state.release(PURGE)


def settled(store: Watched, retention: Retention) -> Housekeeping:
    """A process whose rules are those that are noted."""
    keeper = Housekeeping(store, retention)
    look(keeper, keeper)
    store.dated.clear()
    return keeper


# --- purging ------------------------------------------------------------------------------------------


def test_the_bounds_are_kept(store: Watched) -> None:
    """What has expired goes, and then the oldest beyond the bounds of the rules."""
    soon = datetime.now(UTC) + timedelta(days=1)
    store.write([make_entry(expires_at=expires_at) for expires_at in (soon, soon, soon - timedelta(days=2), soon)])
    Housekeeping(store, Retention(max_rows=2)).work()
    assert [entry.seq for entry in store.stream(Query(scope=EVERYTHING))] == [4, 2]
    assert store.purges == [{"max_rows": 2, "max_bytes": 2 * 1024**3}]


def test_one_process_purges_in_a_minute(store: Watched) -> None:
    """Who comes while another purges, or soon after, leaves it."""
    keepers = [Housekeeping(store, Retention()) for _ in range(3)]
    for keeper in (*keepers, *keepers):
        keeper.work()
    assert len(store.purges) == 1
    store.state.release(PURGE)
    keepers[1].work()
    assert len(store.purges) == 2


def test_a_purge_that_fails_gives_its_turn_back(store: Watched) -> None:
    """The error is the caller's, and the next process may try at once."""
    store.error = StoreError("away")
    with pytest.raises(StoreError):
        Housekeeping(store, Retention()).work()
    assert store.state.claim(PURGE, 1)


# --- changed rules ------------------------------------------------------------------------------------


def test_a_process_that_comes_with_other_rules_dates_the_store_anew(store: Watched) -> None:
    """At its second look, once; what is too old by the new rules goes with the purge that follows."""
    now = datetime.now(UTC)
    young, old = (OLD.date(make_entry(started_at=now - timedelta(days=days))) for days in (1, 10))
    store.write([young, old])
    settled(store, OLD)
    keeper = Housekeeping(store, NEW)
    look(keeper)
    assert store.dated == []
    look(keeper, keeper, keeper)
    assert store.dated == [NEW]
    [kept] = store.stream(Query(scope=EVERYTHING))
    assert (kept.id, kept.expires_at) == (young.id, young.started_at + timedelta(days=3))
    assert store.state.get(RULES) == NEW.fingerprint


def test_the_same_rules_date_nothing(store: Watched) -> None:
    """Neither another process with these rules, nor other bounds, nor another way to write them is a change."""
    settled(store, Retention("14 days", errors="60 days"))
    same = Retention("2 weeks", rules=[Rule("60 days", outcome="error")], max_rows=7, max_bytes=None)
    keeper = Housekeeping(store, same)
    look(keeper, keeper)
    assert store.dated == []


def test_old_and_new_rules_side_by_side_do_not_fight(store: Watched) -> None:
    """While an application is being replaced the newer process wins, however long both look."""
    before = settled(store, OLD)
    after = [Housekeeping(store, NEW) for _ in range(2)]
    for _ in range(5):
        look(before, *after)
    assert store.dated == [NEW]
    returned = Housekeeping(store, OLD)  # an old worker that is started once more
    replaced = Housekeeping(store, NEW)
    for _ in range(5):
        look(before, *after, returned, replaced)
    assert store.dated == [NEW, OLD]
    last = Housekeeping(store, NEW)
    for _ in range(5):
        look(before, *after, last)
    assert store.dated == [NEW, OLD, NEW]


def test_of_two_that_begin_together_with_different_rules_one_wins(store: Watched) -> None:
    """Each finds the other's rules noted at most once, and leaves them."""
    settled(store, OLD)
    keepers = [Housekeeping(store, Retention(f"{days} days")) for days in (3, 4)]
    for _ in range(5):
        look(*keepers)
    assert len(store.dated) == 1


def test_what_another_is_dating_is_left_to_it(store: Watched) -> None:
    """One process dates a store at a time; if it dies over it, another does so later."""
    settled(store, OLD)
    keeper = Housekeeping(store, NEW)
    store.state.claim(REDATE, LONGEST)
    look(keeper, keeper)
    assert store.dated == []
    store.state.release(REDATE)
    look(keeper)
    assert store.dated == [NEW]


def test_a_failure_is_tried_again(store: Watched) -> None:
    """Rules are noted when all is dated, not before."""
    settled(store, OLD)
    keeper = Housekeeping(store, NEW)
    look(keeper)
    store.error = StoreError("away")
    with pytest.raises(StoreError):
        look(keeper)
    assert store.state.get(RULES) == OLD.fingerprint
    store.error = None
    look(keeper)
    assert store.state.get(RULES) == NEW.fingerprint


def test_a_short_script_changes_no_dates(store: Watched) -> None:
    """A process that is gone before its second look leaves the dates to those that stay."""
    settled(store, OLD)
    look(Housekeeping(store, NEW))
    look(settled(store, OLD))
    assert (store.dated, store.state.get(RULES)) == ([], OLD.fingerprint)


# --- reports ------------------------------------------------------------------------------------------


def test_reports_of_ended_processes_are_folded(store: Watched) -> None:
    """With the purge the rows of processes that have ended are added up, so that State stays small."""
    put_report(store.state, make_report("gone", 7200, captured=3))
    put_report(store.state, make_report("here", 5, captured=4))
    Housekeeping(store, Retention()).work()
    assert [report.owner for report in all_reports(store.state)] == ["here"]
    assert read_reports(store.state).total.captured == 7


def test_what_was_erased_and_arrives_late_goes_with_the_next_purge(store: Watched) -> None:
    """Each minute, whoever purges erases again what somebody has had erased."""
    erase(store, read_erasure({"user_id": "42"}, EVERYTHING))
    keeper = settled(store, OLD)
    late, other = (make_entry(user_id=user, expires_at=None) for user in ("42", "7"))
    store.write([late, other])
    look(keeper)
    assert [entry.id for entry in store.stream(Query(scope=EVERYTHING))] == [other.id]
