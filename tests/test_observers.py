"""Observers see every entry once it is stored, each by one process, and go on where they were."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from integration_logger import ConfigurationError, Entry, IntegrationLogger
from integration_logger import observers as module
from integration_logger.capture import Capture
from integration_logger.entry import InFlight
from integration_logger.observers import ALL_ENTRIES, Follower, Observers
from integration_logger.query import EVERYTHING
from integration_logger.runs import RunFinished
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.stores.erasures import erase, read_erasure
from integration_logger.stores.memory import MemoryStore
from tests.deadlines import eventually
from tests.factories import make_entry
from tests.viewer.server import new_entry

OWNER = "0199c0de-0000-7000-8000-00000000000"
Make = Callable[..., IntegrationLogger]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(module, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(RunFinished, "pause", 0.02)
    monkeypatch.setattr(module, "POLL", 0.02)


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[Make]:
    """Makes loggers of one store, each like a process of its own, and closes them."""
    with ExitStack() as stack:

        def make(name: str = "one", **options: Any) -> IntegrationLogger:
            log = IntegrationLogger(f"sqlite:///{tmp_path}/log.db", spool=tmp_path / name, **options)
            return stack.enter_context(closing(log))

        yield make


def run(log: IntegrationLogger, **labels: object) -> str:
    """Record a run; return its id."""
    with log.run("orders", **labels) as ended:
        pass
    return ended.id


def follower(store: Store, callback: Callable[[Entry], object], owner: str = "1") -> Follower:
    """Return a follower that is asked to look by hand."""
    return Follower(RunFinished("test", callback), store, OWNER + owner, lambda: None)


def a_run(**fields: Any) -> Entry:
    return new_entry(kind="run", **fields)


def test_each_run_is_told_once_in_order(logger: Make) -> None:
    """Of two processes that have registered it, one is told; with the whole entry, and nothing but runs."""
    told: list[Entry] = []
    one, two = logger("one"), logger("two")
    for log in (one, two):
        log.on_run_finished(told.append, name="test")
        log.start()
    ids = [run(log, tenant=str(n)) for n, log in enumerate((one, two) * 5)]
    one.recorder.record(Capture("inbound"))
    eventually(lambda: len(told) >= 10)
    assert (one.flush(), two.flush()) == (True, True)
    assert sorted(entry.id for entry in told) == sorted(ids)
    assert [entry.seq for entry in told] == sorted(entry.seq or 0 for entry in told)
    assert {entry.kind for entry in told} == {"run"}
    assert told[0].run is not None


def test_it_goes_on_where_it_was(logger: Make) -> None:
    """What ended while nobody was there is told at the next start, and nothing that was told before."""
    told: list[str] = []
    with closing(logger("one")) as log:
        log.on_run_finished(lambda entry: told.append(entry.id), name="test")
        first = run(log)
        eventually(lambda: told == [first])
    with closing(logger("two")) as log:
        missed = run(log)
        assert log.flush()
    log = logger("three")
    log.on_run_finished(lambda entry: told.append(entry.id), name="test")
    log.start()
    eventually(lambda: told == [first, missed])


def test_a_new_name_begins_with_what_ends_from_now_on() -> None:
    """Runs of the time before are not told; those of the last minute are, for processes never register at once."""
    store, told = MemoryStore(), []
    store.write([a_run(started_at=make_entry().started_at) for _ in range(3)])
    recent = a_run()
    store.write([recent, new_entry()])
    late = follower(store, lambda entry: told.append(entry.id))
    late.step()
    assert told == [recent.id]
    after = a_run()
    store.write([after])
    late.step()
    assert told == [recent.id, after.id]


def test_a_callback_that_raises_is_asked_again(logger: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The same run comes again and later ones wait for it; it is counted and told. Another callback goes on."""
    told: list[str] = []
    other: list[str] = []
    failing = threading.Event()
    failing.set()

    def callback(entry: Entry) -> None:
        if failing.is_set():
            raise ValueError("no secret in the log")
        told.append(entry.id)

    log = logger()
    log.on_run_finished(callback, name="bad")
    log.on_run_finished(lambda entry: other.append(entry.id), name="good")
    ids = [run(log), run(log)]
    eventually(lambda: log.health().observer_errors > 1)
    eventually(lambda: other == ids)
    assert told == []
    assert "run-finished/bad: ValueError" in log.health().problems
    assert "no secret" not in caplog.text
    failing.clear()
    eventually(lambda: told == ids)
    eventually(lambda: log.health().problems == ())


