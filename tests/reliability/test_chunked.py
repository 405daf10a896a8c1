"""Requests without Content-Length under real WSGI servers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import httpx
import pytest

from integration_logger.query import EVERYTHING, Query
from integration_logger.stores import open_store
from tests.reliability.processes import Host
from tests.reliability.servers import Log, gunicorn, serving

pytestmark = pytest.mark.reliability

PIECES = [b"x" * 1000, b"y" * 50_000, b"z"]


def werkzeug(log: Log) -> AbstractContextManager[Host]:
    flask = ["--app", "tests.reliability.host:wsgi", "run", "--port", "0"]
    return serving(log, sys.executable, "-m", "flask", *flask, announces=r"Running on http://127.0.0.1:(\d+)")


SERVERS: dict[str, Callable[[Log], AbstractContextManager[Host]]] = {"gunicorn": gunicorn, "werkzeug": werkzeug}


@pytest.mark.parametrize("server", SERVERS)
def test_scenario_15_a_chunked_request_is_read_in_full(tmp_path: Path, server: str) -> None:
    """The app gets all of a request in chunks without Content-Length, and the entry has its size."""

    def pieces() -> Iterator[bytes]:
        yield from PIECES

    log = Log(tmp_path, f"sqlite:///{tmp_path}/log.db")
    size = sum(map(len, PIECES))
    with SERVERS[server](log) as host:
        assert httpx.post(f"{host.site}/echo", content=pieces(), timeout=20).json()["received"] == size
    log.settle()
    with closing(open_store(log.url)) as store:
        (entry,) = store.stream(Query(scope=EVERYTHING))
    assert entry.request is not None
    assert (entry.request.size, entry.request.omitted, entry.status_code) == (size, None, 200)
