from __future__ import annotations

import os
import re
import select
import signal
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from integration_logger.cli.demonstration import account
from integration_logger.stores.memory import MemoryStore
from tests.factories import make_entry
from tests.processes import started


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose temporary folder is the test's, and whose proxy leads nowhere."""
    return {**os.environ, "TMPDIR": str(tmp_path), "HTTP_PROXY": "http://127.0.0.1:9", "NO_COLOR": "1"}


def test_a_short_run_loses_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    """A headless run says what was sent, answered and stored, loses nothing, and leaves nothing behind."""
    with started("demo", "--port", "0", "--seconds", "3", "--headless", env=environment) as demo:
        assert demo.process.wait() == 0, demo.stdout.read() + demo.stderr.read()
        figures = {name: int(figure) for name, figure in re.findall(r"(\w+) +(\d+)", demo.stdout.read())}
        assert demo.stderr.read() == ""
    assert figures.keys() == {"sent", "answered", "stored", "lost", "twice"}
    assert figures["sent"] >= figures["stored"] >= figures["answered"] > 0
    assert (figures["lost"], figures["twice"]) == (0, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.alone
def test_it_ends_cleanly(signal_number: int, environment: dict[str, str], tmp_path: Path) -> None:
    """The demo is ready within ten seconds, and Ctrl-C ends both processes and its folder under an open log browser."""
    began = time.monotonic()
    with started("demo", "--port", "0", env=environment) as demo:
        address = re.search(r"http://\S+", demo.stdout.readline())
        assert address is not None, demo.stderr.read()
        assert time.monotonic() - began < 10
        (child,) = child_processes(demo.process.pid)
        with httpx.Client(trust_env=False, follow_redirects=True) as browser:
            page = browser.get(address[0])
            assert page.status_code == 200
            with browser.stream("GET", page.url.join("api/stream")) as tail:
                assert tail.status_code == 200
                demo.process.send_signal(signal_number)
                assert demo.process.wait() == 0
        assert demo.stderr.read() == ""
    assert not Path(f"/proc/{child}").exists()
    assert list(tmp_path.iterdir()) == []


def child_processes(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def test_the_traffic_ends_with_the_demo(environment: dict[str, str]) -> None:
    """Where the demo is killed, its traffic ends by itself."""
    with started("demo", "--port", "0", env=environment) as demo:
        demo.stdout.readline()
        (child,) = child_processes(demo.process.pid)
        ended = os.pidfd_open(child)
        demo.process.kill()
    # a pidfd becomes readable when its process has ended
    assert select.select([ended], [], [], 30)[0]
    os.close(ended)


def test_a_taken_port_is_named(environment: dict[str, str]) -> None:
    """A port that cannot be used is one clear line and status 1."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        started("demo", "--port", str(taken.getsockname()[1]), env=environment) as demo,
    ):
        assert demo.process.wait() == 1
        complaint = demo.stderr.read()
    assert complaint.count("\n") == 1
    assert "--port" in complaint


def test_what_is_not_stored_counts_as_lost(tmp_path: Path) -> None:
    """Only answered calls must be stored; one that is missing is lost, one that is stored twice is counted too."""
    ledger = tmp_path / "ledger"
    ledger.write_text("sent a\nsent b\nsent c\nanswered a\nanswered b\n")
    store = MemoryStore()
    began = datetime.now(UTC)
    store.write([make_entry(labels={"request_id": "a"}, started_at=began) for _ in range(2)])
    found = account(ledger, store, began)
    assert (found.sent, found.answered, found.stored, found.lost, found.twice) == (3, 2, 1, 1, 1)
    assert not found.faultless
