"""Reports in State: added up over all processes, and folded when those have ended, without a count lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from integration_logger.health import Health, Report
from integration_logger.stores import reports as reports_module
from integration_logger.stores.base import Store
from integration_logger.stores.reports import (
    FOLD_AFTER,
    FOLD_WAITING_AFTER,
    all_reports,
    fold_reports,
    get_report,
    put_report,
    read_reports,
)
from integration_logger.stores.state import State
from tests.reports import make_loss, make_report

LONG_AGO = FOLD_AFTER.total_seconds() + 1


def put(state: State, *reports: Report) -> None:
    for report in reports:
        put_report(state, report)


def fold(state: State) -> None:
    fold_reports(state, datetime.now(UTC))


def total(state: State) -> Health:
    return read_reports(state).total


def test_counts_of_all_processes_are_added_up(state: State) -> None:
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


def test_processes_that_have_ended_are_folded(state: State) -> None:
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


def test_what_a_process_said_of_its_present_is_not_kept(state: State) -> None:
    """Problems and what waits go with the process."""
    put(
        state,
        make_report("old", FOLD_WAITING_AFTER.total_seconds() + 1, backlog_bytes=9, durable=False, problems=["x"]),
    )
    fold(state)
    assert total(state) == Health()


def test_what_waits_is_shown_longer(state: State) -> None:
    """A folder in which entries wait that nobody ships is not forgotten within the hour."""
    put(state, make_report("folder/shipping", LONG_AGO, backlog_bytes=9))
    fold(state)
    assert total(state).backlog_bytes == 9


def test_a_process_that_comes_back_is_counted_once(state: State) -> None:
    """Where its spool was shipped late, what was folded of it is not counted again, however often that happens."""
    for captured in (10, 15, 15, 40):
        put(state, make_report("one", LONG_AGO, captured=captured, dropped={"too large": captured}))
        assert total(state).captured == captured
        fold(state)
        assert (total(state).captured, total(state).dropped) == (captured, {"too large": captured})


def test_the_death_of_the_one_who_folds_costs_and_doubles_nothing(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the sum and the deletion of the rows each process is still counted once, and the next one goes on."""
    put(state, make_report("one", LONG_AGO, captured=3), make_report("two", LONG_AGO, captured=4))
    with monkeypatch.context() as patch:
        patch.setattr(state, "delete", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            fold(state)
    assert len(all_reports(state)) == 2
    assert total(state).captured == 7
    fold(state)
    assert all_reports(state) == []
    assert total(state).captured == 7


def test_two_who_fold_at_once_count_once(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second with a sum leaves it to the first."""
    put(state, make_report("one", LONG_AGO, captured=3))
    list_rows = state.list

    def overtaken(prefix: str) -> dict[str, bytes]:
        rows = list_rows(prefix)
        monkeypatch.undo()
        fold(state)
        return rows

    monkeypatch.setattr(state, "list", overtaken)
    fold(state)
    assert total(state).captured == 3


def test_a_process_that_comes_back_meanwhile_keeps_its_row(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process says between the sum and the deletion of its row is not deleted."""
    put(state, make_report("one", LONG_AGO, captured=3))
    put_value = state.put

    def overtaken(key: str, value: bytes, **options: Any) -> bool:
        done = put_value(key, value, **options)
        monkeypatch.undo()
        put(state, make_report("one", captured=5))
        return done

    monkeypatch.setattr(state, "put", overtaken)
    fold(state)
    assert total(state).captured == 5


def test_the_shipper_of_a_folder_that_was_silent_goes_on(state: State) -> None:
    """The account of a folder is found where it was folded, so that its counts go on."""
    put(state, make_report("folder/shipping", LONG_AGO, shipped=50))
    fold(state)
    former = get_report(state, "folder/shipping")
    assert former is not None
    assert former.health.shipped == 50


def test_many_who_report_and_fold_at_once(open_shared: Callable[[], Store]) -> None:
    """Whatever comes in between: in the end each process has been counted once."""

    def live(number: int) -> None:
        state = open_shared().state
        for captured in range(1, 6):
            put(state, make_report(f"worker-{number}", LONG_AGO, captured=captured))
            fold(state)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(live, range(4)))
    assert total(open_shared().state).captured == 4 * 5


def test_what_is_remembered_is_bounded(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """State stays small however many processes there were: only the last ones are remembered."""
    monkeypatch.setattr(reports_module, "MOST_REMEMBERED", 3)
    for number in range(5):
        put(state, make_report(f"old-{number}", LONG_AGO, captured=1))
        fold(state)
    assert total(state).captured == 5
    assert [owner for number in range(5) if get_report(state, owner := f"old-{number}")] == ["old-2", "old-3", "old-4"]


def test_what_a_newer_version_has_folded_is_left_alone(state: State) -> None:
    """A row that cannot be read is neither an error nor overwritten."""
    state.put("health-ended", b"\xc1")
    put(state, make_report("one", LONG_AGO, captured=3))
    fold(state)
    assert state.get("health-ended") == b"\xc1"
    assert total(state).captured == 3
