from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import write


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of an empty SQLite store."""
    url = f"sqlite:///{tmp_path}/log.db"
    write(url)
    return url
