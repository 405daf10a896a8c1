"""The program that ships: from a job to a shipper, and promptly to its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from integration_logger import IntegrationLogger, Retention, Rule, options
from integration_logger.query import EVERYTHING
from integration_logger.shipping.background import Background
from integration_logger.shipping.process import ASKS_TO_END, Ending, make_shipper, run
from integration_logger.spool.segments import segments
from integration_logger.stores import open_store
from tests.records import record, stored


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the handlers of signals back."""
    before = {number: signal.getsignal(number) for number in ASKS_TO_END}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", ASKS_TO_END)
def test_it_is_asked_to_end_by_signals(number: signal.Signals) -> None:
    """SIGTERM and SIGINT ask, and interrupt nothing."""
    ending = Ending()
    assert not ending.asked
    os.kill(os.getpid(), number)
    assert ending.asked


def test_it_ships_what_is_there_before_the_end(tmp_path: Path) -> None:
    """One that is told to end at once has shipped everything, by the rules of its job, and left the folder."""
    url = f"sqlite:///{tmp_path}/log.db"
    rules = Retention("9 days", rules=[Rule("2 days", outcome="success")])
    with closing(IntegrationLogger(url, ship=None)) as log:
        ids = record(log, 300)
    spool = options.read_spool(tmp_path / "log.db.spool", url)
    job = options.read_job(None, url, options.store_name(url), spool, rules)
    assert job is not None
    shipper = make_shipper(job)
    run(Background(None, shipper), lambda: False)
    assert not shipper.has_folder
    assert segments(tmp_path / "log.db.spool") == []
    with closing(open_store(url)) as store:
        assert stored(store) == ids
        entry = store.get(ids[0], EVERYTHING)
    assert entry is not None
    assert entry.expires_at == entry.started_at + timedelta(days=2)
