"""Calls that fail: each is an entry that says how and where, and the caller gets what it would have got anyway."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import anyio
import httpx2
import pytest
import trustme

from integration_logger.testing import RecordingLogger
from tests.adapters.clients import LIBRARIES, VERIFY, Library, calling, every_library
from tests.adapters.peers import closed_port, crowded, peer, reset, silent

OK = b"HTTP/1.1 200 OK\r\n"
LOCATION = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
AUTHORITY = trustme.CA()


def with_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    return context


def at(url: str) -> Callable[[], AbstractContextManager[str]]:
    return lambda: nullcontext(url)


@contextmanager
def url_of(address: AbstractContextManager[str], scheme: str) -> Iterator[str]:
    with address as host:
        yield f"{scheme}://{host}/a"


def serving(
    answer: Any, scheme: str = "http", context: ssl.SSLContext | None = None
) -> Callable[[], AbstractContextManager[str]]:
    return lambda: url_of(peer(answer, context), scheme)


FAILURES: dict[str, tuple[Any, str, str, str, int | None]] = {
    "refused": (lambda: nullcontext(f"http://{closed_port()}/"), "ConnectError", "connect", "connect", None),
    "no such host": (at("http://nowhere.invalid/"), "ConnectError", "dns", "connect", None),
    "connect timeout": (lambda: url_of(crowded(), "http"), "ConnectTimeout", "timeout", "connect", None),
    "unknown authority": (serving(b"", "https", with_certificate()), "ConnectError", "tls", "connect", None),
    "no TLS at all": (serving(silent(OK), "https"), "ConnectError", "tls", "connect", None),
    "read timeout": (serving(silent()), "ReadTimeout", "timeout", "wait", None),
    "read timeout in the body": (
        serving(silent(OK, b"Content-Length: 9\r\n\r\nabc")), "ReadTimeout", "timeout", "receive", 200
    ),
    "no answer": (serving(b""), "RemoteProtocolError", "protocol", "wait", None),
    "not HTTP": (serving(b"hello\r\n\r\n"), "RemoteProtocolError", "protocol", "wait", None),
    "reset": (serving(reset()), "ReadError", "connect", "wait", None),
    "reset in the body": (
        serving(reset(OK, b"Content-Length: 9\r\n\r\nabc")), "ReadError", "connect", "receive", 200
    ),
    "short body": (
        serving(OK + b"Content-Length: 9\r\n\r\nabc"), "RemoteProtocolError", "protocol", "receive", 200
    ),
    "short chunks": (
        serving(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), "RemoteProtocolError", "protocol", "receive",
        200,
    ),
    "not gzip": (
        serving(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), "DecodingError", "protocol", "receive",
        200,
    ),
    "no place to go on": (
        serving(LOCATION + b"http://a.example:port/\r\n\r\n"), "RemoteProtocolError", "protocol", "receive", 302
    ),
    "no URL": (at("http://a.example:port/"), "InvalidURL", "validation", "connect", None),
    "unknown scheme": (at("gopher://a.example/"), "UnsupportedProtocol", "protocol", "connect", None),
}  # fmt: skip


def error_of(call: Callable[[], object]) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@every_library
@pytest.mark.parametrize("failure", FAILURES)
def test_scenario_26_each_failure_is_an_entry(library: Library, failure: str, log: RecordingLogger) -> None:
    """The entry has class, phase and time; the exception is the one that the bare client raises."""
    make, name, error_type, phase, status_code = FAILURES[failure]
    raised = []
    patience = 0.2 if "timeout" in failure else 20
    for install in (lambda client: client, log.httpx):
        with make() as url, calling(install(library.make(timeout=patience, follow_redirects=True))) as caller:
            error = error_of(lambda url=url, caller=caller: caller.get(url))
            raised.append((type(error), str(error).partition(":")[0]))
    assert raised[0] == raised[1]
    assert raised[0][0].__name__ == name
    *before, entry = log.entries
    if failure == "not gzip" and library.module is httpx2:  # closes its stream before it says why
        assert [(each.status_code, each.response and each.response.omitted) for each in before] == [
            (200, "unparseable")
        ]
        status_code = None
    else:
        assert before == []
    assert (entry.kind, entry.method, entry.status, entry.attempt) == ("outbound", "GET", "failed", 1 + len(before))
    assert (entry.error_type, entry.phase, entry.status_code) == (error_type, phase, status_code)
    assert entry.errors[0].partition(":")[0] == name
    assert entry.duration is not None
    assert entry.traceback
    if status_code == 200 and failure != "not gzip":
        assert entry.response is not None
        assert (entry.response.body, entry.response.truncated) == (b"abc", True)


@every_library
def test_scenario_26_too_many_redirects(library: Library, log: RecordingLogger) -> None:
    """Each redirect is an attempt, and so is the one that was not made."""
    transport = library.transport(lambda request: library.module.Response(302, headers={"location": "/again"}))
    client = log.httpx(library.make(transport=transport, max_redirects=2, follow_redirects=True))
    with calling(client) as caller, pytest.raises(library.module.TooManyRedirects):
        caller.get("http://a.example/")
    *made, last = log.entries
    assert [(entry.status_code, entry.status, entry.attempt) for entry in made] == [
        (302, "completed", number) for number in (1, 2, 3)
    ]
    assert (last.error_type, last.phase, last.attempt, last.status_code) == ("protocol", "connect", 4, None)
    assert last.url == "http://a.example/again"
    assert last.duration is not None
    assert {entry.transaction_id for entry in log.entries} == {made[0].id}


@every_library
@pytest.mark.parametrize("within", [False, True], ids=["before the answer", "in the body"])
def test_scenario_26_the_same_exception_object_is_raised(library: Library, within: bool, log: RecordingLogger) -> None:
    """Whatever a transport raises, its own exceptions and the host's alike, reaches the caller as it is."""
    for error in (library.module.ReadError("gone"), ValueError("a bug"), OSError(5, "disk")):

        def answer(request: Any, error: Exception = error) -> Any:
            if not within:
                raise error
            return library.module.Response(200, content=library.parts(b"abc", error=error))

        with calling(log.httpx(library.make(transport=library.transport(answer)))) as caller:
            assert error_of(lambda caller=caller: caller.get("http://a.example/")) is error
    found = [(entry.error_type, entry.phase, entry.status_code) for entry in log.entries]
    phase, code = ("receive", 200) if within else ("wait", None)
    assert found == [(kind, phase, code) for kind in ("connect", "exception", "exception")]


