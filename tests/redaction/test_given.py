"""What people give a Redactor, and what they quote in their errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integration_logger.entry import Entry
from integration_logger.errors import ConfigurationError
from integration_logger.redaction import Redactor


@pytest.mark.parametrize("names", ["password", 5, [5], [""], [" "], None])
@pytest.mark.parametrize("option", ["names", "keep"])
def test_names_are_a_list_of_names(option: str, names: Any) -> None:
    """Anything else is refused when the redactor is built, a single text too, which would be read letter by letter."""
    with pytest.raises(ConfigurationError, match=option):
        Redactor(**{option: names})


def test_no_names_are_no_objection() -> None:
    """Empty lists and tuples give the default rules."""
    assert Redactor(names=[], keep=())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\t"])
@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "npm_" + "a1B2" * 9])
def test_keys_in_the_repr_of_a_body(key: str, end: str) -> None:
    """A key behind a line's end that an error quotes as an escape is masked."""
    entry = Entry(
        id="a", kind="inbound", started_at=datetime(2026, 11, 20, tzinfo=UTC), status="failed", transaction_id="a",
        errors=(f"ValueError: cannot read {f'line{end}{key}'.encode()!r}",),
    )  # fmt: skip
    assert key not in str(Redactor().redact(entry, 1024))
