"""What is kept of a body: which kinds, how many bytes, and decoded from its content coding.

Everything here is bounded by the number of bytes asked for: a compression bomb costs no more than that.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import zstandard
from msgspec.structs import replace

from integration_logger.entry import Message, Omitted, RawHeaders

OVERLAP: Final = 8 * 1024
"""Bytes captured beyond ``max_body``, so that a secret which the limit cuts is still seen whole."""

_TEXT_TYPES: Final = frozenset({
    "application/graphql", "application/javascript", "application/json", "application/json-seq", "application/jsonl",
    "application/jwt", "application/ndjson", "application/sql", "application/x-json", "application/x-ndjson",
    "application/x-www-form-urlencoded", "application/x-yaml", "application/xml", "application/yaml",
})  # fmt: skip
_TEXT_SUFFIXES: Final = ("+json", "+xml", "+yaml", "+json-seq")
_KIND: Final = re.compile(r"\s*[\w.+*-]{1,127}/[\w.+*-]{1,127}\s*", re.ASCII)
_PARAMETERS: Final = re.compile(
    r"""(?:^|;)\s*((?:charset|boundary)=(?:"[^"]{1,70}"|[^;\s"]{1,70}))\s*(?=;|\Z)""", re.IGNORECASE
)
_CODINGS: Final = re.compile(r"[\w ,-]{1,64}", re.ASCII)
_BOMBS_STOP_AT: Final = 8 * 1024 * 1024
"""Largest zstd window accepted, as RFC 8878 advises."""
_MOST_CODINGS: Final = 8
_MOST_MEMBERS: Final = 64
"""Members of a gzip body, or frames of a zstd body, that are looked at; what follows counts as cut off."""


class ContentType:
    """A ``Content-Type``, and whether bodies of that type are kept; None: only the bytes can tell.

    ``name`` is the kind with its charset and boundary: all else that a stranger may write stays in the header, where
    it is looked at for secrets.
    """

    __slots__ = ("name", "text")

    def __init__(self, name: str | None, text: bool | None) -> None:
        self.name = name
        self.text = text


@lru_cache(maxsize=512)
def content_type(header: bytes | None) -> ContentType:
    """Return what a ``Content-Type`` header says."""
    if not header:
        return ContentType(None, None)
    kind, _, parameters = header.decode("latin-1").partition(";")
    name = "; ".join([kind.strip(), *_PARAMETERS.findall(parameters)]) if _KIND.fullmatch(kind) else None
    kind = kind.strip().lower()
    if kind in _TEXT_TYPES or kind.startswith(("text/", "multipart/")) or kind.endswith(_TEXT_SUFFIXES):
        return ContentType(name, True)
    return ContentType(name, None if "/" not in kind else False)


class Body:
    """The beginning of a body as it passes by, and how long it was."""

    __slots__ = ("chunks", "content_encoding", "content_type", "ended", "limit", "omitted", "room", "size")

    def __init__(self, limit: int, content_type: ContentType, content_encoding: bytes | None = None) -> None:
        self.content_type = content_type
        self.content_encoding = content_encoding
        self.limit = self.room = limit
        self.size = 0
        self.ended = False
        self.omitted: Omitted | None = None
        """Why nothing is kept."""
        self.chunks: list[bytes] = []
        if content_type.text is False:
            self.leave_out("binary")

    def leave_out(self, reason: Omitted) -> None:
        """Keep nothing, and say why."""
        self.omitted = reason
        self.room = 0

    def feed(self, chunk: bytes) -> None:
        """Count a chunk and keep what is still within the limit."""
        length = len(chunk)
        self.size += length
        if 0 < length <= self.room:
            # copies only what the caller could change later
            self.chunks.append(chunk if type(chunk) is bytes else bytes(chunk))
        elif self.room > 0 and length:
            self.chunks.append(bytes(chunk[: self.room]))
        self.room -= length


def message(raw_headers: RawHeaders, body: Body | None) -> Message:
    """Return a Message with the kept bytes content-decoded; binary kinds, and what cannot be decoded, are left out."""
    if body is None:
        return Message(raw_headers)
    name, size, omitted = body.content_type.name, body.size, body.omitted
    coding = None if not body.content_encoding else _coding(body.content_encoding)
    if size == 0 or omitted is not None:
        return Message(raw_headers, None, name, coding, size, None, False, omitted)
    chunks = body.chunks
    kept = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    whole = body.ended and body.room >= 0
    if not coding and body.content_type.text:
        return Message(raw_headers, kept, name, None, size, None, not whole, None)
    return _decoded(Message(raw_headers, kept, name, coding, size, None, not whole, None), body)


def _coding(header: bytes) -> str:
    """Return the names in a ``Content-Encoding``, or a word for what is no list of names."""
    text = header.decode("latin-1")
    return text if _CODINGS.fullmatch(text) else "unknown"


def _decoded(coded: Message, body: Body) -> Message:
    kept, decoded_size, truncated = coded.body or b"", None, coded.truncated
    if coded.content_encoding:
        try:
            kept, ended = decode(kept, coded.content_encoding, body.limit)
        except Exception:  # any codec's own error: the bytes are not what their header says
            return replace(coded, body=None, truncated=False, omitted="unparseable")
        truncated = truncated or not ended
        decoded_size = None if truncated else len(kept)
    if body.content_type.text is None and not looks_like_text(kept):
        return replace(coded, body=None, decoded_size=decoded_size, truncated=False, omitted="binary")
    return replace(coded, body=kept, decoded_size=decoded_size, truncated=truncated)


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

    Raises ``ValueError`` for an unknown coding or too many, and each codec's own error for broken data.
    """
    ended = True
    names = [part.strip().lower() for part in content_encoding.split(",", _MOST_CODINGS)]
    for name in reversed(names):
        if name in ("", "identity"):
            continue
        if name not in _DECODERS:
            raise ValueError(f"unknown content coding {name!r}")
        data, whole = _DECODERS[name](data, limit)
        ended = ended and whole
    return data, ended


def _gunzip(data: bytes, limit: int) -> tuple[bytes, bool]:
    decoded = b""
    for _ in range(_MOST_MEMBERS):
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        decoded += decoder.decompress(data, limit - len(decoded))
        data = decoder.unused_data
        if not decoder.eof or not data.startswith(b"\x1f\x8b"):  # what follows the last member is padding
            return decoded, decoder.eof
        if len(decoded) >= limit:
            break
    return decoded, False


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
    return decoded, len(decoded) < limit and _is_whole_zstd(data)


def _is_whole_zstd(data: bytes) -> bool:
    """Tell whether no frame breaks off; only for data known to be short when decoded."""
    for _ in range(_MOST_MEMBERS):
        decoder = zstandard.ZstdDecompressor(max_window_size=_BOMBS_STOP_AT).decompressobj()
        decoder.decompress(data)
        data = decoder.unused_data
        if not decoder.eof or not data:
            return decoder.eof
    return False


def _unbrotli(data: bytes, limit: int) -> tuple[bytes, bool]:
    import brotli  # optional; without it br bodies are "unparseable"

    decoder = brotli.Decompressor()
    decoded: bytes = decoder.process(data, output_buffer_limit=limit)
    return decoded[:limit], len(decoded) <= limit and decoder.is_finished()


_DECODERS: Final[dict[str, Callable[[bytes, int], tuple[bytes, bool]]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
