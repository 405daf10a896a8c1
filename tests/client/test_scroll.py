"""A program that follows a log gets every entry once, in order, waits politely, and is told plainly what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from starlette.requests import Request

from integration_logger import ALL, Principal
from integration_logger.client import scroll
from integration_logger.client.asking import PAGE
from integration_logger.errors import ConfigurationError, ScrollError
from integration_logger.stores.memory import MemoryStore
from integration_logger.testing import recording
from integration_logger.viewer import Viewer
from tests.postgresql import free_port
from tests.viewer.server import new_entry, serving

SECRET = "follower-7f3a9c21"
HEADERS = {"authorization": f"Bearer {SECRET}"}


def authorize(request: Request) -> Principal | None:
    if request.headers.get("authorization") != HEADERS["authorization"]:
        return None
    return Principal("warehouse", role="supervisor", tenants=ALL)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[MemoryStore, str]]:
    store = MemoryStore()
    with serving(Viewer(store, authorize=authorize)) as url:
        yield store, url


@pytest.fixture
def store(served: tuple[MemoryStore, str]) -> MemoryStore:
    served[0].__init__()  # type: ignore[misc]
    return served[0]


@pytest.fixture
def url(served: tuple[MemoryStore, str]) -> str:
    return served[1]


# --- what it gives --------------------------------------------------------------------------------------


def test_every_entry_comes_once_in_order(store: MemoryStore, url: str) -> None:
    """Over several pages, as far as there are entries now."""
    entries = [new_entry(body_size=0) for _ in range(2 * PAGE + 7)]
    store.write(entries)
    seen = [entry["id"] for entry in scroll(url, headers=HEADERS, follow=False)]
    assert seen == [entry.id for entry in entries]


def test_any_client_of_httpx_or_its_successor_will_do(store: MemoryStore, url: str) -> None:
    """One's own client, with its own headers, stays open; its failures are understood."""
    store.write([new_entry(body_size=0)])
    with httpx2.Client(headers=HEADERS) as client:
        assert [entry["seq"] for entry in scroll(url, client=client, follow=False)] == [1]
        assert not client.is_closed
        with pytest.raises(ScrollError, match="cannot be reached: ConnectError"):
            [*scroll(f"http://127.0.0.1:{free_port()}", client=client, attempts=1)]


def test_a_coroutine_reads_the_same(store: MemoryStore, url: str) -> None:
    """``async for`` gives what ``for`` gives."""
    store.write([new_entry(body_size=0) for _ in range(PAGE + 3)])

    async def read() -> list[str]:
        return [entry["id"] async for entry in scroll(url, headers=HEADERS, follow=False)]

    assert anyio.run(read) == [entry["id"] for entry in scroll(url, headers=HEADERS, follow=False)]


def test_to_read_a_log_adds_nothing_to_it(store: MemoryStore, url: str) -> None:
    """Who follows the log of a process that records what it sends would never come to its end; other calls are kept."""
    store.write([new_entry(body_size=0) for _ in range(3)])

    async def read(client: Any) -> int:
        async with client:
            return len([entry async for entry in scroll(url, headers=HEADERS, follow=False, client=client)])

    with recording() as log:
        undo = log.instrument_httpx()
        try:
            for _ in scroll(url, headers=HEADERS, follow=False):
                httpx.get(f"{url}/api/meta", headers=HEADERS)
            assert anyio.run(read, log.httpx(httpx.AsyncClient())) == 3
        finally:
            undo()
        assert [entry.url for entry in log.entries] == [f"{url}/api/meta"] * 3


def test_filters_are_those_of_the_api(store: MemoryStore, url: str) -> None:
    """One value or several; what does not match is passed over for good."""
    store.write([new_entry(tenant=tenant, body_size=0) for tenant in ("a", "b", "c", "a")])
    seen = [e["tenant"] for e in scroll(url, headers=HEADERS, filters={"tenant": ["a", "c"]}, follow=False)]
    assert seen == ["a", "c", "a"]


def test_following_gives_what_comes_later(store: MemoryStore, url: str) -> None:
    """The loop goes on where nothing is left, and takes up what is written meanwhile."""
    store.write([new_entry(body_size=0)])
    seen: list[int] = []
    for entry in scroll(url, headers=HEADERS, wait=0.01):
        seen.append(entry["seq"])
        if len(seen) == 5:
            break
        store.write([new_entry(body_size=0)])
    assert seen == [1, 2, 3, 4, 5]


# --- the place ------------------------------------------------------------------------------------------


