"""The log browser in the workers of WSGI servers: tabs that follow the log get all of it, and the host its answers."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.deadlines import eventually
from tests.reliability.processes import Host, load
from tests.reliability.servers import Log, all_calls, end, gunicorn
from tests.reliability.test_uwsgi import uwsgi

pytestmark = pytest.mark.reliability

SERVERS: dict[str, Callable[[Log], AbstractContextManager[Host]]] = {
    "sync": lambda log: gunicorn(log, "--workers", "2", "--worker-class", "sync", "--preload"),
    "threads": lambda log: gunicorn(log, "--workers", "2", "--worker-class", "gthread", "--threads", "4"),
    "gevent": lambda log: gunicorn(log, "--workers", "2", "--worker-class", "gevent"),
    "uwsgi": lambda log: uwsgi(log, "--processes", "2"),
}


class Tab(threading.Thread):
    """A page that follows the log; it asks oftener than the page does."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.seen: list[int] = []
        self.refused: list[int] = []
        self.ended = threading.Event()

    def run(self) -> None:
        last = "0"
        with httpx.Client(timeout=30) as client:
            while not self.ended.wait(0.1):
                answer = client.get(f"{self.address}api/stream", headers={"last-event-id": last})
                if answer.status_code != 200:
                    self.refused.append(answer.status_code)
                self.seen += map(int, re.findall(r"^id: (\d+)\nevent: entry$", answer.text, re.MULTILINE))
                last = re.findall(r"^id: (\d+)$", answer.text, re.MULTILINE)[-1]


@contextmanager
def tabs(host: Host, count: int) -> Iterator[list[Tab]]:
    found = [Tab(f"http://127.0.0.1:{host.port}{place}") for place in ["/logs/", "/a/b/logs/"] * (count // 2)]
    for tab in found:
        tab.start()
    try:
        yield found
    finally:
        for tab in found:
            tab.ended.set()
        for tab in found:
            tab.join(30)


@pytest.mark.parametrize("server", SERVERS)
def test_ten_tabs_on_two_workers(tmp_path: Path, server: str) -> None:
    """Every request of the host and of the tabs is answered, and each tab sees every call once and in order."""
    log = Log(tmp_path, f"sqlite:///{tmp_path}/log.db")
    with SERVERS[server](log) as host:
        with tabs(host, 10) as followers:
            with load(host, 4, 60, "close") as calls:
                calls.wait_for(60)
            made = all_calls(calls)
            for tab in followers:
                eventually(lambda tab=tab: len(tab.seen) >= len(made), seconds=20)  # type: ignore[misc]
                assert tab.seen == [*range(1, len(made) + 1)]
                assert tab.refused == []
        end(host, calls)
    log.assert_exactly(made)
