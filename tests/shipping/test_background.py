"""The threads of a logger: nothing that happens ends them, and nothing that waits holds up another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from integration_logger.errors import StoreError
from integration_logger.health import Health
from integration_logger.recorder import Recorder
from integration_logger.redaction import Redactor
from integration_logger.retention import Retention
from integration_logger.shipping.background import Background
from integration_logger.shipping.housekeeping import PURGE, PURGE_EVERY
from integration_logger.shipping.keeper import Keeper
from integration_logger.shipping.reporter import Reporter
from integration_logger.shipping.shipper import INTERVAL, LONGEST_PAUSE, Shipper
from integration_logger.shipping.threads import Worker
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.writer import SpoolWriter
from integration_logger.stores.base import Purged
from integration_logger.stores.memory import MemoryState, MemoryStore
from integration_logger.trouble import Trouble
from tests.deadlines import eventually
from tests.spools import encoded

Run = Callable[..., Background]


class Faulty(MemoryStore):
    """Raises what it is told to, as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.writes = 0
        self.purges = 0

    def write(self, *args: Any, **options: Any) -> None:
        self.writes += 1
        if self.error is not None:
            raise self.error
        super().write(*args, **options)

    def purge(self, now: datetime, **options: Any) -> Purged:
        self.purges += 1
        if self.error is not None:
            raise self.error
        return super().purge(now, **options)


@pytest.fixture
def store() -> Faulty:
    return Faulty()


@pytest.fixture
def memory() -> MemoryQueue:
    return MemoryQueue()


def keeper(writer: SpoolWriter | None, fsync: float | None = None) -> Keeper | None:
    """Return a keeper of a process in which nothing is recorded."""
    if writer is None:
        return None
    recorder = Recorder(writer, Redactor(), max_body=1024)
    reporter = Reporter(recorder, "me", Health, announce_after=1)
    return Keeper(recorder, reporter, writer=writer, memory=writer.memory, fsync=fsync)


@pytest.fixture
def background(store: Faulty, memory: MemoryQueue) -> Iterator[Run]:
    """Run threads until the test is over."""
    with ExitStack() as stack:

        def run(writer: SpoolWriter | None = None, **options: Any) -> Background:
            folder = writer and writer.folder
            shipper = Shipper(store, Retention(), url="memory:", folder=folder, memory=memory, owner="me")
            made = Background(keeper(writer, **options), shipper)
            made.start()
            stack.callback(made.stop, 5)
            return made

        yield run


# --- threads ------------------------------------------------------------------------------------------


def test_a_thread_outlives_whatever_its_step_raises() -> None:
    """Not even SystemExit ends a thread before it is told to."""
    raised = iter((SystemExit(1), KeyboardInterrupt(), MemoryError(), GeneratorExit()))
    steps = []

    def step() -> float:
        steps.append(threading.current_thread().name)
        worker.wake()
        for error in raised:
            raise error
        return 60

    worker = Worker("test", step)
    worker.start()
    eventually(lambda: len(steps) >= 6)
    worker.stop()
    assert worker.join(5)
    assert set(steps) == {"integration-logger-test"}


def test_a_thread_ends_at_once() -> None:
    """A thread that waits ends when it is told to, after its last step."""
    last = []
    worker = Worker("test", lambda: 60, lambda: last.append(1))
    worker.start()
    worker.stop()
    assert worker.join(5)
    assert last == [1]


def test_a_thread_that_was_never_started_has_ended() -> None:
    """To wait for one that never ran waits for nothing."""
    assert Worker("test", lambda: 0).join(0)


# --- trouble ------------------------------------------------------------------------------------------


def test_a_trouble_is_told_once_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trouble that comes and goes is always known, and warned of at most once a minute."""
    now = [1000.0]
    monkeypatch.setattr("integration_logger.trouble.monotonic", lambda: now[0])
    trouble = Trouble()
    for _ in range(30):
        trouble.warn("it failed: %s", "reason")
        assert trouble.text == "reason"
        trouble.end()
        assert trouble.text is None
        now[0] += 3
    assert [record.getMessage() for record in caplog.records] == ["it failed: reason"] * 2


def test_a_logging_handler_that_raises_ends_nothing(store: Faulty, memory: MemoryQueue, background: Run) -> None:
    """The host's handlers and filters may raise; shipping goes on."""

    def explode(_: logging.LogRecord) -> bool:
        raise RuntimeError

    logger = logging.getLogger("integration_logger")
    logger.addFilter(explode)
    try:
        store.error = StoreError("away")
        memory.append(encoded()[1])
        running = background()
        eventually(lambda: running.shipping.text == "away")
        store.error = None
        eventually(lambda: not len(memory))
    finally:
        logger.removeFilter(explode)


