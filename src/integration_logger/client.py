"""Follow a log from another program: every entry once, in order, from where the program left off.

from integration_logger.client import scroll

for entry in scroll("https://shop.example.com/logs", headers=..., filters={"kind": "run"}, place="runs.place"):
    ...

The same object is read with ``async for`` in a coroutine. Needs ``httpx``: ``integration-logger[client]``.
"""

from __future__ import annotations

import inspect
import os
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import anyio
import msgspec

from integration_logger.errors import ConfigurationError, ScrollError

if TYPE_CHECKING:
    import httpx

PAGE: Final = 200  # entries asked for at once; no more are held in memory
LONGEST_WAIT: Final = 3600.0  # seconds that a server may ask for
_PASSING: Final = frozenset((408, 425, 429, 500, 502, 503, 504))

Item = dict[str, Any]
Filters = Mapping[str, str | Sequence[str]]
Remember = Callable[[int], object]


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
        _Place(place, start),
        _Asking(url, filters or {}, headers or {}),
        pace=_Pace(wait=wait, max_wait=max_wait, attempts=attempts),
        follow=follow,
        client=client,
    )


class Scroll:
    """A log being followed; each loop over it begins at the place that is remembered."""

    def __init__(self, place: _Place, asking: _Asking, *, pace: _Pace, follow: bool, client: Any) -> None:
        self._place = place
        self._asking = asking
        self._pace = pace
        self._follow = follow
        self._client = client

    def __iter__(self) -> Iterator[Item]:
        with closing(self._steps()) as steps, self._open() as client:
            answer: _Page | _Failure | None = None
            while (step := _next(steps, answer)) is not None:
                answer = None
                if isinstance(step, _Fetch):
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
            answer: _Page | _Failure | None = None
            while (step := _next(steps, answer)) is not None:
                answer = None
                if isinstance(step, _Fetch):
                    answer = await self._asking.coroutine(client, step)
                elif isinstance(step, _Wait):
                    await anyio.sleep(step.seconds)
                elif isinstance(step, _Reached):
                    if inspect.isawaitable(told := self._place.reached(step.seq)):
                        await told
                else:
                    yield step

    def _open(self) -> AbstractContextManager[Any]:
        return nullcontext(self._client) if self._client is not None else _httpx().Client(timeout=60)

    def _open_async(self) -> AbstractAsyncContextManager[Any]:
        return nullcontext(self._client) if self._client is not None else _httpx().AsyncClient(timeout=60)

    def _steps(self) -> Generator[_Step, _Answer, None]:
        """Yield what is to be done next, whatever it is done with; take what was answered."""
        position = self._place.begin()
        while True:
            page = yield from self._page(position)
            for item in page.items:
                yield item
                # The caller has come back for more, so this one is dealt with.
                yield _Reached(position := item["seq"])
            if page.next_cursor > position:
                yield _Reached(position := page.next_cursor)
            if page.has_more:
                continue
            if not self._follow:
                return
            yield _Wait(self._pace.after(news=bool(page.items)))

    def _page(self, position: int) -> Generator[_Step, _Answer, _Page]:
        failures = 0
        while not isinstance(answer := (yield _Fetch(position)), _Page):
            failures += 1
            if failures == self._pace.attempts:
                raise ScrollError(f"{answer.text}; gave up after {failures} attempts")
            yield _Wait(self._pace.after_failure(failures, answer.wait))
        return answer


# --- the steps ------------------------------------------------------------------------------------------


class _Fetch(msgspec.Struct, frozen=True):
    position: int


class _Wait(msgspec.Struct, frozen=True):
    seconds: float


class _Reached(msgspec.Struct, frozen=True):
    seq: int


class _Page(msgspec.Struct, frozen=True):
    """An answer of ``/api/entries``, as far as it matters here."""

    items: list[Item]
    next_cursor: int
    has_more: bool


class _Failure(msgspec.Struct, frozen=True):
    """What may be better next time."""

    text: str
    wait: float | None = None
    """Seconds that the server asks to stay away."""


_Step = _Fetch | _Wait | _Reached | Item
_Answer = Any  # a _Page or a _Failure to a _Fetch, None to all else


def _next(steps: Generator[_Step, _Answer, None], answer: _Answer) -> _Step | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None


class _Pace:
    """How long to wait: politely where nothing comes, as told where the server says."""

    def __init__(self, *, wait: float, max_wait: float, attempts: int | None) -> None:
        if not 0 < wait <= max_wait:
            raise ConfigurationError(f"scroll: wait takes seconds above 0 and at most max_wait, not {wait!r}")
        if attempts is not None and attempts < 1:
            raise ConfigurationError(f"scroll: attempts takes a number from 1, or None, not {attempts!r}")
        self.attempts = attempts
        self._wait = wait
        self._max_wait = max_wait
        self._pause = wait

    def after(self, *, news: bool) -> float:
        """Return how long to wait after a page that was the last for now."""
        pause = self._wait if news else self._pause
        self._pause = min(pause * 2, self._max_wait)
        return pause

    def after_failure(self, failures: int, told: float | None) -> float:
        """Return how long to wait after so many failures in a row."""
        if told is not None:
            return told
        longest: float = min(self._wait * 2 ** min(failures, 16), max(self._max_wait, 60.0))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - so that many followers do not come back at once