def test_a_cancelled_call_is_cancelled(log: RecordingLogger) -> None:
    """Cancelled while it waits and while it reads: the task sees its cancellation, the entry says so."""
    import httpx

    async def main(url: str) -> None:
        async with log.httpx(httpx.AsyncClient()) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.get(url), 0.2)

    for first in (b"", OK + b"Content-Length: 9\r\n\r\nabc"):
        with peer(silent(first)) as address:
            asyncio.run(main(f"http://{address}/"))
    found = [(entry.status, entry.error_type, entry.phase, entry.status_code) for entry in log.entries]
    assert found == [("failed", "cancelled", "wait", None), ("failed", "cancelled", "receive", 200)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("library", [each for each in LIBRARIES if each.is_async], ids=str)
def test_a_scope_that_is_left_cancels_its_call(library: Library, backend: str, log: RecordingLogger) -> None:
    """While it waits, while its answer is read, and while its answer is handed on; on any event loop."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"abc"
        await anyio.sleep_forever()

    async def answer(request: Any) -> Any:
        if request.url.path == "/":
            await anyio.sleep_forever()
        return library.module.Response(200, content=parts())

    async def main() -> None:
        async with log.httpx(library.module.AsyncClient(transport=library.module.MockTransport(answer))) as client:
            with anyio.move_on_after(0.05):
                await client.get("http://a.example/")
            with anyio.move_on_after(0.05):
                await client.get("http://a.example/read")
            with anyio.move_on_after(0.05):
                async with client.stream("GET", "http://a.example/streamed") as response:
                    async for _ in response.aiter_raw():
                        pass

    anyio.run(main, backend=backend)
    found = [(entry.status, entry.error_type, entry.phase, entry.status_code) for entry in log.entries]
    within = ("failed", "cancelled", "receive", 200)
    assert found == [("failed", "cancelled", "wait", None), within, within]


@every_library
def test_what_the_host_was_handling_is_not_the_cause(library: Library, log: RecordingLogger) -> None:
    """A call that is made because another one did not find its host is not blamed for that."""
    with calling(log.httpx(library.make())) as caller:
        try:
            caller.get("http://nowhere.invalid/")
        except library.module.ConnectError:
            with pytest.raises(library.module.ConnectError):
                caller.get(f"http://{closed_port()}/")
            transport = library.transport(lambda request: library.module.Response(200, content=library.parts(b"abc")))
            with calling(log.httpx(library.make(transport=transport))) as other:
                other.stream("GET", "http://a.example/", take=1)
    assert [entry.error_type for entry in log.entries] == ["dns", "connect", None]


@every_library
def test_a_body_that_cannot_be_sent(library: Library, log: RecordingLogger) -> None:
    """An exception of the host's own generator breaks the call while it is sent."""
    error = ValueError("no more rows")
    transport = library.transport(lambda request: library.module.Response(200))
    with (
        calling(log.httpx(library.make(transport=transport))) as caller,
        pytest.raises(ValueError, match="rows") as caught,
    ):
        caller.request("POST", "http://a.example/", content=library.parts(b"one", error=error))
    assert caught.value is error
    (entry,) = log.entries
    assert (entry.error_type, entry.phase) == ("exception", "send")
    assert entry.request is not None
    assert (entry.request.body, entry.request.truncated) == (b"one", True)


@every_library
def test_credentials_in_errors_are_masked(library: Library, log: RecordingLogger) -> None:
    """Neither the URL nor the text of an exception shows a password."""

    def fail(request: Any) -> Any:
        raise library.module.ConnectError(f"cannot reach {request.url}")

    with calling(log.httpx(library.make(transport=library.transport(fail)))) as caller:
        with pytest.raises(library.module.ConnectError):
            caller.get("http://ana:hunter2-hunter2@a.example/?access_token=hunter2-hunter2")
        with pytest.raises(library.module.InvalidURL):
            caller.get("http://ana:hunter2-hunter2@a.example:port/")
    assert len(log.entries) == 2
    for entry in log.entries:
        assert "hunter2" not in repr(entry)
        assert entry.redacted


@every_library
@pytest.mark.parametrize("sign", ["/", "#", "?", "\n"], ids=["slash", "hash", "question", "line"])
def test_a_password_that_makes_no_url_is_in_no_entry(library: Library, sign: str, log: RecordingLogger) -> None:
    """A password with a sign that ends user info is read as host and port, and quoted by the client as such."""
    with calling(log.httpx(library.make())) as caller, pytest.raises(library.module.InvalidURL):
        caller.get(f"http://ana:hunter2{sign}hunter2@a.example/x")
    (entry,) = log.entries
    assert "hunter2" not in repr(entry)
    assert (entry.error_type, entry.errors) == ("validation", ("InvalidURL",))
    assert entry.url == "http://[REDACTED]@a.example/x"


@every_library
def test_what_no_client_takes_is_refused_by_the_client(library: Library, log: RecordingLogger) -> None:
    """Arguments that we do not know, wrong ones and those of a subclass, change nothing of what is raised."""
    base = library.module.AsyncClient if library.is_async else library.module.Client

    class Own(base):  # type: ignore[misc, valid-type]
        def send(self, req: Any, **given: Any) -> Any:
            raise KeyError("the host's")

    with pytest.raises(KeyError, match="the host's"):
        log.httpx(Own(verify=VERIFY)).send(req=library.module.Request("GET", "http://a.example/"))
    with pytest.raises(TypeError, match=r"build_request\(\).*'started'"):
        log.httpx(library.make()).build_request("GET", "http://a.example/", started=1)
    assert log.entries == []


@every_library
def test_a_password_before_a_forgotten_scheme_is_in_no_entry(library: Library, log: RecordingLogger) -> None:
    """What stands before the ``@`` is then a scheme and a path to the client, and no user info."""
    for url in ("ana:hunter2@a.example/x", "/ana:hunter2@a.example/x"):
        with calling(log.httpx(library.make())) as caller, pytest.raises(library.module.UnsupportedProtocol):
            caller.get(url)
    assert [entry.url for entry in log.entries] == ["[REDACTED]@a.example/x"] * 2
    assert "hunter2" not in repr(log.entries)
