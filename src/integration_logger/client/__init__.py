"""Follow a log from another program: every entry once, in order, from where the program left off.

from integration_logger.client import scroll

for entry in scroll("https://shop.example.com/logs", headers=..., filters={"kind": "run"}, place="runs.place"):
    ...

The same object is read with ``async for`` in a coroutine. Needs ``httpx``: ``integration-logger[client]``.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, closing, nullcontext
from typing import Any

import anyio
import msgspec

from integration_logger.client.asking import Asking, Failure, Fetch, Filters, Item, Page, load_httpx
from integration_logger.client.pacing import Pace, Place, Remember
from integration_logger.errors import ScrollError


def scroll(
    url: str,
    *,
    filters: Filters | None = None,
    headers: Mapping[str, str] | None = None,
    place: str | os.PathLike[str] | Remember | None = None,
    start: int | None = None,
    follow: bool = True,
    wait: float = 1.0,
    max_wait: float = 30.0,
    attempts: int | None = 10,
    client: Any = None,
) -> Scroll:
    """Return the entries of the log browser mounted at ``url``, oldest first: for ``for`` and for ``async for``.

    Each is what ``/api/entries`` gives, a dict. ``filters`` are those of the API (``{"kind": "run"}``). The place
    is the ``seq`` of the last entry that was dealt with: a file in ``place`` keeps it, a callable in ``place`` is
    given it after each entry, and ``start`` says where to begin where no file does. With ``follow=False`` it ends
    with the newest entry; else it goes on for ever and asks every ``wait`` seconds, ever more seldom up to
    ``max_wait`` while nothing comes. After so many ``attempts`` in a row that failed it gives up (None: never).
    ``client`` is a client of httpx of your own, with its time limits and certificates; it is left open.

    Raises ``ScrollError`` where going on makes no sense, and says what to do.
    """
    return Scroll(
        Place(place, start),
        Asking(url, filters or {}, headers or {}),
        pace=Pace(wait=wait, max_wait=max_wait, attempts=attempts),
        follow=follow,
        client=client,
    )


class Scroll:
    """A log being followed; each loop over it begins at the place that is remembered."""

    def __init__(self, place: Place, asking: Asking, *, pace: Pace, follow: bool, client: Any) -> None:
        self._place = place
        self._asking = asking
        self._pace = pace
        self._follow = follow
        self._client = client

    def __iter__(self) -> Iterator[Item]:
        with closing(self._steps()) as steps, self._open() as client:
            answer: Page | Failure | None = None
            while (step := _next(steps, answer)) is not None:
                answer = None
                if isinstance(step, Fetch):
                    answer = self._asking.sync(client, step)
                elif isinstance(step, _Wait):
                    time.sleep(step.seconds)
                elif isinstance(step, _Reached):
                    self._place.reached(step.seq)
                else:
                    yield step

    async def __aiter__(self) -> AsyncIterator[Item]:
        steps = self._steps()
        async with self._open_async() as client:
            answer: Page | Failure | None = None
            while (step := _next(steps, answer)) is not None:
                answer = None
                if isinstance(step, Fetch):
                    answer = await self._asking.coroutine(client, step)
                elif isinstance(step, _Wait):
                    await anyio.sleep(step.seconds)
                elif isinstance(step, _Reached):
                    if inspect.isawaitable(told := self._place.reached(step.seq)):
                        await told
                else:
                    yield step

    def _open(self) -> AbstractContextManager[Any]:
        return nullcontext(self._client) if self._client is not None else load_httpx().Client(timeout=60)

    def _open_async(self) -> AbstractAsyncContextManager[Any]:
        return nullcontext(self._client) if self._client is not None else load_httpx().AsyncClient(timeout=60)

    def _steps(self) -> Generator[_Step, _Answer, None]:
        """Yield what is to be done next, whatever it is done with; take what was answered."""
        position = self._place.begin()
        while True:
            before, page = position, (yield from self._page(position))
            for item in page.items:
                yield item
                # The caller has come back for more, so this one is dealt with.
                yield _Reached(position := item["seq"])
            if page.next_cursor > position:
                yield _Reached(position := page.next_cursor)
            if page.has_more:
                if position == before:  # nothing came of it, and would not at once
                    yield _Wait(self._pace.after(news=False))
                continue
            if not self._follow:
                return
            yield _Wait(self._pace.after(news=bool(page.items)))

    def _page(self, position: int) -> Generator[_Step, _Answer, Page]:
        failures = 0
        while not isinstance(answer := (yield Fetch(position)), Page):
            failures += 1
            if failures == self._pace.attempts:
                raise ScrollError(f"{answer.text}; gave up after {failures} attempts")
            yield _Wait(self._pace.after_failure(failures, answer.wait))
        return answer


# --- the steps ------------------------------------------------------------------------------------------


class _Wait(msgspec.Struct, frozen=True):
    seconds: float


class _Reached(msgspec.Struct, frozen=True):
    seq: int


_Step = Fetch | _Wait | _Reached | Item
_Answer = Any  # a Page or a Failure to a Fetch, None to all else


def _next(steps: Generator[_Step, _Answer, None], answer: _Answer) -> _Step | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None
