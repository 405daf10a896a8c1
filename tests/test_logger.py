"""The logger: begins by itself, ships, tells the truth about it, ends in time, and begins again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from integration_logger import IntegrationLogger, Redactor, Retention, Spool, codec
from integration_logger.capture import Capture
from integration_logger.errors import StoreError
from integration_logger.query import EVERYTHING, Query
from integration_logger.spool.folders import read_rules
from integration_logger.spool.segments import segments
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.stores.memory import MemoryStore
from tests.deadlines import eventually
from tests.records import record, stored
from tests.spools import entries_on_spool

Make = Callable[..., IntegrationLogger]


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """One for all tests, because making one takes a third of a second."""
    return Redactor()


@pytest.fixture
def logger(tmp_path: Path, redactor: Redactor) -> Iterator[Make]:
    """Make loggers on a SQLite file, which are closed after the test."""
    with ExitStack() as stack:

        def make(store: str | Store = f"sqlite:///{tmp_path}/log.db", **options: Any) -> IntegrationLogger:
            return stack.enter_context(closing(IntegrationLogger(store, **{"redact": redactor, **options})))

        yield make


def own_threads() -> list[str]:
    ours = {f"integration-logger-{name}" for name in ("keeper", "shipper", "purger")}
    return [thread.name for thread in threading.enumerate() if thread.name in ours]


# --- beginning ----------------------------------------------------------------------------------------

NOTHING = """
import os, sys, threading
before = set(os.listdir("/proc/self/fd"))
from integration_logger import IntegrationLogger
log = IntegrationLogger("sqlite:///log.db")
app = log.asgi(lambda scope, receive, send: None)
log.current().label(a=1)
log.health()
after = set(os.listdir("/proc/self/fd"))
print([fd for fd in after - before if os.path.exists(f"/proc/self/fd/{fd}")], threading.active_count(), os.listdir("."))
"""


def test_importing_and_constructing_open_nothing(tmp_path: Path) -> None:
    """No thread, file or connection is there before the first call, and none at the end of such a process."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", NOTHING],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[] 1 []\n", "")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.alone
def test_a_record_begins_shipping(logger: Make) -> None:
    """The first record starts what ships it; nothing has to be called."""
    log = logger()
    assert own_threads() == []
    ids = record(log, 3)
    assert log.flush()
    assert stored(log.store) == ids
    health = log.health()
    assert (health.captured, health.shipped, health.backlog_bytes, health.durable) == (3, 3, 0, True)
    assert health.problems == ()


def test_a_lifespan_begins_shipping(tmp_path: Path, logger: Make) -> None:
    """What a dead process left is shipped when the host starts, or the log is looked at, without any traffic."""
    dead = logger(ship=None)
    ids = record(dead, 2)
    dead.close()
    log = logger()
    log.start()
    eventually(lambda: log.health().shipped == 2)
    assert stored(log.store) == ids


@pytest.mark.alone
def test_without_a_store_nothing_is_recorded(logger: Make) -> None:
    """A logger for None wraps nothing, opens nothing, and flushes at once."""
    log = logger(None)
    app: Any = object()
    assert log.asgi(app) is app
    log.start()
    assert own_threads() == []
    assert log.flush(timeout=0)


