"""The end of a process: in time, in silence, and with everything stored or on the spool."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from integration_logger import IntegrationLogger, codec
from integration_logger.spool.segments import segments
from integration_logger.stores import open_store
from tests.records import stored
from tests.reliability.processes import PYTHON, spool
from tests.spools import entries_on_spool

pytestmark = pytest.mark.reliability

PROMPT = 5.0
"""Seconds from the last line of the program to the end of its process."""

BEGIN = """
import atexit, os, sqlite3, sys, threading, time
from integration_logger import IntegrationLogger, Spool
from integration_logger.stores.memory import MemoryStore
from tests.deadlines import eventually
from tests.records import record

folder = sys.argv[1]
url = f"sqlite:///{folder}/log.db"

def say(ids):
    os.write(1, "".join(f"{id}\\n" for id in ids).encode())

# the handlers that are registered first run last, but for those of the log itself
atexit.register(lambda: say([time.monotonic()]))
"""


def run(folder: Path, code: str, status: int = 0) -> tuple[list[str], str]:
    """Run a program to its end, which must be prompt; return the ids that it recorded, and what it says on stderr."""
    done = subprocess.run(
        [*PYTHON, "-c", BEGIN + code, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    ended = monotonic()
    assert done.returncode == status, done.stderr
    last, *ids = reversed(done.stdout.split())
    assert ended - float(last) < PROMPT
    return ids[::-1], done.stderr


def in_store(folder: Path) -> list[str]:
    with closing(open_store(f"sqlite:///{folder}/log.db")) as store:
        return stored(store)


ENDINGS = {
    "at the end of the program": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "an exception": ("raise SystemExit", 0),
    "while threads of the host record": (
        """
def work():
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        say(record(log, 3))

threading.Thread(target=work).start()
""",
        0,
    ),
    "in a handler of exit": ("atexit.register(lambda: say(record(log, 5)))", 0),
    "twice": ("log.close(); say(record(log, 2)); log.close(); say(record(log, 2))", 0),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_everything_is_stored_at_the_end(tmp_path: Path, ending: str) -> None:
    """A process that ends by itself has stored all that it recorded, leaves an empty spool and says nothing."""
    code, status = ENDINGS[ending]
    ids, said = run(tmp_path, f"log = IntegrationLogger(url)\nsay(record(log, 200))\n{code}\n", status)
    assert said == ""
    assert len(ids) >= 200
    assert sorted(in_store(tmp_path)) == sorted(ids)
    assert segments(spool(tmp_path)) == []


def test_several_loggers_end_together(tmp_path: Path) -> None:
    """Each logger of a process is closed at its end."""
    ids, said = run(
        tmp_path,
        """
logs = [IntegrationLogger(url), IntegrationLogger(url), IntegrationLogger(url, spool=None)]
for log in logs:
    say(record(log, 50))
""",
    )
    assert said == ""
    assert sorted(in_store(tmp_path)) == sorted(ids)


@pytest.mark.parametrize("loggers", [1, 3])
def test_a_store_that_hangs_holds_up_no_end(tmp_path: Path, loggers: int) -> None:
    """With a store that does not answer a process ends within seconds; its entries are on the spool."""
    ids, said = run(
        tmp_path,
        f"""
entered = threading.Semaphore(0)

class Hanging(MemoryStore):
    def write(self, *args, **options):
        entered.release()
        threading.Event().wait()

for number in range({loggers}):
    log = IntegrationLogger(Hanging(), spool=f"{{folder}}/spool-{{number}}")
    globals()[f"kept_{{number}}"] = log
    say(record(log, 10))
for _ in range({loggers}):
    entered.acquire()
""",
    )
    assert said == ""
    found = [id for folder in tmp_path.glob("spool-*") for id in adopted(folder)]
    assert sorted(found) == sorted(ids)


def adopted(folder: Path) -> list[str]:
    """Return what another process finds on a spool whose store was an object without a URL."""
    return [codec.decode(payload).id for payload in entries_on_spool(folder)]


def test_a_locked_store_holds_up_no_end(tmp_path: Path) -> None:
    """If somebody holds the database at the end, what is left is stored by the next process."""
    ids, _ = run(
        tmp_path,
        """
log = IntegrationLogger(url)
say(record(log, 5))
assert log.flush(10)
other = sqlite3.connect(f"{folder}/log.db", isolation_level=None)
other.execute("BEGIN EXCLUSIVE")
say(record(log, 20))
""",
    )
    assert len(segments(spool(tmp_path))) > 0
    with closing(IntegrationLogger(f"sqlite:///{tmp_path}/log.db")) as log:
        log.start()
    assert sorted(in_store(tmp_path)) == sorted(ids)
    assert segments(spool(tmp_path)) == []


def test_what_is_lost_with_the_memory_is_told(tmp_path: Path) -> None:
    """Entries that were in memory only, for a store that is away, are lost at the end; their number is told."""
    (tmp_path / "log.db").mkdir()
    _, said = run(
        tmp_path,
        """
log = IntegrationLogger(url, spool=None)
record(log, 7)
eventually(lambda: log.health().problems)
""",
    )
    assert said.splitlines()[-1] == "the process ends, and entries that were in memory only are lost: 7"


def test_handlers_of_signals_may_do_anything(tmp_path: Path) -> None:
    """A handler that records, flushes and closes in the middle of recording neither waits for ever nor loses a call."""
    ids, said = run(
        tmp_path,
        """
import signal
log = IntegrationLogger(url, spool=Spool(f"{folder}/spool", max_bytes=50_000_000))
log.recorder.spool._segment_bytes = 30_000
calls = []

def handle(*_):
    calls.append(1)
    say(record(log, 2))
    log.flush(0)
    log.health()
    if len(calls) % 20 == 0:
        log.close()
    signal.setitimer(signal.ITIMER_REAL, 0.0003)

signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while len(calls) < 300:
    say(record(log, 5))
signal.setitimer(signal.ITIMER_REAL, 0)
assert log.flush(30)
""",
    )
    assert said == ""
    assert len(ids) > 600
    assert sorted(in_store(tmp_path)) == sorted(ids)
