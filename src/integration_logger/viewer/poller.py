"""One poller of the store for all live tails of the process.

Nobody polls in the background. Whoever reads asks for news, and the first who finds the news older than
``POLL`` fetches them for all into a ``Window`` of the newest entries. Without readers nothing is polled.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from functools import cached_property

import msgspec

from integration_logger.codec import to_json
from integration_logger.entry import KINDS, Entry
from integration_logger.filters import Condition
from integration_logger.query import EVERYTHING, MAX_LIMIT, Query
from integration_logger.stores.base import Store
from integration_logger.viewer.shapes import list_item

POLL = 0.2
"""Seconds between two looks into the store."""
IN_FLIGHT_POLL = 1.0
"""Seconds between two looks at open calls: processes announce them no oftener."""
IDLE = 3.0
"""Seconds without readers after which the window begins anew instead of catching up."""
WINDOW = 2000
"""Entries kept for all readers together."""
KEPT = 30.0
"""Seconds that they are kept: what is erased from the store shall not be shown for long from here."""
PAGES = 8
"""Pages of the store that one look reads at most, so that a flood cannot keep it busy for ever."""

_ALL_KINDS = (Condition("kind", KINDS),)


class Item:
    """A new entry; its event is rendered once for all readers."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.seq = entry.seq or 0
        self.seen_at = time.monotonic()

    def event(self, *, detail: bool) -> bytes:
        """Return the entry as a server-sent event, for readers who may see all of it or not."""
        return self._with_detail if detail else self._without_detail

    @cached_property
    def _with_detail(self) -> bytes:
        return self._event(detail=True)

    @cached_property
    def _without_detail(self) -> bytes:
        return self._event(detail=False)

    def _event(self, *, detail: bool) -> bytes:
        return b"id: %d\nevent: entry\ndata: %s\n\n" % (self.seq, to_json(list_item(self.entry, detail=detail)))


class Window(msgspec.Struct, frozen=True):
    """Every entry above ``low`` and up to ``high``; replaced, never changed, so that readers need no lock."""

    low: int
    high: int
    items: tuple[Item, ...] = ()

    def after(self, position: int) -> tuple[Item, ...]:
        """Return the entries above a position that lies in the window."""
        return self.items[bisect_right(self.items, position, key=lambda item: item.seq) :]

    def grown(self, entries: tuple[Entry, ...], high: int) -> Window:
        """Return the window with newer entries, without those that are too many or too long in it."""
        items = (*self.items, *map(Item, entries))
        old = bisect_left(items, time.monotonic() - KEPT, key=lambda item: item.seen_at)
        first = max(old, len(items) - WINDOW)
        low = items[first - 1].seq if first else self.low
        return Window(low, max(high, self.high), items[first:])


class Poller:
    """Looks into the store for all readers of this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._looked_at = self._open_looked_at = float("-inf")
        self.window = Window(0, 0)
        self.in_flight: tuple[Entry, ...] = ()
        """Calls that have begun and not ended; another tuple after each look at them."""

    @property
    def is_due(self) -> bool:
        """True where the window is older than ``POLL``."""
        return time.monotonic() - self._looked_at >= POLL

    def look(self, *, wait: bool = False, reach: int = 0) -> None:
        """Bring the window up to date; while another reader is at it, wait for that or do nothing.

        A window that ends before ``reach`` is out of date: another process has shown more. Raises ``StoreError``.
        """
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if self.is_due or self.window.high < reach:
                self._look()
        finally:
            self._lock.release()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._open_looked_at >= IN_FLIGHT_POLL:
            self._look_at_open(begin_anew=now - self._looked_at > IDLE)
            self._open_looked_at = now
        self._look_at_new()
        self._looked_at = time.monotonic()

    def _look_at_open(self, *, begin_anew: bool) -> None:
        page = self._store.search(Query(scope=EVERYTHING, conditions=_ALL_KINDS, limit=1))
        self.in_flight = page.in_flight
        if begin_anew:
            newest = (page.entries[0].seq or 0) if page.entries else 0
            self.window = Window(newest, newest)

    def _look_at_new(self) -> None:
        for _ in range(PAGES):
            high = self.window.high
            query = Query(scope=EVERYTHING, conditions=_ALL_KINDS, cursor=high, limit=MAX_LIMIT, order="asc")
            page = self._store.search(query)
            self.window = self.window.grown(page.entries, page.next_cursor or high)
            if not page.has_more:
                break
