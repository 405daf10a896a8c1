"""How the viewer reads the store: in a few threads of its own, so that a slow store never holds up the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from integration_logger.entry import Entry
from integration_logger.query import EVERYTHING, Query, Scope
from integration_logger.stores.base import Facets, Page, Stats, Store

T = TypeVar("T")

THREADS = 4
_limiter: RunVar[CapacityLimiter] = RunVar("integration_logger_viewer_threads")


async def in_thread(function: Callable[..., T], *args: object) -> T:
    """Run a blocking function in one of the viewer's threads; a cancelled caller does not wait for it."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(THREADS)
        _limiter.set(limiter)
    return await to_thread.run_sync(function, *args, limiter=limiter, abandon_on_cancel=True)


class Reading:
    """The store, opened at the first use."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._opened = False

    async def search(self, query: Query) -> Page:
        """Return one page of a list."""
        await self.open()
        return await in_thread(self.store.search, query)

    async def newest(self) -> int:
        """Return the ``seq`` of the newest entry of all."""
        page = await self.search(Query(scope=EVERYTHING, limit=1))
        return (page.entries[0].seq or 0) if page.entries else 0

    async def entry(self, id: str, scope: Scope) -> Entry | None:
        """Return the whole entry, or None where the scope holds none of that id."""
        await self.open()
        return await in_thread(self.store.get, id, scope)

    async def facets(self, query: Query, fields: tuple[str, ...]) -> Facets:
        """Count the values of some fields."""
        await self.open()
        return await in_thread(self.store.facets, query, fields)

    async def stats(self, query: Query, bucket: float) -> Stats:
        """Count what happened by stretches of time."""
        await self.open()
        return await in_thread(self.store.stats, query, bucket)

    async def open(self) -> None:
        """Open the store unless that is done; raises ``StoreError`` and tries again the next time."""
        if not self._opened:
            await in_thread(self.store.open)
            self._opened = True
