"""Calls that go out of workers that were forked from one process."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import httpx

from integration_logger import IntegrationLogger, Redactor
from integration_logger.query import EVERYTHING, Query
from integration_logger.testing import RecordingLogger

WORKERS, CALLS = 4, 25


def test_scenario_19_workers_of_a_preloaded_application(tmp_path: Path) -> None:
    """Client, patched library and logger are made before the fork, and used before it: each call is stored once."""
    log = IntegrationLogger(f"sqlite:///{tmp_path}/log.db", redact=Redactor(), ship=None)
    undo = log.instrument_httpx()
    client = log.httpx(httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))))
    try:
        client.get("http://master.example/")
        workers = [_worker(client, number) for number in range(WORKERS)]
        assert [os.waitpid(pid, 0)[1] for pid in workers] == [0] * WORKERS
        client.get("http://master.example/")
    finally:
        undo()
        client.close()
        log.close()
    while log._shipper.ship():
        pass
    found = Counter(entry.url for entry in log.store.stream(Query(scope=EVERYTHING, order="asc")))
    wanted = {f"http://worker{number}.example/{call}": 1 for number in range(WORKERS) for call in range(CALLS)}
    assert found == wanted | {"http://master.example/": 2}
    log.store.close()


def _worker(client: httpx.Client, number: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            for call in range(CALLS):
                client.get(f"http://worker{number}.example/{call}")
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def test_a_fork_within_a_call(log: RecordingLogger) -> None:
    """The child leaves the call of its parent, too; it is its parent's, which records how it went on."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=iter((b"a", b"b"))))
    reader, writer = os.pipe()
    with log.httpx(httpx.Client(transport=transport)) as client, client.stream("GET", "http://a.example/") as response:
        parts = response.iter_raw()
        assert next(parts) == b"a"
        if (child := os.fork()) != 0:
            assert [*parts] == [b"b"]
    if child == 0:
        os.write(writer, bytes([log.recorder.captured, len(log.recorder.under_way)]))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 2) == b"\0\0"
    (entry,) = log.entries
    assert entry.response is not None
    assert (entry.response.body, entry.response.truncated) == (b"ab", False)