# --- shipping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [StoreError("away"), RuntimeError("secret"), SystemExit(3), OSError(5, "I/O error")])
def test_shipping_goes_on_after_any_error(
    store: Faulty, memory: MemoryQueue, background: Run, error: BaseException
) -> None:
    """Whatever the store raises, entries wait, the trouble is told without quoting data, and later they are stored."""
    store.error = error
    memory.append(encoded()[1])
    running = background()
    text = eventually(lambda: running.shipping.text)
    assert text == {"RuntimeError": "RuntimeError", "SystemExit": "SystemExit"}.get(
        type(error).__name__, str(error).removeprefix("[Errno 5] ")
    )
    assert len(memory) == 1
    store.error = None
    eventually(lambda: running.shipping.text is None)
    assert not len(memory)


def test_a_store_that_is_away_is_not_asked_all_the_time(store: Faulty, memory: MemoryQueue) -> None:
    """The pause doubles up to its bound while the store is away, and is short again afterwards."""
    memory.append(encoded()[1])
    running = Background(None, Shipper(store, Retention(), url="memory:", folder=None, memory=memory, owner="me"))
    store.error = StoreError("away")
    pauses = [running._ship() for _ in range(9)]
    assert pauses == [min(INTERVAL * 2**number, LONGEST_PAUSE) for number in range(1, 10)]
    store.error = None
    assert running._ship() == INTERVAL


def test_a_store_that_hangs_holds_up_nothing_else(
    tmp_path: Path, store: Faulty, background: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store does not answer, the spool is synced and kept, and the end comes in time."""
    entered, released = threading.Event(), threading.Event()

    def hang(*_: Any, **__: Any) -> None:
        entered.set()
        released.wait(60)

    store.write = hang  # type: ignore[method-assign]
    writer = SpoolWriter(tmp_path / "spool", "memory:", max_bytes=1024**2, fsync=True)
    synced = []
    monkeypatch.setattr("os.fdatasync", synced.append)
    writer.append(encoded()[1])
    running = background(writer, fsync=0.01)
    assert entered.wait(10)
    synced.clear()
    eventually(lambda: len(synced) > 3)
    assert not running.stop(0.3)
    released.set()
    assert running.stop(5)


def test_what_is_left_is_shipped_at_the_end(tmp_path: Path, store: Faulty, background: Run) -> None:
    """The end ships what was just written, and leaves no segment and no lock."""
    writer = SpoolWriter(tmp_path / "spool", "memory:", max_bytes=1024**2)
    running = background(writer)
    for _ in range(500):
        writer.append(encoded()[1])
    assert running.stop(10)
    assert store.info().entries == 500
    assert sorted(path.name for path in writer.folder.iterdir()) == ["manifest.json", "ship.lock"]


def test_the_end_does_not_wait_for_a_store_that_is_away(tmp_path: Path, store: Faulty, background: Run) -> None:
    """A store that is known to be away is not asked once more at the end."""
    store.error = StoreError("away")
    writer = SpoolWriter(tmp_path / "spool", "memory:", max_bytes=1024**2)
    writer.append(encoded()[1])
    running = background(writer)
    eventually(lambda: running.shipping.text)
    writes = store.writes
    assert running.stop(10)
    assert store.writes <= writes + 1
    assert len([*writer.folder.glob("*.seg")]) == 1


def test_threads_that_cannot_be_had(store: Faulty, memory: MemoryQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system has no thread left, none of ours stays behind."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if len(started) == 1:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    running = Background(None, Shipper(store, Retention(), url="memory:", folder=None, memory=memory, owner="me"))
    with pytest.raises(RuntimeError):
        running.start()
    eventually(lambda: not started[0].is_alive())


# --- purging ------------------------------------------------------------------------------------------


def test_one_process_purges_in_a_minute(store: Faulty, memory: MemoryQueue, background: Run) -> None:
    """Of all loggers on a store one deletes what has expired, soon after the first has begun."""
    memory.append(encoded()[1])
    running = [background() for _ in range(3)]
    eventually(lambda: store.purges == 1)
    for each in running:
        each._purge()
    assert store.purges == 1
    assert not store.state.claim(PURGE, PURGE_EVERY)


def test_a_purge_that_fails_is_told_and_tried_again(
    store: Faulty, memory: MemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purge that raises is a trouble of its own, gives its turn back, and ends no thread."""
    shipper = Shipper(store, Retention(), url="memory:", folder=None, memory=memory, owner="me")
    running = Background(None, shipper)
    assert running._purge() < PURGE_EVERY
    memory.append(encoded()[1])
    running._ship()
    for error in (StoreError("away"), SystemExit(1)):
        store.error = error
        running._purge()
        assert running.purging.text == (str(error) if isinstance(error, StoreError) else "SystemExit")
        assert running.shipping.text is None
    store.error = None
    running._purge()
    assert running.purging.text is None
    assert store.purges == 3


def test_a_state_that_fails_is_a_trouble_of_purging(store: Faulty, memory: MemoryQueue) -> None:
    """If the turn can neither be had nor given back, that is told."""

    class Away(MemoryState):
        def claim(self, key: str, seconds: float) -> bool:
            raise StoreError("away")

    store.state = Away()
    memory.append(encoded()[1])
    running = Background(None, Shipper(store, Retention(), url="memory:", folder=None, memory=memory, owner="me"))
    running._ship()
    running._purge()
    assert running.purging.text == "away"
