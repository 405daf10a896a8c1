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

from integration_logger.entry import Message, Omitted, RawHeaders

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

    __slots__ = ("_chunks", "_room", "content_encoding", "content_type", "ended", "limit", "omitted", "size")

    def __init__(self, limit: int, content_type: bytes | None = None, content_encoding: bytes | None = None) -> None:
        self.content_type = content_type and content_type.decode("latin-1")
        self.content_encoding = content_encoding and content_encoding.decode("latin-1")
        self.limit = self._room = limit
        self.size = 0
        self.ended = False
        self.omitted: Omitted | None = None
        """Why nothing is kept."""
        self._chunks: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Count a chunk and keep what is still within the limit."""
        length = len(chunk)
        self.size += length
        if self._room > 0 and length:
            # bytes() copies only what the caller could change later (bytearray, memoryview)
            self._chunks.append(bytes(chunk) if length <= self._room else bytes(chunk[: self._room]))
        self._room -= length

    def leave_out(self, reason: Omitted) -> None:
        """Keep nothing from now on, and say why."""
        self.omitted = reason
        self._room = 0

    @property
    def kept(self) -> bytes:
        """The bytes that were kept."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    @property
    def whole(self) -> bool:
        """Whether all of the body passed and all of it was kept."""
        return self.ended and self._room >= 0


def message(raw_headers: RawHeaders, body: Body) -> Message:
    """Return a Message with the kept bytes content-decoded; binary kinds, and what cannot be decoded, are left out."""
    content_type, content_encoding, size = body.content_type, body.content_encoding, body.size
    if size == 0 or body.omitted is not None:
        return Message(raw_headers, None, content_type, content_encoding, size, None, False, body.omitted)
    text = is_text(content_type)
    if text is False:
        return Message(raw_headers, None, content_type, content_encoding, size, None, False, "binary")
    kept, whole, decoded_size = body.kept, body.whole, None
    if content_encoding is not None and content_encoding != "identity":
        try:
            kept, ended = decode(kept, content_encoding, body.limit)
        except Exception:  # any codec's own error: the bytes are not what their header says
            return Message(raw_headers, None, content_type, content_encoding, size, None, False, "unparseable")
        whole = whole and ended
        decoded_size = len(kept) if whole else None
    if text is None and not looks_like_text(kept):
        return Message(raw_headers, None, content_type, content_encoding, size, decoded_size, False, "binary")
    return Message(raw_headers, kept, content_type, content_encoding, size, decoded_size, not whole, None)


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
