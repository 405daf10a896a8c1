"""uWSGI, where Python's threads do not run unless it is told so: each call is stored once all the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deadlines import eventually
from tests.reliability.host import FIRST
from tests.reliability.processes import Host, load, stored
from tests.reliability.servers import Log, all_calls, end, serving

pytestmark = pytest.mark.reliability

THREADS = {"without threads": [], "with threads": ["--enable-threads"]}
LOADS = {"forked": [], "lazy": ["--lazy-apps"]}
"""Whether the application is loaded before the workers are forked, or by each of them."""


@contextmanager
def uwsgi(log: Log, *options: str) -> Iterator[Host]:
    """Run the host under uWSGI."""
    command = [
        str(Path(sys.executable).with_name("pyuwsgi")), "--http-socket", "127.0.0.1:0", "--module",
        "tests.reliability.host:wsgi()", "--virtualenv", sys.prefix, "--master", "--need-app", "--die-on-term",
        "--disable-logging", "--listen", "64", *options,
    ]  # fmt: skip
    with serving(log, *command, announces=r"bound to TCP address 127.0.0.1:(\d+)") as host:
        yield host


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("loading", LOADS)
def test_every_call_is_stored_once(shared: Log, threads: str, loading: str) -> None:
    """Four workers that start at once on an empty database, with and without threads."""
    options = [*THREADS[threads], *LOADS[loading]]
    with uwsgi(shared, "--processes", "4", *options) as host, load(host, 8, 0, "close") as calls:
        calls.wait_for(400)
        end(host, calls)
    shared.assert_exactly(all_calls(calls))


def test_calls_reach_the_store_while_it_runs_without_threads(shared: Log) -> None:
    """Where no thread ships, a process of its own does, and what was called is in the store soon."""
    with uwsgi(shared, "--processes", "2") as host, load(host, 2, 20, "close") as calls:
        calls.wait_for(20)
        eventually(lambda: stored(shared.folder, shared.url), seconds=20)
        end(host, calls)
    shared.assert_exactly(all_calls(calls))


@pytest.mark.parametrize("loading", LOADS)
def test_a_call_while_the_application_is_loaded(shared: Log, monkeypatch: pytest.MonkeyPatch, loading: str) -> None:
    """Workers that inherit a logger which has recorded already write where nobody else does.

    Without threads: to fork while threads run, and not to tell Python, is not safe for Python itself.
    """
    monkeypatch.setenv(FIRST, "first")
    with uwsgi(shared, "--processes", "4", *LOADS[loading]) as host, load(host, 8, 0, "close") as calls:
        calls.wait_for(400)
        end(host, calls)
    shared.settle()
    found = stored(shared.folder, shared.url)
    first = found.pop("first")
    assert first == 1 or (loading == "lazy" and first <= 4)  # some may not have got so far when they were told to end
    assert found == dict.fromkeys(all_calls(calls), 1)


@pytest.mark.parametrize("threads", THREADS)
def test_workers_that_are_recycled_under_load(shared: Log, threads: str) -> None:
    """With ``max-requests`` workers end and begin again and again; each call is stored once."""
    options = ["--processes", "3", "--max-requests", "100", *THREADS[threads]]
    with uwsgi(shared, *options) as host, load(host, 6, 0, "close") as calls:
        calls.wait_for(1200)
        end(host, calls)
    shared.assert_kept(calls)