class _Place:
    """Where a follower is, and who is told."""

    def __init__(self, place: str | os.PathLike[str] | Remember | None, start: int | None) -> None:
        if start is not None and (not isinstance(start, int) or start < 0):
            raise ConfigurationError(f"scroll: start takes the seq of the last entry that is known, not {start!r}")
        self._file = None if place is None or callable(place) else Path(place)
        self._tell = place if callable(place) else None
        self._start = start or 0

    def begin(self) -> int:
        """Return the ``seq`` after which to go on."""
        try:
            text = self._file.read_text() if self._file else ""
        except FileNotFoundError:
            return self._start
        if self._file and not re.fullmatch(r"[0-9]{1,18}\n?", text):
            raise ScrollError(
                f"{self._file} does not hold a place; delete it, or write the seq of the last entry into it"
            )
        return int(text) if self._file else self._start

    def reached(self, seq: int) -> object:
        """Remember that everything up to here was dealt with; returns what the callable did."""
        if self._tell:
            return self._tell(seq)
        if self._file:
            # A file half written would be a place that is lost, so the new one takes its name when it is whole.
            new = self._file.with_name(f"{self._file.name}.new")
            new.write_text(f"{seq}\n")
            new.replace(self._file)
        return None


class _Asking:
    """What is asked of the log browser, and what its answers mean."""

    def __init__(self, url: str, filters: Filters, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError("scroll: the URL is where the log browser is mounted, as https://example.com/logs")
        if own := {"cursor", "order", "limit"} & {*filters}:
            raise ConfigurationError(f"scroll: {', '.join(sorted(own))} is set by scroll itself")
        self._url = f"{url.rstrip('/')}/api/entries"
        self._shown = f"{parts.hostname}{parts.path.rstrip('/')}/api/entries"
        self._headers = {"accept": "application/json", **headers}
        self._params = [
            (name, value)
            for name, values in filters.items()
            for value in ([values] if isinstance(values, str) else values)
        ]

    def sync(self, client: Any, step: _Fetch) -> _Page | _Failure:
        """Ask once."""
        try:
            return self._read(client.get(self._url, **self._options(step)))
        except _failures(client) as error:
            return self._unreachable(error)

    async def coroutine(self, client: Any, step: _Fetch) -> _Page | _Failure:
        """Ask once."""
        try:
            return self._read(await client.get(self._url, **self._options(step)))
        except _failures(client) as error:
            return self._unreachable(error)

    def _options(self, step: _Fetch) -> dict[str, Any]:
        own = [("order", "asc"), ("limit", str(PAGE)), ("cursor", str(step.position))]
        return {"params": [*self._params, *own], "headers": self._headers, "follow_redirects": False}

    def _unreachable(self, error: Exception) -> _Failure:
        return _Failure(f"{self._shown} cannot be reached: {type(error).__name__}: {error}")

    def _read(self, response: httpx.Response) -> _Page | _Failure:
        status = response.status_code
        if status in _PASSING:
            return _Failure(self._says(response), _retry_after(response.headers.get("retry-after")))
        if status != HTTPStatus.OK:
            raise ScrollError(
                f"{self._says(response)}{_ADVICE.get(status, _ELSEWHERE if status < 400 else '')}", status
            )
        try:
            page = msgspec.json.decode(response.content, type=_Page)
            if all(isinstance(item.get("seq"), int) for item in page.items):
                return page
        except msgspec.DecodeError:
            pass
        raise ScrollError(f"{self._shown} did not answer as a log browser does{_ELSEWHERE}", status)

    def _says(self, response: httpx.Response) -> str:
        try:
            said = f": {msgspec.json.decode(response.content)['error']['message']}"
        except (msgspec.DecodeError, LookupError, TypeError):
            said = ""
        return f"{self._shown} answered {response.status_code}{said}"


_ELSEWHERE: Final = "; is this where the log browser is mounted, and are the headers those of somebody who may read it?"
_ADVICE: Final = {
    401: "; give the headers that the host's authorize wants",
    403: "; ask whoever runs the host for the permission",
    404: _ELSEWHERE,
}


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for, given as a number or a date; None for none."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT)


def _httpx() -> Any:
    try:
        import httpx
    except ImportError:
        raise ConfigurationError("scroll needs httpx: pip install integration-logger[client]") from None
    return httpx


def _failures(client: Any) -> type[Exception]:
    """Return the class of what a client raises where there was no answer: httpx's, or that of its successor."""
    package = next(c.__module__.partition(".")[0] for c in type(client).__mro__ if c.__module__.startswith("httpx"))
    found: type[Exception] = __import__(package).RequestError
    return found
