"""The example of the guide to following does what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration_logger.entry import Entry, Run
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Viewer
from tests.docs import pages
from tests.factories import make_entry
from tests.viewer.server import serving


def ran(job: str, rows: int, **fields: Any) -> Entry:
    run = Run(job_id=job, row_count=rows)
    return make_entry(**{"kind": "run", "log_type": "pipeline", "status_code": 200, "run": run} | fields)


@pytest.fixture
def names() -> dict[str, Any]:
    """What the blocks of the page define."""
    found: dict[str, Any] = {}
    for block in pages.blocks(pages.ROOT / "docs" / "guides" / "following.md", "python"):
        exec(block.text, found)
    return found


def test_the_model_is_trained_when_enough_rows_came(
    names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of successful runs of one pipeline add up over several starts, and begin anew after a training."""
    monkeypatch.chdir(tmp_path)
    store, trained = MemoryStore(), []
    with serving(Viewer(store, authorize=names["who"])) as url:
        for runs, expected in (
            ([ran("702", 6000), ran("703", 90_000), ran("702", 50_000, status="failed"), make_entry()], []),
            ([ran("702", 3999)], []),
            ([ran("702", 1)], [10_000]),
            ([ran("702", 9000)], [10_000]),
            ([], [10_000]),
            ([ran("702", 20_000)], [10_000, 29_000]),
        ):
            store.write(runs)
            names["retrain_when_rows_came"](url, {"Authorization": f"Bearer {names['TOKEN']}"}, trained.append)
            assert trained == expected


def test_failures_are_printed_once(
    names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loop goes on from its place."""
    monkeypatch.chdir(tmp_path)
    store = MemoryStore()
    with serving(Viewer(store, authorize=names["who"])) as url:
        for status, printed in (("failed", 1), ("completed", 0), ("failed", 1)):
            store.write([make_entry(status=status, integration="stripe")])
            names["print_failures"](url, {"Authorization": f"Bearer {names['TOKEN']}"}, follow=False)
            assert len(capsys.readouterr().out.splitlines()) == printed
