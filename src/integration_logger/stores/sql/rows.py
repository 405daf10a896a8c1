"""Entry to row and back: times as microseconds, ids as bytes, what is never compared as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from operator import itemgetter
from typing import Any, Final, TypeVar

import msgspec

from integration_logger.entry import Entry, Message, Run
from integration_logger.stores.columns import run_text
from integration_logger.stores.counting import EPOCH
from integration_logger.stores.sql.database import Row
from integration_logger.stores.sql.schema import entries

_encode = msgspec.json.Encoder(enc_hook=str).encode
read_labels = msgspec.json.Decoder(dict[str, str | list[str]]).decode
_read_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_read_run = msgspec.json.Decoder(Run).decode
_read_about = msgspec.json.Decoder(tuple[Any, ...]).decode

OWN: Final = "="
"""Stands for the value that an entry which begins its own transaction or trace derives from its id."""


def _same(id: str) -> str:
    return id


def _digits(id: str) -> str:
    return id.replace("-", "")


DERIVED: Final[dict[str, Callable[[str], str]]] = {"transaction_id": _same, "trace_id": _digits}
"""Columns that hold ``OWN`` in most rows: neither stored nor summarised, they cost nothing."""


def own_id(field: str, value: str) -> bytes | None:
    """Return the id of the one entry whose value may be this and ``OWN``; None where there can be none."""
    try:
        id = id_bytes(value)
    except ValueError:
        return None
    return id if DERIVED[field](id_text(id)) == value else None


def to_row(entry: Entry) -> Row:
    """Return the columns of an entry, in the order of the table, without ``seq``, its last."""
    if "\0" in f"{entry.method}{entry.url}{entry.route}{entry.operation}{entry.integration}":
        entry = _without_nul(entry)
    values = [*msgspec.structs.astuple(entry)]
    for place, write in _WRITERS:
        if values[place] is not None:
            values[place] = write(values[place])
    for place, derive in _DERIVED:
        if values[place] == derive(entry.id):
            values[place] = OWN
    return _in_columns(values)


def _without_nul(entry: Entry) -> Entry:
    """Replace NUL where free text is searched: the database's LIKE looks no further."""
    names = ("method", "url", "route", "operation", "integration")
    clean = {name: value.replace("\0", "\ufffd") for name in names if (value := getattr(entry, name))}
    return msgspec.structs.replace(entry, **clean)


def from_row(row: Sequence[Any]) -> Entry:
    """Return the entry of a row of all columns of the table, in order; it has no payload yet."""
    values = [*_in_fields((*row, None))]
    for place, read in _READERS:
        if values[place] is not None:
            values[place] = read(values[place])
    for place, make in _EMPTY:
        if values[place] is None:
            values[place] = make()
    for place, derive in _DERIVED:
        if values[place] == OWN:
            values[place] = derive(values[_ID])
    return Entry(*values)


def from_columns(columns: Mapping[str, Any]) -> Entry:
    """Return an entry of which only some columns are known."""
    return from_row([columns.get(name, _NOTHING.get(name)) for name in _COLUMNS])


def column_of(field: str, values: Sequence[Any], ids: Sequence[str]) -> Sequence[Any]:
    """Return a column of the table as ``Store.columns`` gives it; ``ids`` are those of the same rows."""
    if derive := DERIVED.get(field):
        return [derive(id) if value == OWN else value for value, id in zip(values, ids, strict=True)]
    read = _FLAT.get(field)
    if read is None:
        return values
    if None in values:
        return [None if value is None else read(value) for value in values]
    return [*map(read, values)]


def _read_run_text(stored: str) -> str:
    return run_text(_read_run(stored))


def _write_json(value: object) -> str | None:
    return _encode(value).decode() if value else None


def _write_message(message: Message) -> str:
    """Return all but headers and body."""
    about = (message.content_type, message.content_encoding, message.size, message.decoded_size)
    return _encode((*about, message.truncated, message.omitted)).decode()


def _read_message(about: str) -> Message:
    return Message((), None, *_read_about(about))


def label_json(text: str) -> str:
    """Return a label's name or value as it stands in the column of labels."""
    return _encode(text).decode()


def duration_bound(field: str, seconds: str) -> int:
    """Return the microseconds that a filter by duration compares with."""
    exact = Decimal(seconds) * 1_000_000
    return int(exact.to_integral_value(ROUND_CEILING if field == "min_duration" else ROUND_FLOOR))


