"""What only the detail of an entry shows, as one blob: headers, bodies, variables, traceback, what was masked.

The blob is a version byte and MessagePack, compressed by zstd with a dictionary that comes with the package.
The dictionary is made from an invented corpus (``make_dictionary.py``), never from traffic: a dictionary of
real bodies would keep customers' values verbatim and outlive their erasure.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
import zstandard

from integration_logger.entry import Entry, Message, RawHeaders
from integration_logger.errors import CodecError

LEVEL: Final = 1
_LONG: Final = 8 * 1024
"""Bytes from which on the dictionary takes a fifth more time, for a twentieth less space."""
_VERSION: Final = b"\x01"  # names the layout below and the dictionary; both stay readable for ever


_Headers = tuple[tuple[bytes, bytes], ...]


class _Payload(msgspec.Struct, array_like=True):
    request_headers: RawHeaders
    request_body: bytes | None
    response_headers: RawHeaders
    response_body: bytes | None
    variables: Any
    traceback: str | None
    redacted: tuple[str, ...]


_NOTHING: Final = ((), None, (), None, None, None, ())
_encoder = msgspec.msgpack.Encoder(enc_hook=str)
_decoder = msgspec.msgpack.Decoder(_Payload)


@cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    data = files(__package__).joinpath("payload-1.dict").read_bytes()
    dictionary = zstandard.ZstdCompressionDict(data, dict_type=zstandard.DICT_TYPE_FULLDICT)
    dictionary.precompute_compress(level=LEVEL)
    return dictionary


class _Zstd(threading.local):
    """A compressor and a decompressor for each thread: one must not be used by two at once."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(dict_data=_dictionary(), level=LEVEL, write_dict_id=False).compress
        self.compress_long = zstandard.ZstdCompressor(level=LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor(dict_data=_dictionary()).decompress


@cache
def _zstd() -> _Zstd:
    return _Zstd()


def pack(entry: Entry) -> bytes | None:
    """Return the payload of an entry, or None where it has none."""
    request, response = entry.request, entry.response
    parts = (
        (request and request.raw_headers) or (),
        request.body if request else None,
        (response and response.raw_headers) or (),
        response.body if response else None,
        entry.variables,
        entry.traceback,
        entry.redacted,
    )
    if parts == _NOTHING:
        return None
    data, zstd = _encoder.encode(parts), _zstd()
    return _VERSION + (zstd.compress if len(data) < _LONG else zstd.compress_long)(data)


def unpack(entry: Entry, data: bytes | None) -> Entry:
    """Return the entry with its payload; as it is where there is none (any more)."""
    if data is None:
        return entry
    payload = _read(data)
    return msgspec.structs.replace(
        entry,
        request=_whole(entry.request, payload.request_headers, payload.request_body),
        response=_whole(entry.response, payload.response_headers, payload.response_body),
        variables=payload.variables,
        traceback=payload.traceback,
        redacted=payload.redacted,
    )


def _read(data: bytes) -> _Payload:
    if data[:1] != _VERSION:
        raise CodecError(f"a payload of version {data[:1].hex()}: written by a newer integration-logger")
    try:
        return _decoder.decode(_zstd().decompress(data[1:]))
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise CodecError(f"a damaged payload: {error}") from error


def _whole(message: Message | None, headers: RawHeaders, body: bytes | None) -> Message | None:
    return message and msgspec.structs.replace(message, raw_headers=headers, body=body)