def test_a_callback_that_hangs_blocks_no_other_and_keeps_its_lease(logger: Make) -> None:
    """For as long as it takes: another process does not begin the same run, and the lag is told."""
    free = threading.Event()
    told: list[str] = []
    other: list[str] = []

    def slow(entry: Entry) -> None:
        free.wait(20)
        told.append(entry.id)

    one, two = logger("one"), logger("two")
    for log in (one, two):
        log.on_run_finished(slow, name="slow")
        log.on_run_finished(lambda entry: other.append(entry.id), name="quick")
        log.start()
    ids = [run(one)]
    eventually(lambda: other == ids)
    eventually(lambda: max(log.health().observers.get("run-finished/slow", 0) for log in (one, two)) >= 2)
    assert sum("run-finished/slow" in log.health().observers for log in (one, two)) == 1
    free.set()
    eventually(lambda: told == ids)
    assert told == ids


def test_who_loses_the_lease_leaves_the_rest_to_who_has_it() -> None:
    """The place is changed only by who has noted it last, so a process that stood still does not take it back."""
    store, told = MemoryStore(), []
    slow = follower(store, lambda entry: told.append(("1", entry.id)), "1")
    slow.step()
    store.write([first := a_run(), a_run()])

    def overtaken(entry: Entry) -> None:
        told.append(("1", entry.id))
        store.state.lease("observer/run-finished/test", OWNER + "1", 0)
        quick.step()

    quick = follower(store, lambda entry: told.append(("2", entry.id)), "2")
    slow.observer._callback = overtaken  # type: ignore[attr-defined]
    slow.step()
    assert [who for who, _ in told] == ["1", "2", "2"]
    assert told[0][1] == told[1][1] == first.id
    assert not slow.is_held


def test_a_run_whose_end_comes_after_all_is_not_told_again() -> None:
    """One that was taken for abandoned is told as such; its true end has the same id."""
    store, told = MemoryStore(), []
    seeing = follower(store, lambda entry: told.append((entry.id, entry.error_type)))
    begun = a_run(status="processing", status_code=None, error_type=None, duration=None)
    store.write([], in_flight=[InFlight(owner=OWNER, entry=begun)])
    store.close_abandoned([OWNER])
    seeing.step()
    store.write([a_run(id=begun.id), other := a_run()])
    seeing.step()
    assert told == [(begun.id, "abandoned"), (other.id, other.error_type)]


def test_a_store_that_was_begun_anew_is_followed_from_its_beginning() -> None:
    """A place beyond the log is of another log."""
    store, told = MemoryStore(), []
    store.state.put("observer/run-finished/test", b'{"seq":4711}')
    store.write([run := a_run()])
    follower(store, lambda entry: told.append(entry.id)).step()
    assert told == [run.id]


