"""``integration-logger ship``: one process beside the application that moves what it has spooled."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from integration_logger import IntegrationLogger, Retention, Rule
from integration_logger.entry import Entry
from integration_logger.query import EVERYTHING, Query
from integration_logger.spool.segments import segments
from integration_logger.stores import open_store
from integration_logger.stores.integration_health import read_records
from tests.cli.commands import run
from tests.deadlines import eventually
from tests.processes import started
from tests.records import record

SHIPPING, WAITING, NO_FOLDER = "Shipping ", "Another process ships ", "There is no folder "


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a store that is not there yet."""
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
def log(url: str) -> Iterator[IntegrationLogger]:
    """The logger of an application that leaves shipping to others."""
    with closing(IntegrationLogger(url, ship=None)) as log:
        yield log


def entries(url: str) -> list[Entry]:
    with closing(open_store(url)) as store:
        return [*store.stream(Query(scope=EVERYTHING, order="asc"))]


def ids(url: str) -> list[str]:
    return [entry.id for entry in entries(url)]


def test_it_ships_what_an_application_spools(url: str, log: IntegrationLogger) -> None:
    """What is there and what comes is stored, in order; SIGTERM ends it with status 0 and an account."""
    recorded = record(log, 300)
    with started("ship", url) as running:
        assert running.stdout.readline().startswith(SHIPPING)
        recorded += record(log, 20)
        eventually(lambda: len(ids(url)) == 320)
        running.process.send_signal(signal.SIGTERM)
        assert running.stdout.read().startswith("320 shipped")
        assert running.process.wait() == 0
        assert running.stderr.read() == ""
    assert ids(url) == recorded


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_promptly_after_shipping_what_is_there(
    url: str, log: IntegrationLogger, number: signal.Signals
) -> None:
    """What was recorded just before the signal is shipped before the end."""
    with started("ship", url, "--spool", str(spool(url))) as running:
        running.stdout.readline()
        recorded = record(log, 500)
        running.process.send_signal(number)
        assert running.process.wait(10) == 0
    assert ids(url) == recorded


def spool(url: str) -> Path:
    return Path(f"{url.removeprefix('sqlite:///')}.spool")


def test_it_waits_while_another_ships_and_takes_over(url: str, log: IntegrationLogger) -> None:
    """A second one says that it waits, and goes on in the instant that the first is killed."""
    record(log)
    with started("ship", url) as first:
        assert first.stdout.readline().startswith(SHIPPING)
        with started("ship", url) as second:
            assert second.stdout.readline().startswith(WAITING)
            first.process.kill()
            first.process.wait()
            recorded = record(log, 10)
            assert second.stdout.readline().startswith(SHIPPING)
            eventually(lambda: {*recorded} <= {*ids(url)})
    assert len(ids(url)) == 11


def test_a_folder_that_is_not_there_yet(url: str, log: IntegrationLogger) -> None:
    """It says that it waits for the application, and begins when that has begun."""
    with started("ship", url) as running:
        assert running.stdout.readline().startswith(f"{NO_FOLDER}{spool(url)}")
        recorded = record(log, 3)
        assert running.stdout.readline().startswith(SHIPPING)
        eventually(lambda: ids(url) == recorded)


def test_a_folder_of_another_store(url: str, log: IntegrationLogger, tmp_path: Path) -> None:
    """Another store's folder is refused in one line, and nothing of it is touched."""
    record(log)
    result = run("ship", f"sqlite:///{tmp_path}/other.db", "--spool", str(spool(url)))
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert f"belongs to another store ({url})" in result.output
    assert not (tmp_path / "other.db").exists()
    assert segments(spool(url)) != []


def test_a_store_in_memory_is_refused(tmp_path: Path) -> None:
    """A store that lives in another process cannot be shipped to, with a folder or without."""
    for words in ([], ["--spool", str(tmp_path)]):
        result = run("ship", "memory:", *words)
        assert result.exit_code == 2
        assert "memory:" in result.output


