"""The live tail: new entries to every reader, in order, each once.

A reader is only a position in the log. One that falls behind the window of newest entries, however slow it is
or long it was away, catches up from the store; so nothing is queued for anybody.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

import anyio
import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from integration_logger.codec import to_json
from integration_logger.entry import Entry
from integration_logger.errors import QueryError, StoreError
from integration_logger.filters import Condition
from integration_logger.query import MAX_LIMIT, Query
from integration_logger.stores.base import MAX_IN_FLIGHT, Store
from integration_logger.viewer.ending import server_is_ending, until_gone
from integration_logger.viewer.poller import PAGES, POLL, Item, Poller
from integration_logger.viewer.shapes import list_item
from integration_logger.viewer.threads import in_thread

LIFETIME = 10.0
"""Seconds until a stream ends and its reader is authorised anew; also the longest that it holds up a shutdown."""
POLL_AGAIN = 1000
"""Milliseconds after which a reader who polls comes back."""
POLL_LATER = 5000
"""The same for readers who poll because too many streams are open."""
MOST_STREAMS = 200
"""Streams that a process keeps open."""
MOST_OF_READER = 20
"""Those of one reader."""
HEARTBEAT = 5.0
"""Seconds of silence after which proxies and readers are told that the stream lives."""

_OPEN = Condition("status", ("processing",))

SeesDetail = Callable[[Entry], bool]
"""Tells whether the reader may see headers and bodies of an entry."""


class Tail:
    """Hands out streams of new entries."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._poller = Poller(store)
        self._closed = False
        self._open: Counter[str] = Counter()

    def close(self) -> None:
        """End all streams at their next breath."""
        self._closed = True

    async def follow(
        self, query: Query, last_event_id: str | None, sees_detail: SeesDetail, reader: str = ""
    ) -> Response:
        """Answer with what is stored from now on, or since the entry that the reader saw last.

        While too many streams are open, a new one ends at once, and its reader comes back later.
        """
        if self._open.total() >= MOST_STREAMS or self._open[reader] >= MOST_OF_READER:
            return await self.poll(query, last_event_id, sees_detail, again=POLL_LATER)
        start = await self._start(query, last_event_id)
        events = self._events(msgspec.structs.replace(query, cursor=None), start, sees_detail)
        return EventStream(self._counted(events, reader))

    async def _counted(self, events: AsyncGenerator[bytes], reader: str) -> AsyncGenerator[bytes]:
        self._open[reader] += 1
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self._open[reader] -= 1
            self._open += Counter()  # forgets who has none

    async def poll(
        self, query: Query, last_event_id: str | None, sees_detail: SeesDetail, again: int = POLL_AGAIN
    ) -> Response:
        """Answer with what is there already; the reader comes back after a second for what comes next."""
        position = await self._start(query, last_event_id)
        query = msgspec.structs.replace(query, cursor=None)
        chunks = [b"retry: %d\n\n" % again]
        for _ in range(PAGES):
            position, news = await self._news(query, position, sees_detail)
            chunks.append(news)
            if position >= self._poller.window.high:
                break
        chunks += await self._open_calls(query, self._poller.in_flight, sees_detail), _here(position)
        return Response(b"".join(chunks), media_type="text/event-stream")

    async def _start(self, query: Query, last_event_id: str | None) -> int:
        position = _read_position(last_event_id) if last_event_id else query.cursor
        await in_thread(self._look_at_once, position or 0)
        newest = self._poller.window.high
        # A reader that is ahead of the log comes from another one: the store was begun anew.
        return newest if position is None or position > newest else position

    def _look_at_once(self, reach: int) -> None:
        self._poller.look(wait=True, reach=reach)

    async def _events(self, query: Query, position: int, sees_detail: SeesDetail) -> AsyncGenerator[bytes]:
        ends_at, spoke_at = time.monotonic() + LIFETIME, time.monotonic()
        open_calls: tuple[Entry, ...] | None = None
        shown = b""
        yield b"retry: 500\n\n"
        while not (self._closed or server_is_ending()) and time.monotonic() < ends_at:
            try:
                position, news = await self._news(query, position, sees_detail)
                if open_calls is not (open_calls := self._poller.in_flight):
                    told, shown = shown, await self._open_calls(query, open_calls, sees_detail)
                    news += shown if shown != told else b""
            except StoreError:
                break  # the reader comes back and is told why
            if not news and time.monotonic() - spoke_at >= HEARTBEAT:
                news = _here(position)
            if news:
                spoke_at = time.monotonic()
                yield news
            await anyio.sleep(POLL / 2)
        yield _here(position)

    async def _open_calls(self, query: Query, found: tuple[Entry, ...], sees_detail: SeesDetail) -> bytes:
        if len(found) >= MAX_IN_FLIGHT:  # those that others may see could have pushed out what this reader may
            conditions = (*query.conditions, _OPEN)
            own = msgspec.structs.replace(query, conditions=conditions, order="desc", limit=1)
            found = (await in_thread(self._store.search, own)).in_flight
        shown = [list_item(entry, detail=sees_detail(entry)) for entry in found if query.matches(entry)]
        return b"event: inflight\ndata: %s\n\n" % to_json(shown)

    async def _news(self, query: Query, position: int, sees_detail: SeesDetail) -> tuple[int, bytes]:
        """Return the reader's new position and the events on the way there."""
        if self._poller.is_due:
            await in_thread(self._poller.look)
        window = self._poller.window
        if position < window.low:
            return await self._catch_up(query, position, sees_detail)
        news = [item for item in window.after(position) if query.matches(item.entry)]
        events = b"".join([item.event(detail=sees_detail(item.entry)) for item in news])
        return max(position, window.high), events

    async def _catch_up(self, query: Query, position: int, sees_detail: SeesDetail) -> tuple[int, bytes]:
        behind = msgspec.structs.replace(query, cursor=position, limit=MAX_LIMIT, order="asc")
        page = await in_thread(self._store.search, behind)
        return max(position, page.next_cursor or 0), b"".join(
            [Item(entry).event(detail=sees_detail(entry)) for entry in page.entries]
        )


def _read_position(last_event_id: str) -> int:
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18):
        raise QueryError("Last-Event-ID", "takes the id of an event of this stream")
    return int(last_event_id)


def _here(position: int) -> bytes:
    # An id without data moves Last-Event-ID on, so that a reader with a rare filter does not search
    # the same stretch of the log again each time it comes back.
    return b": still here\nid: %d\n\n" % position


class EventStream(Response):
    """Server-sent events that stop as soon as their reader is gone.

    Not a ``StreamingResponse``: under recent servers that one notices a reader who left only by a ``send``
    that fails, and in some of them it never does.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await until_gone(receive, partial(self._speak, send))

    async def _speak(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self._events) as events:
            async for chunk in events:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
