"""Exports take the same memory however much is exported."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from integration_logger.exports import CSV, HAR, NDJSON, export
from integration_logger.exports.columns import read_columns
from integration_logger.ids import new_id
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores import store_from_url
from tests.factories import make_entry

BATCHES, ENTRIES, BODY = 50, 40, 20_000
MEMORY = 60  # megabytes over what the process had before
STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells a process the most memory that it has had")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Each file is larger than what it may take, with bodies, and one process makes all of them."""
    url = f"sqlite:///{tmp_path}/log.db"
    entries = [make_entry(body_size=BODY) for _ in range(ENTRIES)]
    with closing(store_from_url(url)) as store:
        store.open()
        for _ in range(BATCHES):
            store.write([msgspec.structs.replace(entry, id=new_id()) for entry in entries])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        sizes, grown = pool.apply(_exported, (url,))
    assert min(sizes) > MEMORY * 1e6
    assert grown < MEMORY * 1e6


def _exported(url: str) -> tuple[list[int], int]:
    """Return the bytes of each file, and those by which the most memory of this process has grown."""
    with closing(store_from_url(url)) as store:
        store.open()
        before = _peak()
        formats = (CSV(read_columns("request.body,response.body")), NDJSON(), HAR())
        query = Query(scope=EVERYTHING, order="asc")
        sizes = [sum(len(chunk.data) for chunk in export(format, store, query)) for format in formats]
        return sizes, _peak() - before


def _peak() -> int:
    return next(int(line.split()[1]) * 1024 for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
