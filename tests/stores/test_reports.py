"""Reports in State: added up over all processes, and folded when those have ended, without a count lost or doubled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from integration_logger.health import Health, Report
from integration_logger.stores import reports as reports_module
from integration_logger.stores.memory import MemoryState
from integration_logger.stores.reports import (
    FOLD_AFTER,
    FOLD_WAITING_AFTER,
    all_reports,
    fold_reports,
    get_report,
    put_report,
    read_reports,
)
from tests.reports import make_loss, make_report

LONG_AGO = FOLD_AFTER.total_seconds() + 1


@pytest.fixture
def state() -> MemoryState:
    return MemoryState()


def put(state: MemoryState, *reports: Report) -> None:
    for report in reports:
        put_report(state, report)


def fold(state: MemoryState) -> None:
    fold_reports(state, datetime.now(UTC))


def total(state: MemoryState) -> Health:
    return read_reports(state).total


def test_counts_of_all_processes_are_added_up(state: MemoryState) -> None:
    """Counts and losses are those of all, by reason."""
    first, second = make_loss(30), make_loss(5, reason="too large")
    put(
        state,
        make_report("one", captured=3, dropped={"spool full": 1}, losses=(first,)),
        make_report("two", captured=4, dropped={"spool full": 1, "too large": 1}, losses=(second,)),
        make_report("folder/shipping", shipped=6, backlog_bytes=10),
    )
    found = total(state)
    assert (found.captured, found.shipped, found.backlog_bytes) == (7, 6, 10)
    assert found.dropped == {"spool full": 2, "too large": 1}
    assert found.losses == (first, second)


def test_processes_that_have_ended_are_folded(state: MemoryState) -> None:
    """Of processes that were silent for long one row remains for all, and no total changes."""
    put(state, *(make_report(f"old-{n}", LONG_AGO, captured=n, losses=(make_loss(n),)) for n in range(1, 9)))
    put(state, make_report("new", captured=100))
    before = total(state)
    fold(state)
    assert [report.owner for report in all_reports(state)] == ["new"]
    assert total(state) == before
    assert before.captured == 136
    fold(state)
    assert total(state) == before


def test_what_a_process_said_of_its_present_is_not_kept(state: MemoryState) -> None:
    """Problems and what waits go with the process."""
    put(
        state,
        make_report("old", FOLD_WAITING_AFTER.total_seconds() + 1, backlog_bytes=9, durable=False, problems=["x"]),
    )
    fold(state)
    assert total(state) == Health()


def test_what_waits_is_shown_longer(state: MemoryState) -> None:
    """A folder in which entries wait that nobody ships is not forgotten within the hour."""
    put(state, make_report("folder/shipping", LONG_AGO, backlog_bytes=9))
    fold(state)
    assert total(state).backlog_bytes == 9


def test_a_process_that_comes_back_is_counted_once(state: MemoryState) -> None:
    """Where its spool was shipped late, what was folded of it is not counted again, however often that happens."""
    for captured in (10, 15, 15, 40):
        put(state, make_report("one", LONG_AGO, captured=captured, dropped={"too large": captured}))
        assert total(state).captured == captured
        fold(state)
        assert (total(state).captured, total(state).dropped) == (captured, {"too large": captured})


def test_the_death_of_the_one_who_folds_costs_and_doubles_nothing(
    state: MemoryState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the sum and the deletion of the rows each process is still counted once, and the next one goes on."""
    put(state, make_report("one", LONG_AGO, captured=3), make_report("two", LONG_AGO, captured=4))
    with monkeypatch.context() as patch:
        patch.setattr(state, "delete", lambda key: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            fold(state)
    assert len(all_reports(state)) == 2
    assert total(state).captured == 7
    fold(state)
    assert all_reports(state) == []
    assert total(state).captured == 7


def test_two_who_fold_at_once_count_once(state: MemoryState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second with a sum leaves it to the first."""
    put(state, make_report("one", LONG_AGO, captured=3))
    listed = all_reports(state)
    ended = state.get("health-ended")
    fold(state)
    with monkeypatch.context() as patch:
        patch.setattr(reports_module, "all_reports", lambda _: listed)
        patch.setattr(state, "get", lambda key: ended)
        fold(state)
    assert total(state).captured == 3


def test_the_shipper_of_a_folder_that_was_silent_goes_on(state: MemoryState) -> None:
    """The account of a folder is found where it was folded, so that its counts go on."""
    put(state, make_report("folder/shipping", LONG_AGO, shipped=50))
    fold(state)
    former = get_report(state, "folder/shipping")
    assert former is not None
    assert former.health.shipped == 50


def test_what_is_remembered_is_bounded(state: MemoryState, monkeypatch: pytest.MonkeyPatch) -> None:
    """State stays small however many processes there were: only the last ones are remembered."""
    monkeypatch.setattr(reports_module, "MOST_REMEMBERED", 3)
    for number in range(5):
        put(state, make_report(f"old-{number}", LONG_AGO, captured=1))
        fold(state)
    assert total(state).captured == 5
    assert [owner for number in range(5) if get_report(state, owner := f"old-{number}")] == ["old-2", "old-3", "old-4"]


def test_what_a_newer_version_has_folded_is_left_alone(state: MemoryState) -> None:
    """A row that cannot be read is neither an error nor overwritten."""
    state.put("health-ended", b"\xc1")
    put(state, make_report("one", LONG_AGO, captured=3))
    fold(state)
    assert state.get("health-ended") == b"\xc1"
    assert total(state).captured == 3
