"""What only the API logs of Meta Humans offer."""

from __future__ import annotations

import pytest

from integration_logger.testing import RecordingLogger
from tests.reference.conftest import Reader


class PriceError(Exception):
    pass


def rule(log: RecordingLogger, cart: dict[str, object]) -> None:
    total = 112
    with log.script("price rule", variables=lambda: {"cart": cart, "total": total}, application="shop-bot"):
        total += 1
        raise PriceError("no price for MUG-2")


def test_h3_errors_of_scripts_with_their_variables(log: RecordingLogger, reader: Reader) -> None:
    """H3: a script's error is beside the API log, with the variables as they were, and without their secrets."""
    with log.call("C2E", application="shop-bot"), pytest.raises(PriceError):
        rule(log, {"lines": ["MUG-2"], "card": {"number": "4111111111111111", "password": "hunter2-Kan4rie"}})
    script, call = reader.items()[::-1]
    assert (script["kind"], script["outcome"], script["parent_id"]) == ("script", "error", call["id"])
    entry = reader.one("kind=script")
    assert entry["errors"] == ["PriceError: no price for MUG-2"]
    assert "in rule" in entry["traceback"]
    assert entry["variables"] == {
        "cart": {"lines": ["MUG-2"], "card": {"number": "[REDACTED]", "password": "[REDACTED]"}},
        "total": 113,
    }


def test_h3_what_is_invalid_and_does_not_stop(log: RecordingLogger, reader: Reader) -> None:
    """H3: reasons that a script finds itself are noted, and it goes on."""
    with log.script("address check", variables={"email": "ana at example"}) as script:
        script.error("email: invalid")
    entry = reader.one("kind=script&has_errors=true")
    assert (entry["outcome"], entry["errors"]) == ("success", ["email: invalid"])
    assert entry["variables"] == {"email": "ana at example"}
