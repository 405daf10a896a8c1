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


@pytest.mark.parametrize("canary", CANARIES, ids=str)
def test_once_is_enough(canary: Canary) -> None:
    """What has been redacted is redacted to the same, and nothing is found in it."""
    once = REDACTOR.redact(canary.entry(), 64 * 1024)
    kept, places = codec.encode(once), once.redacted
    twice = REDACTOR.redact(codec.decode(kept), 64 * 1024)
    assert twice.redacted == places
    assert codec.encode(twice) == kept
