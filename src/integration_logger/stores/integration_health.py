"""How the integrations do, in State: counts by tenant, application and integration, kept up by an observer.

Each tenant has one row, found by a digest of its name, so that readers who see some tenants read no other row. What
an error said is not in it: its entry is looked up, so that it goes when the entry goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from integration_logger.entry import Entry
from integration_logger.query import All, Query, Scope
from integration_logger.stores.counting import percentiles
from integration_logger.stores.state import State

HOURS: Final = 24
"""How far back successes and errors are counted."""
MOST_DURATIONS: Final = 50
"""Newest durations of one integration, that percentiles are told from."""
MOST_FAILURES: Final = 20
"""Failures in a row that are known one by one."""
MOST_IN_ROW: Final = 200
"""Integrations that are kept of one tenant: those that were heard of last."""
FORGET_AFTER: Final = timedelta(days=30)
"""After so long without a call an integration is forgotten."""
MOST_NAME: Final = 200
"""Characters of a name; longer ones come from data, and are no integration."""
NOT_COUNTED: Final = frozenset(("cancelled", "disconnect", "abandoned"))
"""Endings that say nothing of the integration: it was our side that left."""
PREFIX: Final = "integrations/"


class Record(msgspec.Struct, array_like=True, omit_defaults=True):
    """What is known of one integration for one tenant and application."""

    application: str | None
    integration: str
    seq: int = 0
    """Of the newest entry that is counted; what is seen once more is not counted again."""
    last_at: datetime = datetime.min.replace(tzinfo=UTC)
    hours: dict[int, tuple[int, int]] = {}
    """Hours since 1970 to successes and errors."""
    durations: list[int] = []
    """In microseconds, the newest last."""
    in_a_row: int = 0
    failures: list[int] = []
    """``seq`` of the newest failures since the last success."""
    good_seq: int = 0
    good_at: datetime | None = None
    error_seq: int = 0
    error_at: datetime | None = None
    error_id: str | None = None


class Row(msgspec.Struct, array_like=True):
    """What is known of one tenant."""

    tenant: str | None
    records: list[Record]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Row).decode


def counts(entry: Entry) -> bool:
    """Tell whether the entry says something of how an integration does."""
    if entry.integration is None or len(entry.integration) > MOST_NAME or entry.status == "processing":
        return False
    if entry.kind == "audit" or entry.error_type in NOT_COUNTED:
        return False
    # what comes in may be from anybody, and a refusal of it is no fault of the integration
    return not (entry.kind == "inbound" and entry.error_type == "http_4xx")


def observe_entries(state: State, entries: Iterable[Entry]) -> None:
    """Count entries, in the order of their ``seq``; those that are counted already are passed over."""
    by_tenant: dict[str | None, list[Entry]] = {}
    for entry in filter(counts, entries):
        by_tenant.setdefault(entry.tenant, []).append(entry)
    for tenant, found in by_tenant.items():
        row = _read(state.get(_key(tenant)), tenant) or Row(tenant, [])
        records = {(record.application, record.integration): record for record in row.records}
        for entry in found:
            name = (entry.application, entry.integration or "")
            _add(records.setdefault(name, Record(*name)), entry)
        state.put(_key(tenant), _encode(Row(tenant, _kept(records.values()))))


def _add(record: Record, entry: Entry) -> None:
    seq = entry.seq or 0
    if seq <= record.seq:
        return
    record.seq, record.last_at = seq, max(record.last_at, entry.started_at)
    good = entry.outcome == "success"
    hour = int(entry.started_at.timestamp() // 3600)
    successes, errors = record.hours.get(hour, (0, 0))
    hours = {**record.hours, hour: (successes + good, errors + (not good))}
    record.hours = {hour: hours[hour] for hour in sorted(hours)[-HOURS:]}
    if entry.duration is not None:
        record.durations = [*record.durations, round(entry.duration * 1e6)][-MOST_DURATIONS:]
    if good:
        record.in_a_row, record.failures = 0, []
        record.good_seq, record.good_at = seq, entry.ended_at or entry.started_at
    else:
        record.in_a_row += 1
        record.failures = [*record.failures, seq][-MOST_FAILURES:]
        record.error_seq, record.error_at, record.error_id = seq, entry.ended_at or entry.started_at, entry.id


def _kept(records: Iterable[Record]) -> list[Record]:
    newest = sorted(records, key=lambda record: record.last_at, reverse=True)[:MOST_IN_ROW]
    return [record for record in newest if newest[0].last_at - record.last_at < FORGET_AFTER]


def read_records(state: State, scope: Scope) -> Iterator[tuple[str | None, Record]]:
    """Yield each tenant with what is known of one of its integrations, as far as the scope admits both."""
    if isinstance(scope.tenants, All):
        values: Iterable[bytes | None] = state.list(PREFIX).values()
    else:
        values = [state.get(_key(tenant)) for tenant in sorted(scope.tenants)]
    oldest = datetime.now(UTC) - FORGET_AFTER
    for row in map(_read, values):
        if row is not None:
            for record in row.records:
                if record.last_at >= oldest and scope.covers(row.tenant, record.application):
                    yield row.tenant, record


def forget(state: State, now: datetime) -> None:
    """Delete the rows of tenants that were not heard of for long."""
    for key, value in state.list(PREFIX).items():
        row = _read(value)
        if row is not None and all(now - record.last_at >= FORGET_AFTER for record in row.records):
            state.delete(key, expected=value)


def forget_tenants(state: State, erased: Query, before: datetime | None = None) -> None:
    """Forget the tenants of whom everything was erased; does nothing where only a part was.

    With ``before`` what is known of later calls stays.
    """
    tenants = [c.values for c in erased.conditions if c.field == "tenant" and not c.negated]
    is_whole = len(erased.conditions) == len(tenants) == 1 and not (erased.text or erased.not_text or erased.since)
    if is_whole and erased.till is None and isinstance(erased.scope.applications, All):
        for tenant in tenants[0]:
            _forget(state, tenant, before)


def _forget(state: State, tenant: str, before: datetime | None) -> None:
    value = state.get(_key(tenant))
    row = _read(value, tenant)
    later = [] if row is None or before is None else [record for record in row.records if record.last_at >= before]
    if not later:
        state.delete(_key(tenant), expected=value)
    elif row is not None and len(later) < len(row.records):
        state.put(_key(tenant), _encode(Row(tenant, later)), expected=value)


def _key(tenant: str | None) -> str:
    if tenant is None:
        return PREFIX
    return PREFIX + hashlib.blake2b(tenant.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


_ANY: Final = object()


def _read(value: bytes | None, tenant: object = _ANY) -> Row | None:
    try:
        row = None if value is None else _decode(value)
    except (msgspec.DecodeError, ValueError):  # of another version
        return None
    return row if row is None or tenant in (_ANY, row.tenant) else None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one integration does for one tenant, over the applications that the reader may see."""

    tenant: str | None
    integration: str
    hours: dict[int, tuple[int, int]]
    """Hours since 1970 to successes and errors, of the last 24 hours."""
    successes: int
    errors: int
    failures_in_a_row: int
    last_at: datetime
    last_good_at: datetime | None
    last_error_at: datetime | None
    last_error_id: str | None
    p50: float | None
    p95: float | None

    @property
    def success_rate(self) -> float | None:
        """The part of the last 24 hours' calls that went well; None where there were none."""
        total = self.successes + self.errors
        return self.successes / total if total else None


