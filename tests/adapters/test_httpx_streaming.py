"""Streams of calls that go out: seen as they pass, neither drained nor held back."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from integration_logger.testing import RecordingLogger
from tests.adapters.clients import Library, calling, every_library
from tests.viewer.server import serving

LINES = [f"line {number}\n".encode() for number in range(5)]


async def lines(request: Request) -> Response:
    async def made() -> AsyncIterator[bytes]:
        for line in LINES:
            yield line

    return StreamingResponse(made(), media_type=request.query_params.get("type", "text/plain"))


async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type="application/octet-stream")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = Starlette(routes=[Route("/lines", lines), Route("/echo", echo, methods=["POST"])])
    with serving(app) as address:
        yield address


@every_library
@pytest.mark.parametrize("way", ["iter_raw", "iter_bytes", "iter_text", "iter_lines"])
@pytest.mark.parametrize("take", [None, 2, 0], ids=["all", "two", "none"])
def test_scenario_27_streams_are_those_of_the_bare_client(
    library: Library, way: str, take: int | None, address: str, log: RecordingLogger
) -> None:
    """Read to the end or left early, part by part: the same, and an entry when it is closed."""
    read = []
    for install in (lambda client: client, log.httpx):
        with calling(install(library.make())) as caller:
            read.append(caller.stream("GET", f"{address}/lines", way, take))
    joined = ["".join(map(str, parts)) for parts in read] if take is None else [len(parts) for parts in read]
    assert joined[0] == joined[1]
    (entry,) = log.entries
    assert (entry.status, entry.status_code, entry.http_version) == ("completed", 200, "1.1")
    assert entry.response is not None
    if take is None:
        assert (entry.response.body, entry.response.truncated) == (b"".join(LINES), False)
    elif take:
        assert entry.response.truncated or entry.response.body == b"".join(LINES)
        assert b"".join(LINES).startswith(entry.response.body or b"nothing")
    else:
        assert (entry.response.body, entry.response.omitted) == (None, "unread")


@every_library
def test_scenario_27_nothing_is_held_back(library: Library, log: RecordingLogger) -> None:
    """Each part is with the reader before the next one is asked for."""
    asked = []

    def parts() -> Iterator[bytes]:
        for line in LINES:
            asked.append(line)
            yield line

    async def async_parts() -> AsyncIterator[bytes]:
        for line in LINES:
            asked.append(line)
            yield line

    def answer(request: Any) -> Any:
        return library.module.Response(200, content=async_parts() if library.is_async else parts())

    with calling(log.httpx(library.make(transport=library.transport(answer)))) as caller:
        assert caller.stream("GET", "http://a.example/", take=2) == LINES[:2]
    assert asked == LINES[:2]
    (entry,) = log.entries
    assert entry.response is not None
    assert (entry.response.body, entry.response.truncated, entry.status) == (b"".join(LINES[:2]), True, "completed")


@every_library
def test_scenario_27_a_stream_is_consumed_once(library: Library, log: RecordingLogger) -> None:
    """To read it again is refused as ever, and a reader of the whole may read again."""
    with calling(log.httpx(library.make(transport=_parts(library)))) as caller:
        answer = caller.send(caller.client.build_request("GET", "http://a.example/"), stream=True)
        assert caller.wait(_all(answer.aiter_raw()) if library.is_async else b"".join(answer.iter_raw())) == b"abc"
        with pytest.raises(library.module.StreamConsumed):
            caller.wait(_all(answer.aiter_raw()) if library.is_async else b"".join(answer.iter_raw()))
        whole = caller.get("http://a.example/")
        assert whole.content == whole.read() == b"abc"
    assert len(log.entries) == 2


def _parts(library: Library) -> Any:
    return library.transport(lambda request: library.module.Response(200, content=library.parts(b"a", b"bc")))


async def _all(parts: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in parts])


@every_library
def test_scenario_28_uploads_from_a_generator(library: Library, address: str, log: RecordingLogger) -> None:
    """The server gets the same bytes, in the same parts; the entry has the first of them."""
    parts = [b"x" * 50_000 for _ in range(6)]
    headers = {"content-type": "text/plain"}
    with calling(log.httpx(library.make())) as caller:
        answer = caller.request("POST", f"{address}/echo", content=library.parts(*parts), headers=headers)
    assert answer.content == b"".join(parts)
    (entry,) = log.entries
    assert entry.request is not None
    assert (entry.request.size, entry.request.truncated) == (300_000, True)
    assert entry.request.body == b"x" * 65_536
    assert ("Transfer-Encoding", "chunked") in entry.request.headers

    transport = _parts(library)
    with calling(log.httpx(library.make(transport=transport))) as caller:
        caller.request("POST", "http://a.example/", content=library.parts(*parts))
    assert transport.sent == [parts]


@every_library
def test_scenario_28_files_and_forms(library: Library, address: str, log: RecordingLogger) -> None:
    """A file is read by the client alone, a form is recorded, and the request is as it was afterwards."""
    with calling(log.httpx(library.make())) as caller:
        sent = caller.client.build_request(
            "POST", f"{address}/echo", data={"name": "Ana"}, files={"photo": ("a.txt", io.BytesIO(b"hello"))}
        )
        stream = sent.stream
        answer = caller.send(sent)
        assert sent.stream is stream
        assert b"hello" in answer.content
        assert caller.request("POST", f"{address}/echo", data={"a": "b"}).content == b"a=b"
    multipart, form = log.entries
    assert multipart.request is not None
    assert form.request is not None
    assert b'name="name"' in (multipart.request.body or b"")
    assert form.request.body == b"a=b"


@every_library
def test_a_body_that_nobody_asked_for(library: Library, log: RecordingLogger) -> None:
    """The transport answers without reading: the body of the request is marked unread, not empty."""

    class Hasty(type(_parts(library))):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            return library.module.Response(413)

        async def handle_async_request(self, request: Any) -> Any:
            return library.module.Response(413)

    with calling(log.httpx(library.make(transport=Hasty(None)))) as caller:
        caller.request("POST", "http://a.example/", content=library.parts(b"abc"))
    (entry,) = log.entries
    assert entry.request is not None
    assert (entry.request.body, entry.request.omitted, entry.error_type) == (None, "unread", "http_4xx")


@every_library
def test_streams_can_do_what_they_can_do_bare(library: Library, log: RecordingLogger) -> None:
    """Who sends a stream on, or asks what it is, sees the same: sync, async, or both."""
    seen: list[list[bool]] = []

    def look(stream: Any) -> None:
        seen.append([isinstance(stream, Iterable), isinstance(stream, AsyncIterable)])
        seen[-1] += [hasattr(stream, name) for name in ("close", "aclose")]

    def answer(request: Any) -> Any:
        look(request.stream)
        return library.module.Response(200, content=library.parts(b"abc"))

    for install in (lambda transport: transport, log.transport):
        transport = install(library.transport(answer))
        with calling(library.make(transport=transport)) as caller:
            caller.request("POST", "http://a.example/", content=library.parts(b"abc"))
            caller.request("POST", "http://a.example/", files={"file": b"abc"})
        request = library.module.Request("GET", "http://a.example/")
        if library.is_async:
            response = asyncio.run(transport.handle_async_request(request))
        else:
            response = transport.handle_request(request)
        look(response.stream)
        look(library.module.Request("POST", "http://b.example/", content=response.stream).stream)
    half = len(seen) // 2
    assert seen[:half] == seen[half:]
