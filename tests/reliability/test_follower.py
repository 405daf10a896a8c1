"""Four processes write one store while readers follow it from the start, and purges happen."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.postgresql import fresh_database
from tests.reliability.follower import run

pytestmark = pytest.mark.reliability


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_followed_from_the_start(tmp_path: Path, store: str) -> None:
    """Every call is stored once, and both readers get every entry once, in ascending order, while others are purged."""
    with fresh_database() if store == "postgresql" else nullcontext(f"sqlite:///{tmp_path}/log.db") as url:
        result = run(url, tmp_path, seconds=5)
    assert result.wrong == []
    assert result.calls > 200
