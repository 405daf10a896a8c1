"""The Flask application of the demo: what it answers, what the log has of it, and that it is called and counted."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx
import pytest

from integration_logger import IntegrationLogger
from integration_logger.cli.demonstration import SEED, account
from integration_logger.demo import traffic, warehouse
from integration_logger.demo.traffic import Call
from integration_logger.query import EVERYTHING, Query
from integration_logger.testing import RecordingLogger, recording
from tests.adapters.clients import VERIFY
from tests.deadlines import eventually

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def log() -> Iterator[RecordingLogger]:
    with recording() as log:
        yield log


@pytest.fixture
def site(log: RecordingLogger) -> Iterator[str]:
    """A warehouse, served as the demo serves it."""
    with warehouse.serving(warehouse.warehouse(log)) as site:
        yield site


def send(call: Call) -> httpx.Response:
    """Send a call over HTTP."""
    return httpx.request(call.method, call.url, headers=call.headers, content=call.body, verify=VERIFY)


def scanned(site: str, body: str) -> Call:
    """Return a call of a known scanner with a body of choice."""
    return traffic.stock_change(Random(1), site)._replace(body=body.encode())


def test_a_scanner_changes_the_stock(site: str, log: RecordingLogger) -> None:
    """The answer says what there is then; the entry has labels and route, and not what the scanner is known by."""
    change = scanned(site, '{"sku": "MUG-01", "by": -3, "scanner": "scanner-2"}')
    answer = send(change._replace(headers={**change.headers, "X-Request-Id": "call-1"}))
    assert answer.json() == {"sku": "MUG-01", "pieces": warehouse.AT_FIRST - 3}
    (entry,) = log.entries
    assert (entry.kind, entry.status_code, entry.route) == ("inbound", 200, "/webhooks/stock")
    assert (entry.application, entry.integration, entry.operation) == ("warehouse", "scanners", "stock")
    assert entry.tenant in ("acme", "globex", "initech")
    assert (entry.user_id, entry.labels["request_id"]) == ("scanner-2", "call-1")
    assert entry.request is not None
    assert dict(entry.request.headers)["authorization"] == "Bearer [REDACTED]"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"sku": "MUG-01", "by": -41, "scanner": "scanner-2"}', 409),
        ('{"sku": "GIFT-9", "by": 1, "scanner": "scanner-2"}', 422),
        ('{"sku": "MUG-01", "by": "one", "scanner": "scanner-2"}', 422),
        ("[]", 422),
        ("{", 400),
        ("", 400),
    ],
)
def test_a_change_that_cannot_be(body: str, status: int, site: str, log: RecordingLogger) -> None:
    """More than there is, what there is not, and what is no change is refused, and changes nothing."""
    assert send(scanned(site, body)).status_code == status
    assert "MUG-01,Stoneware mug,40" in send(traffic.list_stock(Random(1), site)).text
    assert [entry.status_code for entry in log.entries] == [status, 200]


def test_an_unknown_scanner_is_refused(site: str, log: RecordingLogger) -> None:
    """What does not know the key is answered with 401."""
    change = traffic.stock_change(Random(1), site)
    for unknown in ("Bearer guessed", "Bearer \xe9"):
        headers = httpx.Headers({**change.headers, "Authorization": unknown}, encoding="latin-1")
        answer = httpx.post(change.url, headers=headers, content=change.body, verify=VERIFY)
        assert answer.status_code == 401
    assert [entry.status_code for entry in log.entries] == [401, 401]


def test_no_change_is_lost_between_threads(site: str) -> None:
    """Scanners that call at one time are all heard."""
    change = scanned(site, '{"sku": "MUG-01", "by": -1, "scanner": "scanner-1"}')
    threads = [threading.Thread(target=send, args=[change]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert f"MUG-01,Stoneware mug,{warehouse.AT_FIRST - 8}" in send(traffic.list_stock(Random(1), site)).text


def test_the_stock_comes_line_by_line(site: str, log: RecordingLogger) -> None:
    """The generator's pieces reach the caller as they are made, and the entry has them all."""
    call = traffic.list_stock(Random(1), site)
    with httpx.stream(call.method, call.url, headers=call.headers, verify=VERIFY) as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        text = answer.read().decode()
    assert len(text.splitlines()) == 6
    (entry,) = log.entries
    assert entry.response is not None
    assert (entry.response.body, entry.operation) == (text.encode(), "list_stock")


def test_what_the_warehouse_does_not_handle(site: str, log: RecordingLogger, capfd: pytest.CaptureFixture[str]) -> None:
    """An exception is answered with 500, the entry names it, and nothing is printed, because it is meant to be."""
    assert send(traffic.count_stock(Random(1), site)).status_code == 500
    (entry,) = log.entries
    assert (entry.status_code, entry.outcome, entry.route) == (500, "error", "/api/counts")
    assert "ScalesAwayError: the scales do not answer" in entry.errors
    assert capfd.readouterr() == ("", "")


def test_its_end_waits_for_the_answers(log: RecordingLogger) -> None:
    """What was being answered is answered to its end, and recorded, before the block is left."""
    with httpx.Client(verify=VERIFY) as client:
        with warehouse.serving(warehouse.warehouse(log)) as site:
            answer = client.send(client.build_request("GET", f"{site}/api/stock.csv"), stream=True)
        assert [entry.status_code for entry in log.entries] == [200]
        assert len(answer.read().splitlines()) == 6


def test_its_calls_are_made_and_counted(tmp_path: Path) -> None:
    """The traffic brings each kind of call to the warehouse, and the account finds every answered one in the log."""
    began, ledger = datetime.now(UTC), tmp_path / "ledger"
    command = [sys.executable, "-W", "error", "-m", "integration_logger.demo.traffic", NOWHERE]

    def routes() -> set[str | None]:
        log.flush(timeout=10)
        log.store.open()
        found = Query.parse([("kind", "inbound"), ("since", began.isoformat())], EVERYTHING)
        return {entry.route for entry in log.store.stream(found)}

    with (
        closing(IntegrationLogger(f"sqlite:///{tmp_path}/log.db")) as log,
        warehouse.serving(warehouse.warehouse(log)) as site,
    ):
        with (
            ledger.open("wb") as output,
            subprocess.Popen([*command, site, str(SEED)], stdin=subprocess.PIPE, stdout=output) as process,
        ):
            try:
                eventually(lambda: routes() == {"/webhooks/stock", "/api/stock.csv", "/api/counts"}, 30)
                process.communicate(timeout=30)
            finally:
                process.kill()
        log.flush(timeout=10)
        found = account(ledger, log.store, began)
    assert process.returncode == 0
    assert found.faultless
    assert found.sent > found.stored == found.answered >= 3  # nobody answers for the shop
