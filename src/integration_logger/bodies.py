"""What is kept of a body: which kinds, how many bytes, and decoded from its content coding.

Everything here is bounded by the number of bytes asked for: a compression bomb costs no more than that.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import zstandard

from integration_logger.entry import Omitted

OVERLAP: Final = 8 * 1024
"""Bytes captured beyond ``max_body``, so that a secret which the limit cuts is still seen whole."""

_TEXT_TYPES: Final = frozenset({
    "application/graphql", "application/javascript", "application/json", "application/json-seq", "application/jsonl",
    "application/jwt", "application/ndjson", "application/sql", "application/x-json", "application/x-ndjson",
    "application/x-www-form-urlencoded", "application/x-yaml", "application/xml", "application/yaml",
})  # fmt: skip
_TEXT_SUFFIXES: Final = ("+json", "+xml", "+yaml", "+json-seq")
_BOMBS_STOP_AT: Final = 8 * 1024 * 1024
"""Largest zstd window accepted, as RFC 8878 advises."""


class Body:
    """The beginning of a body as it passes by, and how long it was."""

    __slots__ = ("_chunks", "_room", "ended", "limit", "omitted", "size")

    def __init__(self, limit: int) -> None:
        self.size = 0
        self.limit = limit
        self.ended = False
        self.omitted: Omitted | None = None
        """Why nothing is kept, where that is known before the end."""
        self._room = limit
        self._chunks: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Count a chunk and keep what is still within the limit."""
        length = len(chunk)
        self.size += length
        if self._room > 0 and length:
            # bytes() copies only what the caller could change later (bytearray, memoryview)
            self._chunks.append(bytes(chunk) if length <= self._room else bytes(chunk[: self._room]))
            self._room -= length

    @property
    def kept(self) -> bytes:
        """The bytes that were kept."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    @property
    def whole(self) -> bool:
        """Whether all of the body passed and all of it was kept."""
        return self.ended and self._room >= 0


class Content:
    """A kept body after content-decoding: the bytes, or why there are none."""

    __slots__ = ("body", "decoded_size", "omitted", "truncated")

    def __init__(
        self,
        body: bytes | None,
        *,
        decoded_size: int | None = None,
        truncated: bool = False,
        omitted: Omitted | None = None,
    ) -> None:
        self.body = body
        self.decoded_size = decoded_size
        self.truncated = truncated
        self.omitted = omitted


def read(body: Body, content_type: str | None, content_encoding: str | None) -> Content:
    """Return the kept bytes content-decoded; binary kinds, and what cannot be decoded, are left out."""
    text = is_text(content_type)
    if text is False:
        return Content(None, omitted="binary")
    kept, whole = body.kept, body.whole
    if not content_encoding or content_encoding == "identity":
        return _checked(kept, text, None, whole)
    try:
        decoded, ended = decode(kept, content_encoding, body.limit)
    except Exception:  # any codec's own error: the bytes are not what their header says
        return Content(None, omitted="unparseable")
    complete = whole and ended
    return _checked(decoded, text, len(decoded) if complete else None, complete)


def _checked(kept: bytes, text: bool | None, decoded_size: int | None, whole: bool) -> Content:
    if text is None and not looks_like_text(kept):
        return Content(None, decoded_size=decoded_size, omitted="binary")
    return Content(kept, decoded_size=decoded_size, truncated=not whole)


@lru_cache(maxsize=512)
def is_text(content_type: str | None) -> bool | None:
    """Tell whether bodies of this type are kept; None where only the bytes can tell."""
    if not content_type:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _TEXT_TYPES or kind.startswith(("text/", "multipart/")) or kind.endswith(_TEXT_SUFFIXES):
        return True
    return None if "/" not in kind else False


def looks_like_text(data: bytes) -> bool:
    """Tell whether bytes of unknown type are UTF-8 text; a character cut off at the end is no objection."""
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start > len(data) - 4 and error.reason == "unexpected end of data"
    return True


def decode(data: bytes, content_encoding: str, limit: int) -> tuple[bytes, bool]:
    """Undo the content codings (RFC 9110, 8.4), last one first; return at most ``limit`` bytes and whether that is all.

    Raises ``ValueError`` for an unknown coding, and each codec's own error for broken data.
    """
    ended = True
    for name in reversed([part.strip().lower() for part in content_encoding.split(",")]):
        if name in ("", "identity"):
            continue
        if name not in _DECODERS:
            raise ValueError(f"unknown content coding {name!r}")
        data, whole = _DECODERS[name](data, limit)
        ended = ended and whole
    return data, ended


def _gunzip(data: bytes, limit: int) -> tuple[bytes, bool]:
    return _inflate(data, limit, zlib.MAX_WBITS | 16)


def _undeflate(data: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        return _inflate(data, limit, zlib.MAX_WBITS)
    except zlib.error:  # many senders leave the zlib wrapper out
        return _inflate(data, limit, -zlib.MAX_WBITS)


def _inflate(data: bytes, limit: int, window: int) -> tuple[bytes, bool]:
    decoder = zlib.decompressobj(window)
    decoded = decoder.decompress(data, limit)
    return decoded, decoder.eof


def _unzstd(data: bytes, limit: int) -> tuple[bytes, bool]:
    reader = zstandard.ZstdDecompressor(max_window_size=_BOMBS_STOP_AT).stream_reader(
        io.BytesIO(data), read_across_frames=True
    )
    decoded = reader.read(limit)
    return decoded, len(decoded) < limit


def _unbrotli(data: bytes, limit: int) -> tuple[bytes, bool]:
    import brotli  # optional; without it br bodies are "unparseable"

    decoder = brotli.Decompressor()
    decoded: bytes = decoder.process(data, output_buffer_limit=limit)
    return decoded[:limit], decoder.is_finished()


_DECODERS: Final[dict[str, Callable[[bytes, int], tuple[bytes, bool]]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