def test_a_logger_may_be_unable_to_start_threads(
    logger: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the system has no thread left, entries wait on the spool and the trouble is told; later they are shipped."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    log = logger()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        record(log, 3)
        assert log.health().captured == 3
        assert log.health().problems == ("can't start new thread",)
        assert not log.flush(timeout=0.01)
    assert len(caplog.records) == 1
    assert eventually(lambda: log.flush(timeout=0.1))
    assert log.health().problems == ()
    assert len(stored(log.store)) == 3


# --- flushing -----------------------------------------------------------------------------------------


@pytest.mark.alone
def test_flush_tells_the_truth(logger: Make) -> None:
    """True means that all is in the store; while the store is away it is False, in time."""

    class Away(MemoryStore):
        away = False

        def write(self, *args: Any, **options: Any) -> None:
            if self.away:
                raise StoreError("away")
            super().write(*args, **options)

    store = Away()
    log = logger(store, spool=None)
    assert log.flush()
    store.away = True
    ids = record(log, 2)
    began = monotonic()
    assert not log.flush(timeout=0.3)
    assert 0.3 <= monotonic() - began < 1
    assert log.health().problems == ("away",)
    store.away = False
    assert log.flush()
    assert stored(store) == ids


def test_flush_waits_for_every_thread(logger: Make) -> None:
    """After a flush everything is stored that any thread had recorded before it."""
    log = logger()
    threads = [threading.Thread(target=record, args=(log, 200)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush(timeout=20)
    assert len(set(stored(log.store))) == 1600
    assert log.health().captured == 1600


def test_flush_without_a_shipper_means_the_spool(tmp_path: Path, logger: Make) -> None:
    """With ship=None what is on the spool is flushed, and what waits in memory is not."""
    folder = tmp_path / "spool"
    log = logger(ship=None, spool=folder)
    record(log, 2)
    assert log.flush(timeout=0)
    assert len(entries_on_spool(folder)) == 2
    assert not (tmp_path / "log.db").exists()
    blocked = tmp_path / "blocked"
    blocked.touch()
    other = logger(ship=None, spool=blocked)
    record(other)
    assert not other.flush(timeout=0.05)
    blocked.unlink()
    assert other.flush(timeout=5)
    assert len(entries_on_spool(blocked)) == 1


def test_flush_without_spool_and_shipper_ships(logger: Make) -> None:
    """Where neither a spool nor a thread is wanted, flush and close store what was recorded."""
    store = MemoryStore()
    log = logger(store, spool=None, ship=None)
    record(log, 300)
    assert stored(store) == []
    assert log.flush()
    assert len(stored(store)) == 300
    record(log)
    log.close()
    assert len(stored(store)) == 301


def test_syncs_happen_without_a_shipper(tmp_path: Path, logger: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The promise of fsync holds with ship=None too."""
    synced = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    log = logger(ship=None, spool=Spool(tmp_path / "spool", fsync=0.01))
    record(log)
    eventually(lambda: len(synced) > 2)


# --- ending -------------------------------------------------------------------------------------------


@pytest.mark.alone
def test_close_ships_and_lets_go(tmp_path: Path, logger: Make) -> None:
    """After closing everything is stored, no thread runs, no file is open, and the spool holds no entry."""
    log = logger()
    record(log, 500)
    log.close()
    log.close()
    assert own_threads() == []
    assert segments(tmp_path / "log.db.spool") == []
    opened = {str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()}
    assert not any(str(tmp_path) in name for name in opened)
    with closing(open_store(f"sqlite:///{tmp_path}/log.db")) as store:
        assert len(stored(store)) == 500


def test_a_closed_logger_begins_again(logger: Make) -> None:
    """What is recorded after closing is not lost: everything begins anew, as often as that happens."""
    log = logger()
    ids = []
    for _ in range(3):
        ids += record(log, 2)
        log.close()
    ids += record(log)
    assert log.flush()
    assert stored(log.store) == ids


def test_a_given_store_stays_open(tmp_path: Path, logger: Make) -> None:
    """A logger closes the store that it opened, and leaves alone the one that it was given."""
    closed = []

    class Watched(MemoryStore):
        def close(self) -> None:
            closed.append(1)

    log = logger(Watched(), spool=None)
    record(log)
    log.close()
    assert closed == []


@pytest.mark.alone
def test_close_does_not_wait_for_a_store_that_hangs(logger: Make) -> None:
    """Whatever the store does, closing takes its time and no more; what is not stored stays on the spool."""
    entered, released = threading.Event(), threading.Event()

    class Hanging(MemoryStore):
        def write(self, *args: Any, **options: Any) -> None:
            entered.set()
            released.wait(60)
            super().write(*args, **options)

    store = Hanging()
    log = logger(store, spool=None)
    ids = record(log)
    assert entered.wait(10)
    began = monotonic()
    log.close(timeout=0.3)
    assert monotonic() - began < 1
    ids += record(log)
    released.set()
    assert log.flush()
    assert stored(store) == ids
    eventually(lambda: own_threads().count("integration-logger-shipper") == 1)


def test_several_loggers_in_one_process(tmp_path: Path, logger: Make) -> None:
    """Loggers on one store share its spool, others keep to themselves; each call is stored once where it belongs."""
    first, second = logger(), logger()
    other = logger(f"sqlite:///{tmp_path}/other.db")
    ids = [id for _ in range(5) for log in (first, second) for id in record(log, 10)]
    others = record(other, 7)
    assert all(log.flush() for log in (first, second, other))
    assert sorted(stored(first.store)) == sorted(ids)
    assert stored(other.store) == others
    first.close()
    ids += record(second)
    assert second.flush()
    assert sorted(stored(second.store)) == sorted(ids)


# --- calls in flight ----------------------------------------------------------------------------------

CANARY = "c4n4ry-c4n4ry-c4n4ry"


def begin(log: IntegrationLogger) -> Capture:
    """Begin a call as an adapter does, with secrets wherever a host can put them."""
    capture = Capture("inbound")
    capture.method, capture.url = "GET", f"https://u:{CANARY}@shop.example.com/?token={CANARY}"
    capture.label(password=CANARY, tenant="acme")
    capture.error(f"Authorization: Bearer {CANARY}")
    log.recorder.under_way[capture.id] = capture
    return capture


def in_flight(store: Store) -> list[str]:
    store.open()
    return [entry.id for entry in store.search(Query(scope=EVERYTHING)).in_flight]


@pytest.mark.parametrize("options", [{}, {"spool": None}, {"store": "memory:"}], ids=["spool", "no spool", "memory"])
def test_calls_in_flight_are_shown_until_they_end(logger: Make, options: dict[str, Any]) -> None:
    """With a spool and without one: shown while it runs, and in its place the finished one."""
    log = logger(**{"announce_after": 0} | options)
    call = begin(log)
    log.start()
    eventually(lambda: in_flight(log.store) == [call.id])
    call.status_code = 200
    log.recorder.record(call)
    eventually(lambda: stored(log.store) == [call.id])
    assert in_flight(log.store) == []


def test_a_discarded_call_that_was_shown_disappears(logger: Make) -> None:
    """A call that the host leaves out of the log while it runs is not shown any more, and leaves no entry."""
    log = logger(announce_after=0)
    call = begin(log)
    log.start()
    eventually(lambda: in_flight(log.store) == [call.id])
    call.discard()
    log.recorder.record(call)
    eventually(lambda: in_flight(log.store) == [])
    assert stored(log.store) == []


def test_calls_are_not_shown_before_their_time(logger: Make) -> None:
    """Only calls that have been under way for longer than announce_after are announced."""
    log = logger(announce_after=1000)
    begin(log)
    record(log)
    assert log.flush()
    assert in_flight(log.store) == []


def test_no_secret_of_a_call_in_flight_gets_into_a_file(tmp_path: Path, logger: Make) -> None:
    """Neither spool nor store hold a secret of its address, labels or errors, while it runs or abandoned."""
    log = logger(announce_after=0)
    call = begin(log)
    log.start()
    eventually(lambda: in_flight(log.store) == [call.id])
    assert log.store.close_abandoned(log.store.owners()) == 1
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".seg", ".alive", ".db"}
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    entry = log.store.get(call.id, EVERYTHING)
    assert entry is not None
    assert (entry.error_type, entry.tenant) == ("abandoned", "acme")
    assert CANARY not in str(codec.to_dict(entry))


def test_calls_left_in_flight_at_the_end_are_abandoned(tmp_path: Path, logger: Make) -> None:
    """A process that ends in an orderly way in the middle of a call says so at once."""
    log = logger(announce_after=0)
    call = begin(log)
    log.start()
    eventually(lambda: in_flight(log.store) == [call.id])
    log.close()
    with closing(open_store(f"sqlite:///{tmp_path}/log.db")) as store:
        assert in_flight(store) == []
        entry = store.get(call.id, EVERYTHING)
    assert entry is not None
    assert entry.error_type == "abandoned"


def test_calls_in_flight_where_the_folder_cannot_be_written(tmp_path: Path, logger: Make) -> None:
    """Where reports cannot go to the spool they wait in memory, as entries do, and are shown all the same."""
    blocked = tmp_path / "blocked"
    blocked.touch()
    log = logger(spool=blocked, announce_after=0)
    call = begin(log)
    log.start()
    eventually(lambda: in_flight(log.store) == [call.id])
    assert not log.health().durable


# --- a child that ships -------------------------------------------------------------------------------


def test_a_child_ships(tmp_path: Path, logger: Make) -> None:
    """With ship="process" this process has no connection to the store, and flush waits for the child."""
    log = logger(ship="process")
    ids = record(log, 50)
    assert log.flush(timeout=30)
    assert not log.health().shipped
    log.close()
    with closing(open_store(f"sqlite:///{tmp_path}/log.db")) as store:
        assert stored(store) == ids


FORKS_WITH_A_CHILD = """
import gc, os, sys
from integration_logger import IntegrationLogger
from tests.records import record
log = IntegrationLogger("sqlite:///log.db", ship="process")
record(log, 5)
assert log.flush(30)
forked = os.fork()
if not forked:
    gc.collect()
    record(log, 5)
    assert log.flush(30)
    log.close()
    os._exit(0)
assert os.waitpid(forked, 0)[1] == 0
record(log, 5)
assert log.flush(30)
log.close()
"""


def test_a_forked_process_ships_by_the_child_of_its_parent(tmp_path: Path) -> None:
    """A fork neither ends the child nor waits for it, complains of nothing, and its entries are stored."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", FORKS_WITH_A_CHILD]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    ran = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=90, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    with closing(open_store(f"sqlite:///{tmp_path}/log.db")) as store:
        assert len({*stored(store)}) == 15


def test_the_rules_are_left_for_who_ships(tmp_path: Path, logger: Make) -> None:
    """With ship=None the rules of retention lie in the folder; otherwise nobody needs them there."""
    folder = tmp_path / "spool"
    log = logger(ship="thread", spool=folder, retention="3 days")
    record(log)
    assert log.flush()
    assert read_rules(folder) is None
    other = logger(ship=None, spool=folder, retention="3 days")
    record(other)
    rules = read_rules(folder)
    assert rules is not None
    assert Retention.from_data(json.loads(rules)).fingerprint == Retention("3 days").fingerprint
    assert (folder / "retention.json").stat().st_mode & 0o777 == 0o600
