"""``kill -9``: no call that its client has seen complete is lost, and none is stored twice."""

from __future__ import annotations

import random
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from integration_logger.spool.segments import segments
from tests.reliability.processes import assert_stored, host, load, shipped, spool

pytestmark = pytest.mark.reliability

ROUNDS = 10
CALLS = 1000
"""Acknowledged calls of each round, at least."""


def test_killed_under_load(tmp_path: Path) -> None:
    """Ten times a host dies at a random instant under load; the next one ships what it left."""
    rng = random.Random()
    acknowledged: set[str] = set()
    for _ in range(ROUNDS):
        with host(tmp_path) as running, load(running) as calls:
            calls.wait_for(CALLS + rng.randrange(4 * CALLS))
            running.send(signal.SIGKILL)
            calls.end()
        assert len(calls.acknowledged) >= CALLS
        acknowledged |= calls.acknowledged
    with host(tmp_path):
        shipped(tmp_path)
    assert len(acknowledged) >= ROUNDS * CALLS
    assert_stored(tmp_path, acknowledged)
    assert [*spool(tmp_path).glob("corrupt/*")] == []
    assert [*spool(tmp_path).glob("rejected/*")] == []


def test_killed_while_the_store_is_locked(tmp_path: Path) -> None:
    """What was only on the spool when the host died is shipped by the next one."""
    with host(tmp_path) as running:
        with load(running) as calls:
            calls.wait_for(100)
        shipped_before = len(calls.acknowledged)
        with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with load(running) as more:
                more.wait_for(CALLS)
                running.send(signal.SIGKILL)
                more.end()
            assert segments(spool(tmp_path)) != []
            other.execute("ROLLBACK")
    with host(tmp_path):
        shipped(tmp_path)
    assert shipped_before >= 100
    assert_stored(tmp_path, calls.acknowledged | more.acknowledged)


def test_one_worker_is_killed(tmp_path: Path) -> None:
    """A host that lives ships at once what another one on the same log has left when it died."""
    with host(tmp_path) as first, host(tmp_path) as second, load(first) as calls, load(second) as others:
        calls.wait_for(500)
        others.wait_for(500)
        first.send(signal.SIGKILL)
        calls.end()
        others.end()
        second.send(signal.SIGTERM)
        second.output(timeout=10)
    with host(tmp_path):
        shipped(tmp_path)
    assert_stored(tmp_path, calls.acknowledged | others.acknowledged)
