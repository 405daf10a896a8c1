"""A logger that leaves shipping to others notices when there are none."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from integration_logger import IntegrationLogger
from integration_logger.shipping import neglect
from integration_logger.shipping.process import make_shipper
from tests.deadlines import eventually
from tests.records import record


def test_entries_that_nobody_ships_are_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said after a while, not while somebody has the folder, and not once all is shipped."""
    monkeypatch.setattr(neglect, "PATIENCE", 0.2)
    with closing(IntegrationLogger(f"sqlite:///{tmp_path}/log.db", ship=None)) as log:
        record(log)
        eventually(lambda: log.health().problems == ("nobody ships the spool",))
        assert log._job is not None
        shipper = make_shipper(log._job)
        with closing(shipper.store):
            eventually(lambda: shipper.ship() == 0 and log.health().problems == ())
            record(log)
            assert log.health().problems == ()
            shipper.close()
        eventually(lambda: log.health().problems == ("nobody ships the spool",))


def test_it_is_not_said_at_once(tmp_path: Path) -> None:
    """A shipper that is being restarted is no problem."""
    with closing(IntegrationLogger(f"sqlite:///{tmp_path}/log.db", ship=None)) as log:
        record(log)
        assert log.health().problems == ()