def test_what_does_not_concern_it_is_passed_over_but_noted_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart does not read the whole log again because there was no run for long."""
    monkeypatch.setattr(module, "NOTE_EVERY", 10)
    store = MemoryStore()
    seeing = follower(store, print)
    seeing.step()
    store.write([new_entry() for _ in range(9)])
    seeing.step()
    before = store.state.get("observer/run-finished/test")
    store.write([new_entry() for _ in range(2)])
    seeing.step()
    assert (before, store.state.get("observer/run-finished/test")) == (
        b'{"seq":0,"abandoned":[]}',
        b'{"seq":11,"abandoned":[]}',
    )


def test_it_stops_with_its_logger_and_begins_with_the_next_record(logger: Make) -> None:
    """No thread is left, and a logger that is used again has its observers again."""
    told: list[str] = []
    log = logger()
    log.on_run_finished(lambda entry: told.append(entry.id), name="test")
    assert not [thread for thread in threading.enumerate() if "observer" in thread.name]
    first = run(log)
    eventually(lambda: told == [first])
    log.close()
    assert not [thread for thread in threading.enumerate() if "observer" in thread.name]
    second = run(log)
    eventually(lambda: told == [first, second])


def test_one_that_is_registered_late_begins_at_once(logger: Make) -> None:
    """Also where the others run already."""
    told: list[str] = []
    log = logger()
    log.start()

    @log.on_run_finished
    def retrain(entry: Entry) -> None:
        told.append(entry.id)

    ids = [run(log)]
    eventually(lambda: told == ids)
    name = f"observer/run-finished/{retrain.__module__}.{retrain.__qualname__}"
    assert name.endswith("retrain")


async def _asynchronous(_: Entry) -> None: ...


@pytest.mark.parametrize(
    ("callback", "options"),
    [
        (7, {"name": "x"}), ("x", {"name": "x"}), (_asynchronous, {}), (lambda _: None, {}), (print, {"name": ""}),
        (print, {"name": "x" * 201}), (print, {"name": 7}), (Capture("run").error.__call__, {"name": b"x"}),
    ],
    ids=["a number", "a text", "async", "a lambda", "no name", "a long name", "a number as name", "bytes as name"],
)  # fmt: skip
def test_wrong_values_raise_where_they_are_given(callback: Any, options: dict[str, Any]) -> None:
    """What could not be called, or not be found again after a restart."""
    log = IntegrationLogger(None)
    with pytest.raises(ConfigurationError, match="on_run_finished"):
        log.on_run_finished(callback, **options)


def test_a_name_is_taken_once() -> None:
    """Two callbacks of one name would share a place, and each see half."""
    log = IntegrationLogger(None)
    log.on_run_finished(print, name="x")
    with pytest.raises(ConfigurationError, match="give name="):
        log.on_run_finished(len, name="x")


def test_the_store_may_be_away(tmp_path: Path) -> None:
    """Then nothing is counted as a failure of an observer, and it goes on when the store is back."""
    file = tmp_path / "log.db"
    file.mkdir()
    told: list[str] = []
    with closing(IntegrationLogger(f"sqlite:///{file}", spool=tmp_path / "spool")) as log:
        log.on_run_finished(lambda entry: told.append(entry.id), name="test")
        ids = [run(log)]
        eventually(lambda: log.health().problems)
        file.rmdir()
        eventually(lambda: told == ids, 20)
        assert log.health().observer_errors == 0
    assert open_store(f"sqlite:///{file}")


def test_observers_of_a_forked_child_begin_anew() -> None:
    """Nothing of the parent's threads is waited for or counted in the child."""
    own = Observers(MemoryStore(), OWNER + "1")
    own.add(RunFinished("test", print))
    own.start()
    try:
        own.errors = 3
        child = Observers(MemoryStore(), OWNER + "1")
        child.__dict__.update(own.__dict__)
        child.after_fork(OWNER + "2")
        assert (child.errors, child.behind, child.troubles) == (0, {}, [])
        child.stop()
        assert child.join(0)
    finally:
        own.stop()
        assert own.join(1e9)


@pytest.mark.parametrize("url", ["memory:", "sqlite:///{}/log.db"], ids=["memory", "sqlite"])
def test_a_run_is_not_told_again_because_newer_ones_were_erased(url: str, tmp_path: Path) -> None:
    """The log ends before the place then, and is still the same log."""
    told: list[str] = []
    with closing(open_store(url.format(tmp_path))) as store:
        store.open()
        follower(store, print).step()
        store.write([first := a_run(), second := a_run(user_id="42")])
        follower(store, lambda entry: told.append(entry.id)).step()
        assert erase(store, read_erasure({"user_id": "42"}, EVERYTHING)).entries == 1
        follower(store, lambda entry: told.append(entry.id)).step()
        store.write([third := a_run()])
        follower(store, lambda entry: told.append(entry.id)).step()
    assert told == [first.id, second.id, third.id]


def test_what_a_callback_does_is_recorded(logger: Make) -> None:
    """It is the host's own work, though in a thread of the logger."""
    log = logger()

    @log.on_run_finished(name="retrain")
    def retrain(entry: Entry) -> None:
        with log.script("retrain"):
            pass

    run(log)
    log.store.open()
    eventually(lambda: [e for e in log.store.search(ALL_ENTRIES).entries if e.operation == "retrain"])


def test_the_handler_of_a_signal_may_close_while_they_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs in the thread that starts them, which would wait for itself otherwise."""
    own = Observers(MemoryStore(), OWNER + "1")
    own.add(RunFinished("test", print))
    start = module.Worker.start

    def interrupted(worker: module.Worker) -> None:
        start(worker)
        own.stop()

    monkeypatch.setattr(module.Worker, "start", interrupted)
    thread = threading.Thread(target=own.start, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    own.stop()
    assert own.join(monotonic() + 10)