def test_a_file_keeps_the_place(store: MemoryStore, url: str, tmp_path: Path) -> None:
    """A program that is started again goes on after the last entry that it had done with."""
    store.write([new_entry(body_size=0) for _ in range(5)])
    place = tmp_path / "place"
    for entry in scroll(url, headers=HEADERS, place=place):
        if entry["seq"] == 3:
            break  # in the middle of it: so it comes again
    assert place.read_text() == "2\n"
    assert [entry["seq"] for entry in scroll(url, headers=HEADERS, place=place, follow=False)] == [3, 4, 5]
    assert [*scroll(url, headers=HEADERS, place=place, follow=False)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_an_exception_in_the_loop_leaves_its_entry_undone(store: MemoryStore, url: str, tmp_path: Path) -> None:
    """What could not be dealt with is not passed over the next time."""
    store.write([new_entry(body_size=0) for _ in range(3)])

    def deal() -> None:
        for entry in scroll(url, headers=HEADERS, place=str(tmp_path / "place")):
            1 / (entry["seq"] - 2)

    with pytest.raises(ZeroDivisionError):
        deal()
    assert (tmp_path / "place").read_text() == "1\n"


def test_the_place_moves_on_where_nothing_matches(store: MemoryStore, url: str, tmp_path: Path) -> None:
    """A follower with a rare filter does not search the same stretch again after a restart."""
    store.write([new_entry(tenant="a", body_size=0) for _ in range(9)])
    place = tmp_path / "place"
    assert [*scroll(url, headers=HEADERS, filters={"tenant": "z"}, place=place, follow=False)] == []
    assert place.read_text() == "9\n"


def test_a_callable_is_told_the_place(store: MemoryStore, url: str) -> None:
    """A place can be kept anywhere, such as in the transaction of the work; ``start`` brings it back."""
    store.write([new_entry(body_size=0) for _ in range(4)])
    told: list[int] = []
    for _ in scroll(url, headers=HEADERS, place=told.append, start=1, follow=False):
        pass
    assert told == [2, 3, 4]

    async def tell(seq: int) -> None:
        await anyio.sleep(0)
        told.append(seq * 10)

    async def read() -> None:
        async for _ in scroll(url, headers=HEADERS, place=tell, start=3, follow=False):
            pass

    anyio.run(read)
    assert told == [2, 3, 4, 40]


# --- how it waits ---------------------------------------------------------------------------------------


class Answers(httpx.MockTransport):
    """A server that gives these answers one after the other, the last one for ever, and notes what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        super().__init__(self._answer)
        self.asked: list[httpx.Request] = []
        self._answers = answers

    def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer


def page(*seqs: int, end: int, has_more: bool = False) -> httpx.Response:
    return httpx.Response(200, json={"items": [{"seq": s} for s in seqs], "next_cursor": end, "has_more": has_more})


def failing(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": "said so"}}, headers=headers)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the follower slept, without sleeping."""
    found: list[float] = []
    monkeypatch.setattr("integration_logger.client.time.sleep", found.append)
    return found


Follow = Callable[..., list[int]]


@pytest.fixture
def follow(naps: list[float]) -> Follow:
    def follow(server: Answers, until: int, **options: Any) -> list[int]:
        seen: list[int] = []
        with httpx.Client(transport=server) as client:
            for entry in scroll("http://log.example/logs/", client=client, **options):
                seen.append(entry["seq"])
                if entry["seq"] == until:
                    break
        return seen

    return follow


def test_waits_longer_and_longer_while_nothing_comes(naps: list[float], follow: Follow) -> None:
    """A second after news, then ever more seldom up to the longest wait; news make it quick again."""
    quiet = [page(end=1)] * 6
    assert follow(Answers(page(1, end=1), *quiet, page(2, end=2), page(3, end=3)), 3) == [1, 2, 3]
    assert naps == [1, 2, 4, 8, 16, 30, 30, 1]


def test_does_not_wait_where_more_is_there(naps: list[float], follow: Follow) -> None:
    """A page that ran out of its time may be empty; the next one is asked for at once."""
    server = Answers(page(end=500, has_more=True), page(end=900, has_more=True), page(901, end=901))
    assert (follow(server, 901), naps) == ([901], [])
    assert [request.url.params["cursor"] for request in server.asked] == ["0", "500", "900"]
    assert {request.url.path for request in server.asked} == {"/logs/api/entries"}


def test_waits_where_a_page_leads_nowhere(naps: list[float], follow: Follow) -> None:
    """A server that says there is more and gives nothing is not asked without a pause."""
    server = Answers(page(1, end=1), *[page(end=1, has_more=True)] * 3, page(2, end=2))
    assert follow(server, 2) == [1, 2]
    assert naps == [1, 2, 4, 8]


@pytest.mark.parametrize("status", [429, 503])
def test_stays_away_as_long_as_the_server_says(naps: list[float], follow: Follow, status: int) -> None:
    """``Retry-After`` is obeyed, as seconds and as a date, up to an hour."""
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    answers = [
        failing(status, **{"retry-after": value}) for value in ("7", at, "99999", "Thu, 01 Jan 1970 00:00:00 GMT")
    ]
    assert follow(Answers(*answers, page(1, end=1)), 1) == [1]
    assert (naps[0], naps[2], naps[3]) == (7, 3600, 0)
    assert 80 < naps[1] <= 90


def test_tries_again_after_a_failure_that_passes(naps: list[float], follow: Follow) -> None:
    """A server that is away or overloaded costs time and no entry; the waits grow."""
    server = Answers(
        page(1, end=1), httpx.ConnectError("refused"), failing(502), httpx.ReadTimeout("slow"),
        failing(503, **{"retry-after": "soon"}), page(2, end=2),
    )  # fmt: skip
    assert follow(server, 2) == [1, 2]
    assert naps[0] == 1
    assert all(2**n / 2 <= nap <= 2**n for n, nap in enumerate(naps[1:], 1))


def test_gives_up_after_so_many_failures_in_a_row(naps: list[float], follow: Follow) -> None:
    """Each answer begins the count anew; the error says what the last failure was."""
    server = Answers(failing(503), failing(503), page(1, end=1), failing(503), failing(503), failing(500))
    with pytest.raises(
        ScrollError, match=r"log\.example/logs/api/entries answered 500: said so; gave up after 3 attempts"
    ):
        follow(server, 2, attempts=3)
    assert len(server.asked) == 6


def test_a_server_that_is_not_there(naps: list[float]) -> None:
    """For real: nothing listens."""
    with pytest.raises(ScrollError, match=r"cannot be reached: ConnectError: .*gave up after 2 attempts"):
        [*scroll(f"http://127.0.0.1:{free_port()}/logs", attempts=2)]
    assert len(naps) == 1


# --- what is wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (failing(400), "answered 400: said so"),
        (failing(401), "answered 401: said so; give the headers"),
        (failing(403), "answered 403: said so; ask whoever"),
        (httpx.Response(404, text="Not Found"), "answered 404; is this where"),
        (httpx.Response(303, headers={"location": "/login"}), "answered 303; is this where"),
        (httpx.Response(200, text="<html>Sign in</html>"), "did not answer as a log browser does"),
        (httpx.Response(200, json={"items": [{}], "next_cursor": 1, "has_more": False}), "did not answer as a log"),
        (httpx.Response(200, json=[]), "did not answer as a log browser does"),
        (httpx.Response(418, json=["teapot"]), "answered 418"),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_will_not_pass_is_raised_at_once(
    naps: list[float], follow: Follow, answer: httpx.Response, text: str
) -> None:
    """The error says what was answered and what to do; nothing is tried twice."""
    server = Answers(answer)
    with pytest.raises(ScrollError, match=text) as raised:
        follow(server, 1)
    assert (len(server.asked), naps, raised.value.status_code) == (1, [], answer.status_code)


def test_the_log_browser_says_what_is_wrong(store: MemoryStore, url: str) -> None:
    """For real: no credentials, a filter that does not exist, a place of another log. No credential is in a text."""
    for options, text in (
        ({}, "401"),
        ({"headers": HEADERS, "filters": {"colour": "red"}}, "400: colour: is not a filter"),
        ({"headers": HEADERS, "start": 5}, "400: cursor: lies beyond the end: the log was begun anew; begin at 0"),
    ):
        with pytest.raises(ScrollError, match=text) as raised:
            [*scroll(url, **options)]  # type: ignore[arg-type]
        assert SECRET not in str(raised.value)


@pytest.mark.parametrize("text", ["", "far", "-1", "1 2", "9" * 30])
def test_a_damaged_place_is_not_taken_for_the_beginning(tmp_path: Path, text: str) -> None:
    """It would repeat everything."""
    (tmp_path / "place").write_text(text)
    with pytest.raises(ScrollError, match="does not hold a place"):
        [*scroll("http://log.example", place=tmp_path / "place")]


@pytest.mark.parametrize(
    "options",
    [
        {"url": "log.example/logs"}, {"url": "ftp://log.example"}, {"url": "http://log.example?x=1"},
        {"filters": {"cursor": "1"}}, {"filters": {"order": "desc"}}, {"filters": {"status_code": 500}},
        {"filters": {"status_code": [500]}}, {"filters": {"since": None}}, {"wait": 0}, {"wait": 5, "max_wait": 1},
        {"attempts": 0}, {"start": -1}, {"start": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_value_is_refused_before_anything_is_asked(options: dict[str, Any]) -> None:
    """The call itself raises, not the loop."""
    with pytest.raises(ConfigurationError, match="scroll: "):
        scroll(**{"url": "http://log.example"} | options)


def test_without_httpx_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx is needed by followers only."""
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ConfigurationError, match=r"integration-logger\[client\]"):
        [*scroll("http://log.example")]


def test_a_coroutine_ends_in_order_when_its_loop_is_left(store: MemoryStore, url: str) -> None:
    """``aclosing`` closes connections at once; without a warning."""
    store.write([new_entry(body_size=0) for _ in range(3)])

    async def read() -> int:
        async with aclosing(aiter(scroll(url, headers=HEADERS))) as entries:  # type: ignore[type-var]
            async for entry in entries:
                if entry["seq"] == 2:
                    return 2
        return 0

    assert anyio.run(read) == 2
