"""Transports and clients that are entered, copied, pickled or printed: as they are without the logger, and seen."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import httpx
import httpx2
import pytest

from integration_logger.testing import RecordingLogger
from tests.adapters.clients import Library, calling, every_library
from tests.adapters.conftest import Recording

every_module = pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])


def memory(library: Library) -> Any:
    return library.transport(lambda request: library.module.Response(200, text="abc"))


@every_library
def test_a_transport_that_is_entered_is_still_seen(library: Library, log: RecordingLogger) -> None:
    """``with log.transport(inner) as transport`` and ``async with``: what goes through ``transport`` is an entry."""
    inner = memory(library)
    transport = log.transport(inner)
    request = library.module.Request("GET", "http://a.example/")

    async def call() -> Any:
        async with transport as entered:
            return entered, await entered.handle_async_request(request)

    with calling(library.make()) as caller:
        if library.is_async:
            entered, answer = caller.wait(call())
        else:
            with transport as entered:
                answer = entered.handle_request(request)
    assert entered is transport
    assert (answer.text, inner.closed) == ("abc", True)
    assert [(entry.host, entry.status_code) for entry in log.entries] == [("a.example", 200)]


@every_library
def test_what_a_transport_gives_of_itself_is_what_one_gets(library: Library, log: RecordingLogger) -> None:
    """One that hands out something else when it is entered hands that out."""
    something = object()

    class Own(type(memory(library))):  # type: ignore[misc]
        def __enter__(self) -> Any:
            return something

        async def __aenter__(self) -> Any:
            return something

    transport = log.transport(Own(None))

    async def enter() -> Any:
        async with transport as entered:
            return entered

    with calling(library.make()) as caller:
        if library.is_async:
            entered = caller.wait(enter())
        else:
            with transport as entered:
                pass
    assert entered is something


@every_library
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_of_a_transport_is_seen(library: Library, way: Any, log: RecordingLogger) -> None:
    """It is a copy of the transport itself, with the logger in front."""
    inner = memory(library)
    transport = way(log.transport(inner))
    assert isinstance(transport, type(inner))
    assert transport != inner
    with calling(library.make(transport=transport)) as caller:
        assert caller.get("http://a.example/").text == "abc"
    assert not inner.closed
    assert len(log.entries) == 1


def answer(request: Any) -> Any:
    return httpx.Response(200, text="abc")


def test_a_pickled_transport_is_the_bare_one(log: RecordingLogger) -> None:
    """Where it is loaded there is no logger."""
    transport = pickle.loads(pickle.dumps(log.transport(httpx.MockTransport(answer))))
    assert type(transport) is httpx.MockTransport
    assert transport.handle_request(httpx.Request("GET", "http://a.example/")).text == "abc"
    assert log.entries == []


@every_library
def test_what_is_printed_is_what_would_be_without_the_logger(library: Library, log: RecordingLogger) -> None:
    """A transport, and the streams of a call as a transport and its caller have them."""
    printed = []
    streams = [library.parts(b"a"), library.parts(b"b")]

    def look(request: Any) -> Any:
        printed.append(repr(request.stream))
        return library.module.Response(200, stream=Stream(streams[1], library))

    class Stream(library.module.AsyncByteStream if library.is_async else library.module.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, parts: Any, library: Library) -> None:
            self.parts = parts

        def __iter__(self) -> Any:
            return iter(self.parts)

        def __aiter__(self) -> Any:
            return aiter(self.parts)

        def __repr__(self) -> str:
            return "<the host's stream>"

    inner = library.transport(look)
    transport = log.transport(inner)
    assert (repr(transport), str(transport)) == (repr(inner), str(inner))
    with calling(library.make(transport=transport)) as caller:
        sent = library.module.Request("POST", "http://a.example/", stream=Stream(streams[0], library))
        got = caller.send(sent, stream=True)
        printed.append(repr(got.stream.__dict__.get("_stream", got.stream)))
        caller.wait(got.aclose()) if library.is_async else got.close()
    assert printed == ["<the host's stream>"] * 2


@every_library
def test_a_copy_of_a_client_is_itself(library: Library, log: RecordingLogger, recorded: Recording) -> None:
    """Its calls have its own headers and are seen once, by every logger, as those of the client it was made from."""
    other = recorded()
    sent: list[str] = []

    def take(request: Any) -> Any:
        sent.append(request.headers["x-name"])
        return library.module.Response(200)

    client = other.httpx(log.httpx(library.make(transport=library.transport(take), headers={"x-name": "original"})))
    twin = copy.copy(client)
    twin.headers = {"x-name": "twin"}
    assert twin.send.__self__ is twin.build_request.__self__ is twin
    assert log.httpx(twin) is twin
    with calling(client) as first, calling(twin) as second:
        second.get("http://a.example/")
        first.get("http://a.example/")
        with pytest.raises(library.module.InvalidURL):
            second.get("http://a.example:port/")
    assert sent == ["twin", "original"]
    assert [entry.status_code for entry in log.entries] == [200, 200, None]
    assert [entry.status_code for entry in other.entries] == [200, 200]


def test_what_the_host_has_put_into_a_client_is_in_its_copy(log: RecordingLogger) -> None:
    """A method of the host's own in one client goes along, as it does without us."""

    def send(*args: Any, **given: Any) -> Any:
        return "the host's"

    client = httpx.Client()
    client.send = send  # type: ignore[method-assign]
    twin = copy.copy(log.httpx(client))
    with client, twin:
        assert twin.send is send
        assert client.get("http://a.example/") == twin.get("http://a.example/") == "the host's"


@every_module
def test_requests_and_answers_are_pickled_as_ever(module: Any, log: RecordingLogger) -> None:
    """What is loaded again has what a bare one has: all but streams and extensions."""
    with log.httpx(
        module.Client(transport=module.MockTransport(lambda request: module.Response(200, text="abc")))
    ) as c:
        answer = c.post("http://a.example/", content=b"hello")
    loaded = pickle.loads(pickle.dumps(answer))
    assert (loaded.text, loaded.request.content, loaded.extensions) == ("abc", b"hello", {})
    assert copy.copy(answer).text == "abc"
