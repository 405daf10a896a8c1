"""Compressed bodies: kept decoded, within bounds, and never as bytes that nobody could redact."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import brotli
import pytest
import zstandard
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integration_logger.entry import Message
from integration_logger.testing import RecordingLogger
from tests.adapters.server import Server, answer

SECRET = "c0ffee-c0ffee-c0ffee"
PLAIN = json.dumps({"text": "hello " * 100, "password": SECRET}).encode()
JSON = (b"content-type", b"application/json")


def raw_deflate(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(data) + coder.flush()


CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    " deflate ": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data)),
    "deflate,identity,zstd": lambda data: zstandard.ZstdCompressor().compress(zlib.compress(data)),
}


def exchange(
    log: RecordingLogger, data: bytes, coding: str, *, kind: bytes = b"application/json"
) -> tuple[Message, Message]:
    """Return both halves of a call in which the same body goes in and out."""
    headers = [(b"content-type", kind), (b"content-encoding", coding.encode())]
    call = Server("POST", headers=headers, body=data).run(
        log.asgi(answer(200, headers, data[: len(data) // 2], data[len(data) // 2 :]))
    )
    assert call.body == data
    entry = log.entries[-1]
    assert entry.request is not None
    assert entry.response is not None
    assert SECRET not in repr(entry)
    return entry.request, entry.response


@pytest.mark.parametrize("coding", CODINGS)
def test_compressed_bodies_are_kept_decoded_and_redacted(log: RecordingLogger, coding: str) -> None:
    """Both halves show the text, its size as it passed and decoded, and secrets in it are masked."""
    data = CODINGS[coding](PLAIN)
    for message in exchange(log, data, coding):
        assert message.body is not None
        assert json.loads(message.body) == {"text": "hello " * 100, "password": "[REDACTED]"}
        assert (message.size, message.content_encoding, message.truncated) == (len(data), coding, False)
        assert message.decoded_size == len(PLAIN)


def test_several_gzip_members_are_one_body(log: RecordingLogger) -> None:
    """A gzip body may be made of several (RFC 1952, 2.2): all of them are shown."""
    for message in exchange(log, gzip.compress(PLAIN[:50]) + gzip.compress(PLAIN[50:]), "gzip"):
        assert message.body is not None
        assert json.loads(message.body)["text"] == "hello " * 100


BOMB = b"0" * 50_000_000
BOMBS = {
    "gzip": gzip.compress(BOMB, 9),
    "deflate": zlib.compress(BOMB, 9),
    "br": brotli.compress(BOMB, quality=5),
    "zstd": zstandard.ZstdCompressor().compress(BOMB),
    "gzip, gzip": gzip.compress(gzip.compress(BOMB, 9), 9),
    "zstd, gzip": gzip.compress(zstandard.ZstdCompressor().compress(BOMB), 9),
}


@pytest.mark.parametrize("coding", BOMBS)
def test_a_bomb_costs_no_more_than_the_limit(recorded: Any, coding: str) -> None:
    """A body that would unfold to fifty megabytes is decoded as far as it is kept."""
    log = recorded(max_body=10_000)
    for message in exchange(log, BOMBS[coding], coding, kind=b"text/plain"):
        if message.omitted is None:
            assert (message.body, message.truncated, message.decoded_size) == (b"0" * 10_000, True, None)
        else:
            assert (message.body, message.omitted) == (None, "unparseable")


@pytest.mark.parametrize("coding", [name for name in CODINGS if name != "identity"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_compressed_body_that_breaks_off_is_truncated(log: RecordingLogger, coding: str, share: float) -> None:
    """What could be decoded is shown as a beginning, or nothing is: never bytes that cannot be read."""
    data = CODINGS[coding](PLAIN)
    for message in exchange(log, data[: int(len(data) * share)], coding, kind=b"text/plain"):
        if message.omitted is None:
            assert message.truncated
            assert (message.body or b"").isascii()
        else:
            assert (message.body, message.omitted) == (None, "unparseable")


@pytest.mark.parametrize(
    "coding", ["gzip", "deflate", "br", "zstd", "gzip, br", "compress", "rot13", "gzip;q=1", ",".join(["gzip"] * 1000)]
)
def test_a_body_of_another_coding_than_its_header_says_is_left_out(log: RecordingLogger, coding: str) -> None:
    """What cannot be decoded is named so, with its size, and none of its bytes are kept."""
    for data in (PLAIN, b"\xff" * 100):
        for message in exchange(log, data, coding):
            assert (message.body, message.omitted, message.size) == (None, "unparseable", len(data))
            assert message.truncated is False


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_compressed_file_is_binary(log: RecordingLogger, coding: str) -> None:
    """A kind that is not text is not decoded at all."""
    data = CODINGS[coding](b"\x89PNG" * 100)
    for message in exchange(log, data, coding, kind=b"image/png"):
        assert (message.body, message.omitted, message.size) == (None, "binary", len(data))


@pytest.mark.parametrize("place", ["inside", "outside"])
def test_a_host_that_compresses_shows_its_text(log: RecordingLogger, place: str) -> None:
    """Inside of GZipMiddleware and outside of it the entry has the text, and the client the same bytes."""

    async def endpoint(request: Request) -> Response:
        return JSONResponse({"text": "hello " * 100, "password": SECRET})

    middleware = [Middleware(GZipMiddleware, minimum_size=10), Middleware(log.asgi)]  # type: ignore[arg-type]
    if place == "outside":
        middleware.reverse()
    app = Starlette(routes=[Route("/", endpoint)], middleware=middleware)
    call = Server(headers=[(b"accept-encoding", b"gzip")]).run(app)
    assert json.loads(gzip.decompress(call.body))["password"] == SECRET
    response = log.entries[0].response
    assert response is not None
    assert response.body is not None
    assert json.loads(response.body) == {"text": "hello " * 100, "password": "[REDACTED]"}
    assert response.size == (
        len(call.body) if place == "outside" else len(response.body) + len(SECRET) - len("[REDACTED]")
    )


def test_bytes_without_a_type_are_kept_only_if_they_are_text(log: RecordingLogger) -> None:
    """Where no Content-Type says what a body is, UTF-8 text is kept and everything else is binary."""
    for data, omitted in ((b"caf\xc3\xa9", None), (b"\x89PNG\x00", "binary"), (b"\xff\xfe", "binary")):
        Server().run(log.asgi(answer(200, (), data)))
        response = log.entries[-1].response
        assert response is not None
        assert response.omitted == omitted
        assert response.body == (None if omitted else data)
