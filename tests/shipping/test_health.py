"""Health of several processes through their spool into State, with nothing of what was captured in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from integration_logger import ALL, IntegrationLogger, Principal, Redactor
from integration_logger.entry import Entry
from integration_logger.shipping import account
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.reports import fold_reports
from integration_logger.stores.sql import sqlite
from tests.cli.commands import run
from tests.deadlines import eventually
from tests.records import record
from tests.redaction.canaries import CANARIES
from tests.redaction.test_faults import Ready
from tests.redaction.test_ways_out import assert_none
from tests.viewer.server import Client

WORKER = """
import sys
from integration_logger import IntegrationLogger
from tests.records import record
log = IntegrationLogger(sys.argv[1])
record(log, 5)
log.recorder.spool = type("Full", (), {"append": lambda self, payload: "spool full"})()
record(log, 3)
print("recorded", flush=True)
sys.stdin.read()
"""


def browser(log: IntegrationLogger) -> Client:
    return Client(log.viewer(authorize=lambda _: Principal("ana", role="owner", tenants=ALL)))


def told(client: Client) -> dict[str, Any]:
    data: dict[str, Any] = client.get("/api/health").json()
    return data


def test_every_process_says_the_same(tmp_path: Path) -> None:
    """What another process has counted and lost is told here, also after that was killed and its row was folded."""
    url = f"sqlite:///{tmp_path}/log.db"
    with closing(IntegrationLogger(url)) as log:
        client = browser(log)
        record(log, 2)
        command = [sys.executable, "-c", WORKER, url]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "recorded\n"
            eventually(lambda: (told(client)["totals"] or {}).get("dropped") == {"spool full": 3}, 20)
            os.kill(other.pid, signal.SIGKILL)
        eventually(lambda: told(client)["totals"]["captured"] == told(client)["totals"]["shipped"] == 7, 20)
        before = told(client)
        assert [(loss["reason"], loss["entries"]) for loss in before["losses"]] == [("spool full", 3)]
        assert before["status"] == "failing"
        assert {process["pid"] for process in before["processes"]} == {os.getpid(), other.pid}
        fold_reports(log.store.state, datetime.now(UTC) + timedelta(hours=2))
        after = told(client)
        assert {name: after["totals"][name] for name in ("captured", "shipped", "dropped")} == {
            "captured": 7, "shipped": 7, "dropped": {"spool full": 3},
        }  # fmt: skip
        assert other.pid not in {process["pid"] for process in after["processes"]}
        assert after["losses"] == before["losses"]


def test_a_log_that_was_closed_has_nothing_that_waits(tmp_path: Path) -> None:
    """The last word of a shipper is that all has been shipped: nothing seems to wait for ever after a good end."""
    url = f"sqlite:///{tmp_path}/log.db"
    with closing(IntegrationLogger(url)) as log:
        for _ in range(50):
            record(log, 20)
    with closing(IntegrationLogger(url, ship=None)) as log:
        totals = told(browser(log))["totals"]
    assert (totals["shipped"], totals["backlog_bytes"], totals["backlog_seconds"]) == (1000, 0, 0)


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"x" * 100)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def pages(path: Path) -> None:
    with path.open("r+b") as file:
        for at in range(8192, path.stat().st_size, 8192):
            file.seek(at)
            file.write(b"\xff" * 4000)


@pytest.mark.parametrize("damage", [overwritten, cut, pages])
@pytest.mark.parametrize("ship", ["thread", "process"])
def test_a_damaged_file_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None], ship: Any
) -> None:
    """That the SQLite file is damaged is told without waiting for traffic, and entries wait on the spool meanwhile."""
    monkeypatch.setattr(sqlite, "BUSY", 0.1)
    path = tmp_path / "log.db"
    with closing(IntegrationLogger(f"sqlite:///{path}")) as log:
        record(log, 300)
        assert log.flush()
    for beside in ("log.db-wal", "log.db-shm"):
        (tmp_path / beside).unlink(missing_ok=True)
    damage(path)
    with closing(IntegrationLogger(f"sqlite:///{path}", ship=ship)) as log:
        log.start()
        (problem,) = eventually(lambda: log.health().problems, 20)
        assert "not a database" in problem or "malformed" in problem
        record(log)
        assert not log.flush(0.3)
        data = told(browser(log))
        assert data["status"] != "ok"
        assert problem in [found["text"] for found in data["problems"]]
        log.close(0.1)


def test_nothing_captured_is_in_health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails over entries full of secrets: no answer about health quotes them, nor does a row in State."""

    def fails(entry: Entry) -> Entry:
        raise ValueError(str(entry))

    class Fragile(MemoryStore):
        """Fails with all that it was given, until it is mended."""

        mended = False

        def write(self, entries: Any, **options: Any) -> None:
            if not self.mended:
                raise RuntimeError(str([*entries]))
            super().write(entries, **options)

    monkeypatch.setattr(account, "TELL_EVERY", 0.0)
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    store = Fragile()
    made = IntegrationLogger(store, redact=Redactor(), processors=[fails], labels=lambda: 1 / 0)
    with closing(made) as log:
        log.instrument_metrics(provider)
        for canary in CANARIES[::5]:
            log.recorder.record(Ready(canary.entry()))
        eventually(lambda: log.health().problems)
        assert log.health().redaction_failed > 0
        client = browser(log)
        for path in ("/health", "/api/health", "/api/health?format=prometheus", "/"):
            assert_none(client.get(path).content, path)
        assert_none(str(log.health()), "health")
        metrics = reader.get_metrics_data()
        assert metrics is not None
        assert_none(metrics.to_json(), "metrics")
        store.mended = True
        rows = eventually(lambda: store.state.list("health"), 20)
        for value in rows.values():
            assert_none(value, "state")
    provider.shutdown()


def test_check_says_the_same_as_the_browser(tmp_path: Path) -> None:
    """The command reads the same reports, without any process of the application."""
    url = f"sqlite:///{tmp_path}/log.db"
    with closing(IntegrationLogger(url)) as log:
        record(log, 4)
        assert log.flush()
    done = run("check", url)
    assert done.exit_code == 0, done.output
    assert "4 entries captured, 4 shipped" in done.output
