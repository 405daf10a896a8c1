from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgresql
from tests.reliability.servers import Log


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """A log whose database is empty."""
    if request.param == "sqlite":
        yield Log(tmp_path, f"sqlite:///{tmp_path}/log.db")
    else:
        with postgresql.fresh_database("TEMPLATE template1") as url:
            yield Log(tmp_path, url)
