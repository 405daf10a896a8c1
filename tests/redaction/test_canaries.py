"""No secret of any class comes through in any place."""

from __future__ import annotations

import pytest

from integration_logger import codec
from integration_logger.redaction import Redactor
from tests.redaction.canaries import CANARIES, Canary

REDACTOR = Redactor()


@pytest.mark.parametrize("canary", CANARIES, ids=str)
def test_gone(canary: Canary) -> None:
    """Not eight bytes of it are in what goes to the spool, the list of masked places included."""
    entry = REDACTOR.redact(canary.entry(), 64 * 1024)
    canary.assert_gone(codec.encode(entry))
    assert entry.redacted
