"""Attempts: redirects, round trips for authentication, and retries of all kinds are one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import httpx
import pytest

from integration_logger.entry import Entry
from integration_logger.testing import RecordingLogger
from tests.adapters.clients import Library, calling, every_library


def answers(library: Library, *statuses: int) -> Any:
    """Return a transport that answers with these, one after the other."""
    left = iter(statuses)

    def answer(request: Any) -> Any:
        status = next(left)
        if status == 0:
            raise library.module.ConnectError("refused")
        headers = {302: {"location": "/next"}, 401: {"www-authenticate": 'Digest realm="a", nonce="b", qop="auth"'}}
        return library.module.Response(status, headers=headers.get(status), content=library.parts(b"abc"))

    return library.transport(answer)


def retrying(library: Library, inner: Any, times: int = 3) -> Any:
    """Return a transport that retries where it gets a 503 or no answer."""
    module = library.module

    class Retrying(module.BaseTransport, module.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        def handle_request(self, request: Any) -> Any:
            for _ in range(times - 1):
                try:
                    response = inner.handle_request(request)
                except module.ConnectError:
                    continue
                if response.status_code != 503:
                    return response
                response.close()
            return inner.handle_request(request)

        async def handle_async_request(self, request: Any) -> Any:
            for _ in range(times - 1):
                try:
                    response = await inner.handle_async_request(request)
                except module.ConnectError:
                    continue
                if response.status_code != 503:
                    return response
                await response.aclose()
            return await inner.handle_async_request(request)

    return Retrying()


def told(entries: list[Entry]) -> list[tuple[int, int | None]]:
    """Return attempt and status of each, all of one transaction."""
    assert {entry.transaction_id for entry in entries} == {entries[0].id}
    return [(entry.attempt, entry.status_code) for entry in entries]


def transactions(entries: list[Entry]) -> list[list[tuple[int, int | None]]]:
    ids = dict.fromkeys(entry.transaction_id for entry in entries)
    return [told([entry for entry in entries if entry.transaction_id == each]) for each in ids]


@every_library
def test_scenario_29_redirects(library: Library, log: RecordingLogger) -> None:
    """302, 302, 200 are attempts 1 to 3; the next call is another one."""
    transport = answers(library, 302, 302, 200, 200)
    with calling(log.httpx(library.make(transport=transport, follow_redirects=True))) as caller:
        response = caller.get("http://a.example/")
        caller.get("http://a.example/")
    assert [each.status_code for each in response.history] == [302, 302]
    assert transactions(log.entries) == [[(1, 302), (2, 302), (3, 200)], [(1, 200)]]
    assert [entry.url for entry in log.entries[:2]] == ["http://a.example/", "http://a.example/next"]


@every_library
def test_scenario_29_a_retrying_transport(library: Library, log: RecordingLogger) -> None:
    """503, no answer, 200: the logger inside sees each; installed outside as well, it leaves them to that one."""
    inner = log.transport(answers(library, 503, 0, 200, 200))
    with calling(log.httpx(library.make(transport=retrying(library, inner)))) as caller:
        assert caller.get("http://a.example/").content == b"abc"
        caller.get("http://a.example/")
    assert log.recorder.under_way == {}
    assert transactions(log.entries) == [[(1, 503), (2, None), (3, 200)], [(1, 200)]]
    assert [entry.error_type for entry in log.entries] == ["http_5xx", "connect", None, None]


@every_library
def test_scenario_29_retries_by_hand(library: Library, log: RecordingLogger) -> None:
    """Within ``attempts`` all calls are attempts of one, after it they are not."""
    with calling(log.httpx(library.make(transport=answers(library, 503, 0, 302, 200, 200, 200)))) as caller:
        with log.attempts():
            caller.get("http://a.example/")
            with pytest.raises(library.module.ConnectError):
                caller.get("http://b.example/")
            caller.get("http://a.example/", follow_redirects=True)
        caller.get("http://a.example/")
        with log.attempts():
            caller.get("http://a.example/")
    assert transactions(log.entries) == [[(1, 503), (2, None), (3, 302), (4, 200)], [(1, 200)], [(1, 200)]]


@every_library
def test_a_request_that_is_sent_again(library: Library, log: RecordingLogger) -> None:
    """After a failure that is a retry, after a success another call."""
    with calling(log.httpx(library.make(transport=answers(library, 503, 0, 200, 200)))) as caller:
        request = caller.client.build_request("POST", "http://a.example/", json={"a": 1})
        caller.send(request)
        with pytest.raises(library.module.ConnectError):
            caller.send(request)
        caller.send(request)
        caller.send(request)
    assert transactions(log.entries) == [[(1, 503), (2, None), (3, 200)], [(1, 200)]]
    assert {entry.request.body for entry in log.entries if entry.request} == {b'{"a":1}'}


@every_library
def test_a_redirect_that_is_followed_by_hand(library: Library, log: RecordingLogger) -> None:
    """``next_request`` is the next attempt."""
    with calling(log.httpx(library.make(transport=answers(library, 302, 200)))) as caller:
        caller.send(caller.get("http://a.example/").next_request)
    assert transactions(log.entries) == [[(1, 302), (2, 200)]]


@every_library
def test_round_trips_for_authentication(library: Library, log: RecordingLogger) -> None:
    """Digest asks, is refused, and asks again with an answer to the challenge, which is masked."""
    with calling(log.httpx(library.make(transport=answers(library, 401, 200)))) as caller:
        caller.get("http://a.example/", auth=library.module.DigestAuth("ana", "hunter2-hunter2"))
    assert transactions(log.entries) == [[(1, 401), (2, 200)]]
    first, second = (dict(entry.request.headers) for entry in log.entries if entry.request)
    assert "Authorization" not in first
    assert second["Authorization"] == "Digest [REDACTED]"


@every_library
def test_a_flow_that_fetches_a_token_first(library: Library, log: RecordingLogger) -> None:
    """The call for the token is one of its own; what it was fetched for is tried again."""
    module = library.module

    class Flow(module.Auth):  # type: ignore[misc, name-defined]
        requires_response_body = True

        def auth_flow(self, request: Any) -> Iterator[Any]:
            response = yield request
            if response.status_code == 401:
                token = yield module.Request("POST", "http://auth.example/token")
                request.headers["Authorization"] = f"Bearer {token.text}"
                yield request

    with calling(log.httpx(library.make(transport=answers(library, 401, 200, 200), auth=Flow()))) as caller:
        assert caller.get("http://a.example/").status_code == 200
    assert transactions(log.entries) == [[(1, 401), (2, 200)], [(1, 200)]]


@every_library
def test_two_loggers_count_for_themselves(library: Library, log: RecordingLogger, recorded: Any) -> None:
    """Each has all attempts, numbered from 1."""
    other = recorded()
    transport = answers(library, 302, 200, 503, 200)
    with calling(other.httpx(log.httpx(library.make(transport=transport, follow_redirects=True)))) as caller:
        caller.get("http://a.example/")
        with log.attempts():
            caller.get("http://a.example/")
            caller.get("http://a.example/")
    assert transactions(log.entries) == [[(1, 302), (2, 200)], [(1, 503), (2, 200)]]
    assert transactions(other.entries) == [[(1, 302), (2, 200)], [(1, 503)], [(1, 200)]]
    assert not {entry.id for entry in log.entries} & {entry.id for entry in other.entries}


@every_library
def test_a_request_that_is_sent_without_end_takes_one_mark_along(library: Library, log: RecordingLogger) -> None:
    """Who polls with one request does not make it longer each time."""
    with calling(log.httpx(library.make(transport=answers(library, *[200] * 20)))) as caller:
        request = caller.client.build_request("GET", "http://a.example/")
        for _ in range(20):
            caller.send(request)
    assert len(request.extensions["integration_logger"]) == 1
    assert transactions(log.entries) == [[(1, 200)]] * 20


def test_what_an_attempt_calls_in_its_turn_is_no_attempt(log: RecordingLogger) -> None:
    """Not what an application in the process asks others for, nor a transport, nor a call that is not HTTP."""
    inner = log.httpx(httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))))

    def app(environ: Any, start_response: Any) -> list[bytes]:
        inner.get("http://inner.example/")
        start_response("503 Busy", [])
        return [b""]

    with inner, log.httpx(httpx.Client(transport=httpx.WSGITransport(log.wsgi(app)))) as client, log.attempts():
        for _ in range(2):
            with log.script("try"):
                client.get("http://outer.example/")
        with log.call("C2E"):
            inner.get("http://mail.example/")
    found = [(e.kind, e.host, e.attempt, e.transaction_id == e.id) for e in log.entries if e.kind != "script"]
    assert found == [
        ("outbound", "inner.example", 1, True),
        ("inbound", "outer.example", 1, True),
        ("outbound", "outer.example", 1, True),
        ("outbound", "inner.example", 1, True),
        ("inbound", "outer.example", 1, True),
        ("outbound", "outer.example", 2, False),
        ("outbound", "mail.example", 1, True),
        ("call", None, 3, False),
    ]


def test_attempts_may_end_in_another_context(log: RecordingLogger) -> None:
    """Frameworks enter and leave a dependency in two contexts; what the host raises there stays what it is."""

    def dependency() -> Iterator[None]:
        with log.attempts():
            yield

    for error in (None, KeyError("the host's")):
        generator: Any = dependency()
        copy_context().run(next, generator)
        with pytest.raises(type(error or StopIteration())) as raised:
            copy_context().run(generator.throw if error else generator.send, error)
        assert error in (None, raised.value)