def comparable(names: Iterable[str]) -> list[str]:
    """Return those of the names that a column may have: PostgreSQL refuses even to look for others."""
    return sorted(name for name in names if "\0" not in name)


def id_bytes(id: str) -> bytes:
    """Return the 16 bytes of a UUID; raise ``ValueError`` for any other text."""
    found = bytes.fromhex(id.replace("-", ""))
    if len(found) != 16:
        raise ValueError(f"an entry's id is a UUID, not {id!r}")
    return found


def id_text(id: bytes) -> str:
    """Return 16 bytes as the text of a UUID."""
    digits = id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def microseconds(when: datetime) -> int:
    """Return a UTC time as microseconds since 1970."""
    since = when - EPOCH
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


def moment(stamp: int) -> datetime:
    """Return microseconds since 1970 as a UTC time."""
    return EPOCH + timedelta(0, 0, stamp)


def _write_seconds(seconds: float) -> int:
    return round(seconds * 1e6)


def _read_seconds(stamp: int) -> float:
    return stamp / 1e6


# --- which field is which column ------------------------------------------------------------------------

_CONVERTED: Final[dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "id": (id_bytes, id_text),
    "started_at": (microseconds, moment),
    "labels": (_write_json, read_labels),
    "errors": (_write_json, _read_texts),
    "has_errors": (int, bool),  # the driver takes integers at once, and looks for adapters of all else
    "first_byte": (_write_seconds, _read_seconds),
    "duration": (_write_seconds, _read_seconds),
    "request": (_write_message, _read_message),
    "response": (_write_message, _read_message),
    "run": (_write_json, _read_run),
    "expires_at": (microseconds, moment),
    "bodies_expire_at": (microseconds, moment),
}
_FLAT: Final[dict[str, Callable[[Any], Any]]] = {
    **{name: read for name, (_, read) in _CONVERTED.items() if name not in ("labels", "errors")},
    "run": _read_run_text,
}
_FIELDS: Final = Entry.__struct_fields__
_COLUMNS: Final = tuple(entries.c.keys())
_WRITERS: Final = tuple((_FIELDS.index(name), write) for name, (write, _) in _CONVERTED.items())
_READERS: Final = tuple((_FIELDS.index(name), read) for name, (_, read) in _CONVERTED.items())
_EMPTY: Final[tuple[tuple[int, Callable[[], Any]], ...]] = (
    (_FIELDS.index("labels"), dict),
    (_FIELDS.index("errors"), tuple),
    (_FIELDS.index("redacted"), tuple),
)
_NOTHING: Final = {"id": bytes(16), "started_at": 0, "has_errors": False}
_ID: Final = _FIELDS.index("id")
_DERIVED: Final = tuple((_FIELDS.index(name), derive) for name, derive in DERIVED.items())
_in_columns: Final[Callable[[Sequence[Any]], Row]] = itemgetter(*(_FIELDS.index(name) for name in _COLUMNS[:-1]))
_in_fields: Final[Callable[[Sequence[Any]], Row]] = itemgetter(
    *(_COLUMNS.index(n) if n in _COLUMNS else len(_COLUMNS) for n in _FIELDS)
)


# --- what no database takes ---------------------------------------------------------------------------

_S = TypeVar("_S", bound=msgspec.Struct)
_HIGHEST: Final = 2**63 - 1


def storable(entry: Entry) -> Entry:
    """Return the entry with everything replaced that cannot be stored: better an altered entry than none.

    Lone surrogates and NUL become U+FFFD, integers beyond 64 bits the nearest one or text, other numbers that are
    none are left out, a time without zone is taken for UTC.
    """
    return _storable_struct(entry)


def _storable_struct(value: _S) -> _S:
    fields = {name: _storable_field(getattr(value, name)) for name in value.__struct_fields__}
    return type(value)(**fields)


def _storable_field(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _storable_struct(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_HIGHEST, min(_HIGHEST, value))
    if isinstance(value, float) and not (math.isfinite(value) and abs(value) < _HIGHEST / 1e6):
        return None
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    if isinstance(value, str):
        value = value.replace("\0", "\ufffd")  # in a column; within JSON it is written otherwise
    return _storable_value(value)


def _storable_value(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_storable_value(k): _storable_value(v) for k, v in value.items()}
    if isinstance(value, (list, set, frozenset)):
        return [_storable_value(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_storable_value(item) for item in value)
    if isinstance(value, int) and abs(value) > _HIGHEST:
        return str(value)
    return value
