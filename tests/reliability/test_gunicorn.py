"""gunicorn: workers forked from a master, of every kind, recycled under load, told to end; each call is stored once."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from time import monotonic

import pytest

from tests.reliability.processes import load
from tests.reliability.servers import Log, all_calls, end, gunicorn
from tests.reliability.test_signals import open_tail

pytestmark = pytest.mark.reliability

PROMPT = 8.0
"""Seconds from SIGTERM to the end of all workers: what the last entries may take, and what the server itself takes."""
THREADS = ("wsgi()", "--worker-class", "gthread", "--threads", "4")
SYNC = ("wsgi()", "--worker-class", "sync")
GREENLETS = ("wsgi()", "--worker-class", "gevent")
UVICORN = ("app()", "--worker-class", "uvicorn_worker.UvicornWorker")
KINDS = {"threads": THREADS, "sync": SYNC, "gevent": GREENLETS, "uvicorn": UVICORN}


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["plain", "preload"])
@pytest.mark.parametrize("kind", ["threads", "uvicorn"])
def test_scenario_19_workers_that_start_at_once(shared: Log, kind: str, preload: list[str]) -> None:
    """Four workers start together on an empty database: every call is stored once, whoever answered it."""
    app, *options = KINDS[kind]
    with gunicorn(shared, "--workers", "4", *options, *preload, app=app) as host, load(host, 8) as calls:
        calls.wait_for(400)
        end(host, calls)
    shared.assert_exactly(all_calls(calls))


@pytest.mark.parametrize("kind", ["sync", "gevent"])
def test_scenario_19_workers_of_other_kinds(shared: Log, kind: str) -> None:
    """One call at a time, or threads that are greenlets: nothing is lost, and nothing waits for the log."""
    app, *options = KINDS[kind]
    with gunicorn(shared, "--workers", "2", *options, "--preload", app=app) as host, load(host, 8) as calls:
        calls.wait_for(400)
        end(host, calls)
    shared.assert_exactly(all_calls(calls))


@pytest.mark.parametrize("kind", ["threads", "uvicorn", "gevent"])
def test_workers_that_are_recycled_under_load(shared: Log, kind: str) -> None:
    """With ``max_requests`` workers end and begin again and again; each call is stored once."""
    app, *options = KINDS[kind]
    recycling = ("--max-requests", "100", "--max-requests-jitter", "50")
    with gunicorn(shared, "--workers", "3", *recycling, *options, app=app) as host, load(host, 8) as calls:
        calls.wait_for(600)
        end(host, calls)
    shared.assert_kept(calls)


def test_workers_that_are_killed_under_load(shared: Log) -> None:
    """What a worker leaves when it is killed is shipped by another; the master starts one in its place."""
    app, *options = THREADS
    with gunicorn(shared, "--workers", "3", *options, app=app) as host, load(host, 8) as calls:
        for number in range(1, 4):
            calls.wait_for(300 * number)
            os.kill(children(host.process.pid)[-1], signal.SIGKILL)
        calls.wait_for(len(calls.acknowledged) + 300)
        end(host, calls)
    shared.assert_kept(calls)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("kind", ["threads", "uvicorn"])
def test_workers_that_are_replaced_under_load(shared: Log, kind: str) -> None:
    """SIGHUP: all workers are replaced by new ones, and nothing is lost."""
    app, *options = KINDS[kind]
    with gunicorn(shared, "--workers", "2", *options, app=app) as host, load(host, 8) as calls:
        for number in range(1, 3):
            calls.wait_for(300 * number)
            host.send(signal.SIGHUP)
        calls.wait_for(len(calls.acknowledged) + 600)
        end(host, calls)
    shared.assert_kept(calls)


def test_terminated_with_an_open_tail(shared: Log) -> None:
    """SIGTERM under load: a page that follows the log does not keep the workers, and no call is lost."""
    app, *options = UVICORN
    with gunicorn(shared, "--workers", "2", *options, app=app) as host, load(host, 8) as calls:
        with open_tail(host):
            calls.wait_for(400)
            began = monotonic()
            host.send(signal.SIGTERM)
            host.process.wait(30)
            took = monotonic() - began
        calls.end()
    assert took <= PROMPT
    shared.assert_kept(calls)


@pytest.mark.parametrize("together", [True, False], ids=["one spool", "a spool each"])
def test_several_hosts_on_one_store(shared: Log, tmp_path_factory: pytest.TempPathFactory, together: bool) -> None:
    """Two hosts that know nothing of each other write to one store, from one spool folder or from two."""
    other = shared if together else Log(tmp_path_factory.mktemp("other"), shared.url)
    one, two = KINDS["threads"], KINDS["uvicorn"]
    with (
        gunicorn(shared, "--workers", "2", *one[1:], app=one[0]) as first,
        gunicorn(other, "--workers", "2", *two[1:], app=two[0]) as second,
        load(first, 4) as calls,
        load(second, 4) as others,
    ):
        for caller, host in ((calls, first), (others, second)):
            caller.wait_for(200)
            end(host, caller)
    other.settle()
    shared.assert_exactly(all_calls(calls, others))
