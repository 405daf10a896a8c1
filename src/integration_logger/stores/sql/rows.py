"""Entry to row and back: times as microseconds, ids as bytes, what is never compared as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final, TypeVar

import msgspec

from integration_logger.entry import Entry, Message, Run
from integration_logger.stores.counting import EPOCH

Row = tuple[Any, ...]

_json = msgspec.json.Encoder(enc_hook=str)
read_labels = msgspec.json.Decoder(dict[str, str | list[str]]).decode
_texts = msgspec.json.Decoder(tuple[str, ...])
_about_message = msgspec.json.Decoder(tuple[Any, ...])
_run = msgspec.json.Decoder(Run)


def to_row(entry: Entry) -> Row:
    """Return the columns of an entry, in the order of the table, without the leading ``seq``."""
    return (
        id_bytes(entry.id),
        entry.kind,
        microseconds(entry.started_at),
        entry.status,
        entry.transaction_id,
        entry.attempt,
        entry.parent_id,
        entry.trace_id,
        entry.tenant,
        entry.application,
        entry.integration,
        entry.operation,
        entry.log_type,
        entry.user_id,
        _to_json(entry.labels),
        entry.status_code,
        entry.error_type,
        entry.phase,
        _to_json(entry.errors),
        entry.has_errors,
        None if entry.first_byte is None else round(entry.first_byte * 1e6),
        None if entry.duration is None else round(entry.duration * 1e6),
        entry.method,
        entry.url,
        entry.host,
        entry.route,
        entry.http_version,
        entry.client_ip,
        entry.server_host,
        _message_json(entry.request),
        _message_json(entry.response),
        None if entry.run is None else _json.encode(entry.run).decode(),
        _to_json(entry.redacted),
        None if entry.expires_at is None else microseconds(entry.expires_at),
        None if entry.bodies_expire_at is None else microseconds(entry.bodies_expire_at),
    )


def from_row(row: Sequence[Any]) -> Entry:
    """Return the entry of a row of all columns of the table, in order; it has no payload yet."""
    (
        seq, id, kind, started_at, status, transaction_id, attempt, parent_id, trace_id, tenant, application,
        integration, operation, log_type, user_id, labels, status_code, error_type, phase, errors, has_errors,
        first_byte, duration, method, url, host, route, http_version, client_ip, server_host, request, response,
        run, redacted, expires_at, bodies_expire_at,
    ) = row  # fmt: skip
    return Entry(
        id=id_text(id),
        kind=kind,
        started_at=moment(started_at),
        status=status,
        transaction_id=transaction_id,
        attempt=attempt,
        parent_id=parent_id,
        trace_id=trace_id,
        tenant=tenant,
        application=application,
        integration=integration,
        operation=operation,
        log_type=log_type,
        user_id=user_id,
        labels=read_labels(labels) if labels else {},
        status_code=status_code,
        error_type=error_type,
        phase=phase,
        errors=_texts.decode(errors) if errors else (),
        has_errors=has_errors,
        first_byte=None if first_byte is None else first_byte / 1e6,
        duration=None if duration is None else duration / 1e6,
        method=method,
        url=url,
        host=host,
        route=route,
        http_version=http_version,
        client_ip=client_ip,
        server_host=server_host,
        request=_read_message(request),
        response=_read_message(response),
        run=_run.decode(run) if run else None,
        redacted=_texts.decode(redacted) if redacted else (),
        expires_at=None if expires_at is None else moment(expires_at),
        bodies_expire_at=None if bodies_expire_at is None else moment(bodies_expire_at),
        seq=seq,
    )


def _to_json(value: Any) -> str | None:
    return _json.encode(value).decode() if value else None


def _message_json(message: Message | None) -> str | None:
    """Return all but headers and body."""
    if message is None:
        return None
    about = (message.content_type, message.content_encoding, message.size, message.decoded_size)
    return _json.encode((*about, message.truncated, message.omitted)).decode()


def _read_message(about: str | None) -> Message | None:
    return Message((), None, *_about_message.decode(about)) if about else None


def label_json(text: str) -> str:
    """Return a label's name or value as it stands in the column of labels."""
    return _json.encode(text).decode()


def duration_bound(field: str, seconds: str) -> int:
    """Return the microseconds that a filter by duration compares with."""
    exact = Decimal(seconds) * 1_000_000
    return int(exact.to_integral_value(ROUND_CEILING if field == "min_duration" else ROUND_FLOOR))


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
    return EPOCH + timedelta(microseconds=stamp)


# --- what no database takes ---------------------------------------------------------------------------

_S = TypeVar("_S", bound=msgspec.Struct)
_HIGHEST: Final = 2**63 - 1


def storable(entry: Entry) -> Entry:
    """Return the entry with everything replaced that cannot be stored: better an altered entry than none.

    Lone surrogates become U+FFFD, integers beyond 64 bits the nearest one or text, other numbers that are
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
    return _storable_value(value)


def _storable_value(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_storable_value(k): _storable_value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_storable_value(item) for item in value)
    if isinstance(value, int) and abs(value) > _HIGHEST:
        return str(value)
    return value
