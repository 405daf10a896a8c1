"""What the sample shop does by itself is in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from integration_logger.demo import jobs
from integration_logger.testing import RecordingLogger, assert_redacted, recording


@pytest.fixture
def log() -> Iterator[RecordingLogger]:
    with recording() as log:
        yield log


class Prepared(Random):
    """Chance that is not left to chance."""

    def __init__(self, number: float) -> None:
        super().__init__(3)
        self.number = number

    def random(self) -> float:
        return self.number

    def lognormvariate(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return 0.001

    def uniform(self, a: float, b: float) -> float:
        return 0.001


def test_a_pipeline(log: RecordingLogger) -> None:
    """With set-up, rows and savepoints."""
    asyncio.run(jobs.copy_orders(log, Prepared(0.5)))
    (entry,) = log.entries
    assert entry.run is not None
    assert (entry.status, entry.log_type, entry.run.job_id) == ("completed", "pipeline", "702")
    assert entry.run.row_count
    first, last = (int(text.split()[1]) for text in (entry.run.initial_savepoint, entry.run.new_savepoint))
    assert first < last


def test_a_pipeline_whose_source_is_away(log: RecordingLogger) -> None:
    """The run has failed."""
    with pytest.raises(jobs.SourceAwayError):
        asyncio.run(jobs.copy_orders(log, Prepared(0.01)))
    assert [entry.outcome for entry in log.entries] == ["error"]


def test_a_model(log: RecordingLogger) -> None:
    """With the rows of its table."""
    asyncio.run(jobs.forecast(log, Prepared(0.5)))
    (entry,) = log.entries
    assert (entry.log_type, entry.run and entry.run.row_count) == ("model", 4_800 + Prepared(0.5).randrange(300))


def test_mail(log: RecordingLogger) -> None:
    """A run with a script and a call within it, of one bot, user and place; nothing secret is kept."""
    asyncio.run(jobs.remind(log, Prepared(0.5)))
    script, call, run = log.entries
    assert (script.parent_id, call.parent_id, call.method, call.status_code) == (run.id, run.id, "C2E", 250)
    assert {(entry.application, entry.labels["source_url"]) for entry in log.entries} == {
        ("reminder-bot", "/flows/abandoned-cart#mail")
    }
    assert_redacted([call], "hunter2")


def test_a_script_that_fails(log: RecordingLogger) -> None:
    """With its variables as they were."""
    with pytest.raises(jobs.NoPriceError):
        asyncio.run(jobs.remind(log, Prepared(0.2)))
    script, run = log.entries
    assert (script.error_type, run.outcome) == ("script", "error")
    assert (script.variables["cart"][2], script.variables["total"]) == ("GIFT-9", 91.5)
    assert script.variables["coupon"]["api_token"] == "[REDACTED]"
