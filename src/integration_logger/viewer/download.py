"""A file that is made while it is sent: its coding, its end, and a reader who goes away."""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

import zstandard
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from integration_logger.errors import IntegrationLoggerError
from integration_logger.exports import BrokenOff, Chunk
from integration_logger.viewer.ending import server_is_ending, until_gone
from integration_logger.viewer.threads import in_export_thread

_logger = logging.getLogger("integration_logger")

_GZIP_LEVEL: Final = 4
_ZSTD_LEVEL: Final = 3


class Coding(Protocol):
    """A content coding that what it was given can be read from at any time."""

    def add(self, data: bytes) -> bytes:
        """Return what is to be sent for some bytes."""
        ...

    def end(self) -> bytes:
        """Return what marks the end."""
        ...


class Identity:
    """No coding."""

    def add(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class Gzip:
    """RFC 1952."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)

    def add(self, data: bytes) -> bytes:
        return self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._zlib.flush()


class Zstd:
    """RFC 8878."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()

    def add(self, data: bytes) -> bytes:
        return self._zstd.compress(data) + self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._zstd.flush()


_CODINGS: Final[dict[str, Callable[[], Coding]]] = {"zstd": Zstd, "gzip": Gzip}


def choose_coding(accepted: str) -> str | None:
    """Return the coding that a header ``Accept-Encoding`` asks for and that is ours, the best one first."""
    weights = {}
    for name, weight in re.findall(r"([\w*-]+)(?:\s*;\s*q\s*=\s*([\d.]+))?", accepted.lower()):
        with suppress(ValueError):
            weights[name] = float(weight or 1)
    for name in _CODINGS:
        if weights.get(name, weights.get("*", 0)) > 0:
            return name
    return None


class Download(Response):
    """Sends an export, and stops making it within a moment once its reader is gone.

    Where it is broken off, the answer is left without its end, so that the reader is told by the connection, too.
    ``on_end`` is told how many entries were sent, and whether that was all.
    """

    def __init__(
        self,
        chunks: Generator[Chunk],
        *,
        media_type: str,
        name: str,
        accepted: str,
        on_begin: Callable[[], None],
        on_end: Callable[[int, bool], None],
    ) -> None:
        coding = choose_coding(accepted)
        super().__init__(
            media_type=media_type,
            headers={
                "content-disposition": f'attachment; filename="{name}"',
                "vary": "accept-encoding",
                **({"content-encoding": coding} if coding else {}),
            },
        )
        del self.headers["content-length"]
        self._chunks = chunks
        self._coding: Coding = _CODINGS[coding]() if coding else Identity()
        self._on_begin = on_begin
        self._on_end = on_end
        self._entries = 0
        self._is_complete = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        self._on_begin()
        try:
            await until_gone(receive, partial(self._send, send))
        finally:
            self._chunks.close()
            self._on_end(self._entries, self._is_complete)

    async def _send(self, send: Send) -> None:
        try:
            while (data := await in_export_thread(self._next)) is not None:
                if data:
                    await send({"type": "http.response.body", "body": data, "more_body": True})
        except (IntegrationLoggerError, BrokenOff) as error:
            _logger.warning("an export was broken off: %s", error)
            return
        await send({"type": "http.response.body", "body": self._coding.end(), "more_body": False})
        self._is_complete = True

    def _next(self) -> bytes | None:
        """Return what is to be sent next, None at the end."""
        try:
            chunk = self._chunks.throw(BrokenOff("the server ends")) if server_is_ending() else next(self._chunks)
        except StopIteration:
            return None
        self._entries = chunk.entries
        return self._coding.add(chunk.data) if chunk.data else b""
