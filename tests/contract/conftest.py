"""Every store that the contract is tested on; a new one joins by a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.stores.sql import search
from integration_logger.stores.state import State

URLS = {"memory": "memory:", "sqlite": "sqlite:///{folder}/log.db"}
SHARED = ("sqlite",)  # those that several processes may have open


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are never cut short for want of time, however slow the machine is."""
    monkeypatch.setattr(search, "SECONDS", 3600)


@pytest.fixture(params=URLS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return URLS[request.param].format(folder=tmp_path)


@pytest.fixture(params=SHARED)
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return URLS[request.param].format(folder=tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(open_store(url)) as opened:
        yield opened


@pytest.fixture
def open_shared(shared_url: str) -> Iterator[Callable[[], Store]]:
    """Open the same database as often as asked."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(open_store(shared_url)))


@pytest.fixture
def state(store: Store) -> State:
    return store.state
