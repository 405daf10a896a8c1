"""Signals that are not the end: SIGTERM is answered in time, SIGSTOP costs nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from time import monotonic

import httpx
import pytest

from integration_logger import IntegrationLogger
from integration_logger.spool.segments import segments
from tests.deadlines import eventually
from tests.reliability.processes import Host, assert_stored, host, load, shipped, spool, workers

pytestmark = pytest.mark.reliability

PROMPT = 5.0
"""Seconds within which a host ends that was asked to."""


@contextmanager
def open_tail(running: Host) -> Iterator[None]:
    """Read the live tail of a host as a page does, coming back whenever the stream ends."""
    opened, closing_down = threading.Event(), threading.Event()

    def read() -> None:
        with suppress(httpx.HTTPError), httpx.Client(trust_env=False, timeout=None) as client:
            while not closing_down.is_set():
                with client.stream("GET", f"{running.site}/logs/api/stream") as stream:
                    for _ in stream.iter_raw():
                        opened.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert opened.wait(10)
    yield
    closing_down.set()
    running.process.kill()
    thread.join(20)


@pytest.mark.parametrize("tail", [False, True], ids=["", "with an open tail"])
@pytest.mark.parametrize("words", [["handler"], ["handler", "bare"]], ids=["lifespan", "without lifespan"])
def test_terminated_under_load(tmp_path: Path, tail: bool, words: list[str]) -> None:
    """SIGTERM: the app's own handler is called, all calls are in the store, and the host has ended in time."""
    with host(tmp_path, *words) as running, load(running) as calls:
        with open_tail(running) if tail else nullcontext():
            calls.wait_for(500)
            began = monotonic()
            running.send(signal.SIGTERM)
            output = running.output(timeout=20)
            took = monotonic() - began
        calls.end()
    assert output == "its own handler\nended\n"
    assert running.process.returncode == 0
    assert segments(spool(tmp_path)) == []
    assert_stored(tmp_path, calls)
    assert took <= PROMPT


def test_terminated_without_a_handler(tmp_path: Path) -> None:
    """Where SIGTERM ends the process at once, as it does after uvicorn has finished, nothing is lost."""
    with host(tmp_path) as running, load(running) as calls:
        calls.wait_for(500)
        began = monotonic()
        running.send(signal.SIGTERM)
        running.output(timeout=20)
        assert monotonic() - began <= PROMPT
        calls.end()
    with host(tmp_path):
        shipped(tmp_path)
    assert_stored(tmp_path, calls)


def test_stopped_and_continued(tmp_path: Path) -> None:
    """A host that is stopped for a while is not taken for dead; it goes on where it was, and nothing is lost."""
    with host(tmp_path) as running, load(running) as calls:
        calls.wait_for(500)
        running.send(signal.SIGSTOP)
        before = segments(spool(tmp_path))
        with closing(IntegrationLogger(f"sqlite:///{tmp_path}/log.db")) as other:
            other.start()
            other.flush()
            waiting = threading.Event()
            waiting.wait(1.5)
            assert segments(spool(tmp_path)) == before
        calls.process.send_signal(signal.SIGCONT)
        running.send(signal.SIGCONT)
        calls.wait_for(len(calls.acknowledged) + 500)
        calls.end()
        running.send(signal.SIGTERM)
        running.output()
    with host(tmp_path):
        shipped(tmp_path)
    assert_stored(tmp_path, calls)


def test_workers_that_start_at_once(tmp_path: Path) -> None:
    """Two workers that start together on nothing share the log: every call is stored once, whoever answered it."""
    with workers(tmp_path, 2) as running, load(running, connections=8) as calls:
        calls.wait_for(400)
        calls.end()
        eventually(lambda: len(calls.acknowledged) > 0)
        running.send(signal.SIGTERM)
        running.output(timeout=20)
    with host(tmp_path):
        shipped(tmp_path)
    assert_stored(tmp_path, calls)