def test_wrong_words_are_refused(url: str) -> None:
    """A period that is none, and a store of an unknown scheme, are wrong usage."""
    assert run("ship", url, "--retention", "for ever").exit_code == 2
    assert run("ship", "carrier-pigeon://coop").exit_code == 2


def test_a_store_that_is_away_is_tried_again(url: str, log: IntegrationLogger, tmp_path: Path) -> None:
    """While the store cannot be written it says so once, keeps everything, and ships when it is back."""
    record(log, 5)
    with started("ship", url) as running:
        eventually(lambda: (tmp_path / "log.db").exists() and len(ids(url)) == 5)
        with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            record(log, 5)
            assert "entries wait on the spool" in running.stderr.readline()
            other.execute("ROLLBACK")
        eventually(lambda: len(ids(url)) == 10, seconds=20)


# --- rules of retention ----------------------------------------------------------------------------------


def days_kept(url: str) -> list[timedelta]:
    return [entry.expires_at - entry.started_at for entry in entries(url) if entry.expires_at]


def test_the_rules_of_the_application_are_kept(url: str) -> None:
    """All rules that the application was given hold, also those of one that starts anew with others meanwhile."""
    rules = Retention("9 days", rules=[Rule("2 days", kind="inbound", outcome="success")], max_rows=1000)
    with closing(IntegrationLogger(url, ship=None, retention=rules)) as log, started("ship", url) as running:
        record(log)
        eventually(lambda: days_kept(url) == [timedelta(days=2)])
        with closing(IntegrationLogger(url, ship=None, retention="5 days")) as other:
            other.start()
            running.stdout.readline()
            eventually(lambda: record(other) and timedelta(days=5) in days_kept(url))


def test_how_integrations_do_is_told_there(url: str, log: IntegrationLogger) -> None:
    """An application that leaves shipping to the command asks no store; the command counts for it."""
    with log.call("charge", integration="stripe", tenant="acme"):
        pass
    assert log.health().observers == {}
    assert not Path(url.removeprefix("sqlite:///")).exists()
    with started("ship", url):
        eventually(lambda: counted(url) == [("acme", "stripe")], seconds=30)


def counted(url: str) -> list[tuple[str | None, str]]:
    with closing(open_store(url)) as store:
        return [(tenant, found.integration) for tenant, found in read_records(store.state, EVERYTHING)]


def test_rules_that_are_given_win(url: str) -> None:
    """``--retention``, or its variable, stands above what the application says."""
    with closing(IntegrationLogger(url, ship=None, retention="9 days")) as log:
        record(log)
        with started("ship", url, "--retention", "3 days"):
            eventually(lambda: days_kept(url) == [timedelta(days=3)])
        record(log)
        with started("ship", url, env={**os.environ, "INTEGRATION_LOGGER_RETENTION": "4 days"}):
            eventually(lambda: len(days_kept(url)) == 2)
    assert days_kept(url) == [timedelta(days=3), timedelta(days=4)]


def test_rules_that_cannot_be_read(url: str, log: IntegrationLogger) -> None:
    """Damaged rules are told, and no guess is made for how long somebody wants to keep what."""
    record(log)
    for damaged in (b"", b"{", b"[]", b'{"rules": []}', b'{"rules": [["x", null, {}]], "max_rows": 1}', b"\xff"):
        (spool(url) / "retention.json").write_bytes(damaged)
        result = run("ship", url)
        assert result.exit_code == 1, damaged
        assert "give --retention" in result.output


def test_it_ships_without_a_terminal(url: str, log: IntegrationLogger) -> None:
    """Under a service manager, without standard input, it goes on until it is asked to end."""
    recorded = record(log, 3)
    command = [sys.executable, "-m", "integration_logger", "ship", url]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: (spool(url).parent / "log.db").exists() and ids(url) == recorded)
            assert process.poll() is None
        finally:
            process.kill()
