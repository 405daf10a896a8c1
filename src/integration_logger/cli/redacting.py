"""What the rules of redaction say: of a file, as it would be stored, and of a store, as it is."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from integration_logger import bodies, codec
from integration_logger.bodies import Body
from integration_logger.cli import terminal
from integration_logger.entry import Entry, Message
from integration_logger.errors import IntegrationLoggerError
from integration_logger.ids import new_id
from integration_logger.logger import MAX_BODY
from integration_logger.query import Query
from integration_logger.redaction import Redactor
from integration_logger.stores.base import Store

WHOLE: Final = 1 << 30
"""Bytes kept of a body that has been cut before."""


class _Pair(msgspec.Struct):
    name: str
    value: str = ""


class _Content(msgspec.Struct, rename={"content_type": "mimeType"}):
    text: str | None = None
    content_type: str | None = None
    encoding: str | None = None


class _Request(msgspec.Struct, rename={"body": "postData"}):
    method: str
    url: str
    headers: list[_Pair] = []
    body: _Content | None = None


class _Response(msgspec.Struct):
    status: int = 0
    headers: list[_Pair] = []
    content: _Content | None = None


class _HAREntry(msgspec.Struct):
    request: _Request
    response: _Response


class _Log(msgspec.Struct):
    entries: list[_HAREntry]


class _HAR(msgspec.Struct):
    log: _Log


def redactor(names: tuple[str, ...], keeps: tuple[str, ...], paths: tuple[str, ...]) -> Redactor:
    """Return a Redactor with the rules given on the command line."""
    return Redactor(names=names, keep=keeps, paths=paths)


def as_stored(data: bytes, name: str, content_type: str | None, redactor: Redactor) -> list[Entry]:
    """Return what would be stored: of a HAR file its calls, of any other one call with it as its body."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        har = msgspec.json.decode(data, type=_HAR)
        return [redactor.redact(_call(entry), MAX_BODY) for entry in har.log.entries]
    kind = content_type or mimetypes.guess_type(name)[0]
    return [redactor.redact(_entry(request=_message([], data, kind)), MAX_BODY)]


def _call(har: _HAREntry) -> Entry:
    request, response = har.request, har.response
    return _entry(
        method=request.method,
        url=request.url,
        status_code=response.status or None,
        request=_from_har(request.headers, request.body),
        response=_from_har(response.headers, response.content),
    )


def _from_har(pairs: list[_Pair], content: _Content | None) -> Message:
    headers = [(pair.name.encode("latin-1", "replace"), pair.value.encode("utf-8", "replace")) for pair in pairs]
    if content is None or content.text is None:
        return Message(headers)
    if content.encoding == "base64":
        data = msgspec.convert(content.text, bytes)
    else:
        data = content.text.encode("utf-8", "replace")
    return _message(headers, data, content.content_type)


def _message(headers: list[tuple[bytes, bytes]], data: bytes, content_type: str | None) -> Message:
    kind = None if content_type is None else content_type.encode("latin-1", "replace")
    body = Body(MAX_BODY + bodies.OVERLAP, bodies.content_type(kind))
    body.feed(data)
    body.ended = True
    return bodies.message(headers, body)


def _entry(**fields: Any) -> Entry:
    id = new_id()
    return Entry(id=id, kind="call", started_at=datetime.now(UTC), status="completed", transaction_id=id, **fields)


def body(entry: Entry) -> Iterator[str]:
    """Yield the body of what was no HAR file, or why none would be kept."""
    message = entry.request or Message()
    if message.omitted or message.body is None:
        yield f"nothing would be kept: {message.omitted or 'empty'}"
    else:
        yield terminal.block(codec.body_text(message))


def finds(store: Store, query: Query, redactor: Redactor) -> Iterator[tuple[Entry, tuple[str, ...]]]:
    """Yield each entry of a store, and the places where it has what would be masked today."""
    for entry in store.stream(query):
        known = len(entry.redacted)
        try:
            redactor.redact(entry, WHOLE)
        except Exception as error:
            raise IntegrationLoggerError(f"entry {entry.id} cannot be looked at: {type(error).__name__}") from error
        yield entry, entry.redacted[known:]
