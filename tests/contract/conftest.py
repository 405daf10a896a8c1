"""Every store that the contract is tested on; a new one joins by a line here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.stores.sql import search
from integration_logger.stores.state import State
from tests import postgresql

STORES = ("memory", "sqlite", "postgresql")
SHARED = ("sqlite", "postgresql")  # those that several processes may have open


@contextmanager
def fresh_url(name: str) -> Iterator[str]:
    """Return the URL of a new store of this kind."""
    if name == "postgresql":
        with postgresql.fresh_database() as url:
            yield url
    elif name == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/log.db"
    else:
        yield "memory:"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are never cut short for want of time, however slow the machine is."""
    monkeypatch.setattr(search, "SECONDS", 3600)


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with fresh_url(request.param) as url:
        yield url


@pytest.fixture(params=SHARED)
def shared_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with fresh_url(request.param) as url:
        yield url


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
