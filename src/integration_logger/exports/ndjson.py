"""NDJSON: a line for each entry, with all that it has, so that it can be read back whole."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from integration_logger import codec
from integration_logger.entry import Entry, Message, Run
from integration_logger.errors import CodecError
from integration_logger.exports.stream import Detail, Part, shown
from integration_logger.query import Query
from integration_logger.stores.base import Store


class NDJSON:
    """Writes entries as lines of JSON, and a last line that says whether the export is complete."""

    suffix = "ndjson"
    media_type = "application/x-ndjson"

    def __init__(self, *, detail: Detail = True) -> None:
        self._detail = detail

    def begin(self) -> bytes:
        """Return nothing."""
        return b""

    def parts(self, store: Store, query: Query) -> Iterator[Part]:
        """Yield lines."""
        for batch in store.batches(query, whole=self._detail is not False):
            yield self.write(batch)

    def write(self, entries: Sequence[Entry]) -> Part:
        """Return a line for each entry."""
        lines = codec.to_lines(map(_line, shown(entries, self._detail)))
        return Part(lines, len(entries), entries[-1].seq if entries else None)

    def end(self, entries: int, *, complete: bool) -> bytes:
        """Return the last line."""
        return codec.to_json({"complete": complete, "entries": entries}) + b"\n"


# Written at half the price of a dict, and nothing for the garbage collector to look at.
_Line = msgspec.defstruct("_Line", codec.NAMES, gc=False)
_Half = msgspec.defstruct(
    "_Half", [*codec.MESSAGE_NAMES, ("body_encoding", str | msgspec.UnsetType, msgspec.UNSET)], gc=False
)


def _line(entry: Entry) -> msgspec.Struct:
    return _Line(*codec.values(entry, _half))


def _half(message: Message) -> msgspec.Struct:
    """Return a message as the API has it; a body that is not exactly text is written in base64, and said to be."""
    _, body, *about = msgspec.structs.astuple(message)
    if body is None:
        return _Half(message.headers, None, *about)
    text = exact_text(message)
    if text is None:
        return _Half(message.headers, b64encode(body).decode(), *about, "base64")
    return _Half(message.headers, text, *about)


def exact_text(message: Message) -> str | None:
    """Return a body as text from which its bytes can be had again; None where there is no such text."""
    body = message.body or b""
    name = codec.charset(message.content_type)
    try:
        text = body.decode(name)
        return text if name == "utf-8" or text.encode(name) == body else None
    except (LookupError, UnicodeError):
        return None


# --- reading ------------------------------------------------------------------------------------------


def entries(lines: Iterable[str | bytes]) -> Iterator[Entry]:
    """Yield the entries of an export; raise ``CodecError`` for other lines, and where the export is not complete."""
    complete = False
    for line in lines:
        data = _read(line)
        if "id" in data:
            yield _entry(data)
        else:
            complete = data.get("complete") is True
    if not complete:
        raise CodecError("the export is not complete: it was broken off")


def _read(line: str | bytes) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise CodecError(f"not a line of an export: {error}") from error
    if not isinstance(data, dict):
        raise CodecError("not a line of an export: no object")
    return data


def _entry(data: dict[str, Any]) -> Entry:
    try:
        fields = {name: data[name] for name in Entry.__struct_fields__ if name in data}
        for name, read in _READERS.items():
            if fields.get(name) is not None:
                fields[name] = read(fields[name])
        return Entry(**fields)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CodecError(f"not an entry of an export: {type(error).__name__}: {error}") from error


def _message(data: dict[str, Any]) -> Message:
    fields = {name: data[name] for name in Message.__struct_fields__ if name in data}
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in data["headers"]]
    return Message(**fields | {"raw_headers": headers, "body": _body(data)})


def _body(data: dict[str, Any]) -> bytes | None:
    body: str | None = data["body"]
    if body is None:
        return None
    if data.get("body_encoding") == "base64":
        return b64decode(body)
    return body.encode(codec.charset(data["content_type"]))


_READERS: Final[dict[str, Any]] = {
    "started_at": datetime.fromisoformat,
    "expires_at": datetime.fromisoformat,
    "bodies_expire_at": datetime.fromisoformat,
    "errors": tuple,
    "redacted": tuple,
    "request": _message,
    "response": _message,
    "run": lambda data: Run(**data),
}