def standings(state: State, scope: Scope, now: datetime) -> list[Standing]:
    """Return how every integration does that the scope admits, what fails now first."""
    groups: dict[tuple[str | None, str], list[Record]] = {}
    for tenant, record in read_records(state, scope):
        groups.setdefault((tenant, record.integration), []).append(record)
    found = [_standing(tenant, name, records, now) for (tenant, name), records in groups.items()]
    return sorted(found, key=_urgency)


def _urgency(standing: Standing) -> tuple[int, float, str, str]:
    rate = 1.0 if standing.success_rate is None else standing.success_rate
    return -standing.failures_in_a_row, rate, standing.integration, standing.tenant or ""


def _standing(tenant: str | None, name: str, records: Sequence[Record], now: datetime) -> Standing:
    first = int(now.timestamp() // 3600) - HOURS + 1
    hours: dict[int, tuple[int, int]] = {}
    for hour, (good, bad) in (item for record in records for item in record.hours.items()):
        if hour >= first:
            before = hours.get(hour, (0, 0))
            hours[hour] = (before[0] + good, before[1] + bad)
    spread = percentiles([value / 1e6 for record in records for value in record.durations])
    latest_error = max(records, key=lambda record: record.error_seq)
    return Standing(
        tenant=tenant,
        integration=name,
        hours=hours,
        successes=sum(good for good, _ in hours.values()),
        errors=sum(bad for _, bad in hours.values()),
        failures_in_a_row=_in_a_row(records),
        last_at=max(record.last_at for record in records),
        last_good_at=max((record.good_at for record in records if record.good_at), default=None),
        last_error_at=latest_error.error_at,
        last_error_id=latest_error.error_id,
        p50=spread.get("p50"),
        p95=spread.get("p95"),
    )


def _in_a_row(records: Sequence[Record]) -> int:
    """Return the failures since the last success of any application; of each at most the newest are known."""
    good = max(record.good_seq for record in records)
    return sum(
        record.in_a_row if record.good_seq == good else sum(seq > good for seq in record.failures) for record in records
    )
