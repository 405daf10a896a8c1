"""How entries are written down: frames of the spool (MessagePack), and JSON for people and programs."""

from __future__ import annotations

from codecs import lookup
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec

from integration_logger import charsets
from integration_logger.entry import Entry, Message, Run
from integration_logger.errors import CodecError
from integration_logger.health import Report

VERSION: Final = 1
"""Version of the encoding in spool frames; a shipper leaves frames of a newer one alone."""

_encoder = msgspec.msgpack.Encoder(enc_hook=lambda value: str(value))
_decoder = msgspec.msgpack.Decoder(Entry)
_report_decoder = msgspec.msgpack.Decoder(Report)
_json = msgspec.json.Encoder(enc_hook=lambda value: str(value))

encode = _encoder.encode
"""Encode an Entry or a Report for the spool; values of other types in ``variables`` and savepoints become text."""


def decode(payload: bytes) -> Entry:
    """Decode what ``encode`` wrote; raise ``CodecError`` for anything else."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, ValueError) as error:
        raise CodecError(f"not an entry: {error}") from error


def is_report(payload: bytes) -> bool:
    """Tell whether this is a report and no entry: reports are small maps, entries are arrays (MessagePack)."""
    return b"\x80" <= payload[:1] < b"\x90"


def decode_report(payload: bytes) -> Report:
    """Decode a report; raise ``CodecError`` for anything else, such as one that no store could take."""
    try:
        report = _report_decoder.decode(payload)
        for entry in report.in_flight:
            UUID(entry.id)
    except (msgspec.DecodeError, ValueError) as error:
        raise CodecError(f"not a report: {error}") from error
    return report


def to_json(value: object) -> bytes:
    """Encode plain data as compact JSON."""
    return _json.encode(value)


def to_lines(values: Iterable[object]) -> bytes:
    """Encode plain data as lines of compact JSON."""
    lines = bytearray()
    for value in values:
        _json.encode_into(value, lines, -1)
        lines += b"\n"
    return bytes(lines)


def to_dict(entry: Entry) -> dict[str, Any]:
    """Return the entry as plain data under its public names, the derived ones included; bodies as text."""
    return dict(zip(NAMES, values(entry, _message_to_dict), strict=True))


def values(entry: Entry, message: Callable[[Message], Any]) -> tuple[Any, ...]:
    """Return what stands under ``NAMES`` in plain data; ``message`` writes the halves of a call."""
    started_at, duration, expires_at = entry.started_at, entry.duration, entry.expires_at
    request, response, run = entry.request, entry.response, entry.run
    return (
        *_get_plain(entry),
        timestamp(started_at),
        None if duration is None else timestamp(started_at + timedelta(seconds=duration)),
        None if expires_at is None else timestamp(expires_at),
        None if entry.bodies_expire_at is None else timestamp(entry.bodies_expire_at),
        entry.outcome,
        entry.status_label,
        None if request is None else message(request),
        None if response is None else message(response),
        run and {name: getattr(run, name) for name in Run.__struct_fields__},
    )


_TIMES = ("started_at", "expires_at", "bodies_expire_at")
_PLAIN: Final = tuple(f for f in Entry.__struct_fields__ if f not in (*_TIMES, "request", "response", "run"))
_get_plain: Final = attrgetter(*_PLAIN)
NAMES: Final = (
    *_PLAIN, "started_at", "ended_at", "expires_at", "bodies_expire_at", "outcome", "status_label", "request",
    "response", "run",
)  # fmt: skip
"""Of an entry as plain data."""
MESSAGE_NAMES: Final = ("headers", *Message.__struct_fields__[1:])
"""Of a message as plain data."""
_get_message: Final = attrgetter(*MESSAGE_NAMES)


def _message_to_dict(message: Message) -> dict[str, Any]:
    data = dict(zip(MESSAGE_NAMES, _get_message(message), strict=True))
    return data if message.body is None else data | {"body": body_text(message)}


def timestamp(moment: datetime) -> str:
    """Return a UTC time as ISO 8601 with six decimals and ``Z``."""
    text = _json.encode(moment).decode()  # in a fifth of the time that isoformat takes; without decimals that are 0
    return text[1:-1] if moment.microsecond else f"{text[1:20]}.000000{text[20:-1]}"


_NO_CHARSETS: Final = frozenset(("idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"))
"""Encodings of Python that no text is sent in, and that warn or fail on what they are given."""


@lru_cache(256)
def charset(content_type: str | None) -> str:
    """Return the charset that a content type names, UTF-8 where it names none or one that Python does not know."""
    name = charsets.named(content_type or "")
    if name is None or not charsets.is_known(name):
        return "utf-8"
    try:
        "".encode(name)
        known = lookup(name).name
    except (LookupError, UnicodeError):
        return "utf-8"
    return "utf-8" if known in _NO_CHARSETS else name


def body_text(message: Message) -> str:
    """Return the kept body as text; bytes that do not fit the charset become U+FFFD."""
    try:
        return (message.body or b"").decode(charset(message.content_type), "replace")
    except (LookupError, UnicodeError):
        return (message.body or b"").decode("utf-8", "replace")
