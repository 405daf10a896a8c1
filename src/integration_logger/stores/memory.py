"""A store in the memory of the process: for tests and demonstrations, and the reference for all others."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, Self
from uuid import UUID

import msgspec

from integration_logger.entry import Entry, InFlight
from integration_logger.errors import ConfigurationError, StoreError
from integration_logger.filters import field_values
from integration_logger.query import Query, Scope
from integration_logger.retention import Retention
from integration_logger.stores.base import (
    EXAMINED,
    MAX_IN_FLIGHT,
    Facets,
    Info,
    Page,
    Purged,
    Stats,
    abandoned,
    erasable,
    without_payload,
)
from integration_logger.stores.bounds import Bounds
from integration_logger.stores.columns import column
from integration_logger.stores.counting import Tally, buckets, by_frequency, percentiles, status_class
from integration_logger.stores.state import ABSENT, Absent

_BATCH: Final = 1000


class MemoryStore:
    """Keeps entries as long as the process lives."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self._lock = threading.RLock()
        self._seq = 0
        self._entries: dict[str, Entry] = {}  # by id, always in the order of seq
        self._in_flight: dict[str, InFlight] = {}

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Return a new, empty store for ``memory:``."""
        if url not in ("memory:", "memory://"):
            raise ConfigurationError(f"a store in memory is written 'memory:', not {url!r}")
        return cls()

    def open(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing: what is stored stays readable."""

    def write(
        self, entries: Sequence[Entry], *, in_flight: Iterable[InFlight] = (), ended: Collection[str] = ()
    ) -> None:
        with self._lock:
            for entry in entries:
                _check(entry)
            for entry in entries:
                self._add(entry)
            self._in_flight.update((row.entry.id, row) for row in in_flight if row.entry.id not in self._entries)
            for id in ended:
                self._in_flight.pop(id, None)

    def _add(self, entry: Entry) -> None:
        present = self._entries.get(entry.id)
        if present and (present.error_type != "abandoned" or entry.error_type == "abandoned"):
            return
        self._in_flight.pop(entry.id, None)
        self._entries.pop(entry.id, None)
        self._seq += 1
        self._entries[entry.id] = msgspec.structs.replace(entry, seq=self._seq)

    def close_abandoned(self, owners: Sequence[str]) -> int:
        with self._lock:
            left = [row.entry for row in self._in_flight.values() if row.owner in owners]
            self.write([abandoned(entry) for entry in left])
            return len(left)

    def owners(self) -> list[str]:
        with self._lock:
            return sorted({row.owner for row in self._in_flight.values()})

    def get(self, id: str, scope: Scope) -> Entry | None:
        with self._lock:
            row = self._in_flight.get(id)
            entry = row.entry if row else self._entries.get(id)
            return entry if entry and scope.admits(entry) else None

    def search(self, query: Query) -> Page:
        with self._lock:
            found = [*islice(self._matches(query), query.limit + 1)]
            first_page = query.cursor is None and query.order == "desc"
            in_flight = self._in_flight_matches(query)[:MAX_IN_FLIGHT] if first_page else []
            last = self._seq
        shown, has_more = found[: query.limit], len(found) > query.limit
        end = last if query.order == "asc" else None
        return Page(
            entries=tuple(map(without_payload, shown)),
            in_flight=tuple(map(without_payload, in_flight)),
            next_cursor=shown[-1].seq if has_more else end,
            has_more=has_more,
        )

    def _matches(self, query: Query) -> Iterator[Entry]:
        entries = [*self._entries.values()]
        if query.order == "desc":
            entries.reverse()
        return (entry for entry in entries if _beyond(query, entry.seq or 0) and query.matches(entry))

    def _in_flight_matches(self, query: Query) -> list[Entry]:
        found = [row.entry for row in self._in_flight.values() if query.matches(row.entry)]
        return sorted(found, key=lambda entry: (entry.started_at, entry.id), reverse=True)

    def _newest(self, query: Query) -> list[Entry]:
        with self._lock:
            return [*self._matches(msgspec.structs.replace(query, cursor=None, order="desc"))]

    def stats(self, query: Query, bucket: float) -> Stats:
        found = self._newest(query)
        tallies = (Tally(e.started_at.timestamp(), e.outcome, status_class(e.status_code)) for e in found)
        durations = [e.duration for e in found[:EXAMINED] if e.duration is not None]
        return Stats(buckets=buckets(tallies, bucket), complete=True, **percentiles(durations))

    def facets(self, query: Query, fields: Sequence[str]) -> Facets:
        found = self._newest(query)
        looked_at = found[:EXAMINED]
        counts = {
            field: by_frequency(Counter(v for e in looked_at for v in field_values(e, field))) for field in fields
        }
        return Facets(counts=counts, covered=len(looked_at), complete=len(found) == len(looked_at))

    def stream(self, query: Query) -> Iterator[Entry]:
        with self._lock:
            found = [*self._matches(query)]
        yield from found

    def batches(self, query: Query, *, whole: bool = True) -> Iterator[Sequence[Entry]]:
        found = self.stream(query)
        while batch := [*islice(found, _BATCH)]:
            yield batch if whole else [*map(without_payload, batch)]

    def columns(self, query: Query, fields: Sequence[str]) -> Iterator[Sequence[Sequence[Any]]]:
        for batch in self.batches(query, whole=False):
            yield [column(batch, field) for field in fields]

    def purge(
        self, now: datetime, *, max_rows: int | None = None, max_bytes: int | None = None, dry_run: bool = False
    ) -> Purged:
        with self._lock:
            present, before = self._entries, self._bytes()
            kept = {id: _stripped(entry, now) for id, entry in present.items() if not _is_past(entry.expires_at, now)}
            over = _oversize(kept.values(), Bounds(max_rows, max_bytes))
            left = {id: entry for id, entry in kept.items() if id not in over}
            bodies = sum(entry != without_payload(entry) and left.get(id) != entry for id, entry in present.items())
            if not dry_run:
                self._entries = left
            return Purged(
                entries=len(present) - len(left),
                bodies=bodies,
                excess=len(over),
                bytes_before=before,
                bytes_after=self._bytes(),
            )

    def erase(self, query: Query, *, above: int = 0, dry_run: bool = False) -> Purged:
        query = erasable(query)
        with self._lock:
            before = self._bytes()
            begun = self._in_flight_matches(query)
            found = [*self._matches(msgspec.structs.replace(query, cursor=above))]
            for entry in () if dry_run else (*begun, *found):
                self._entries.pop(entry.id, None)
                self._in_flight.pop(entry.id, None)
            return Purged(
                entries=len(begun) + len(found),
                bodies=sum(entry != without_payload(entry) for entry in found),
                bytes_before=before,
                bytes_after=self._bytes(),
            )

    def redate(self, retention: Retention) -> int:
        with self._lock:
            dated = {id: retention.date(entry) for id, entry in self._entries.items()}
            changed = {id: entry for id, entry in dated.items() if entry != self._entries[id]}
            self._entries.update(changed)
            return len(changed)

    def info(self) -> Info:
        with self._lock:
            oldest = min((entry.started_at for entry in self._entries.values()), default=None)
            return Info(
                url="memory:",
                version=1,
                entries=len(self._entries),
                bytes=self._bytes(),
                oldest=oldest,
                newest_seq=self._seq,
            )

    def _bytes(self) -> int:
        return sum(map(_size, self._entries.values()))


def _is_past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _stripped(entry: Entry, now: datetime) -> Entry:
    return without_payload(entry) if _is_past(entry.bodies_expire_at, now) else entry


def _size(entry: Entry) -> int:
    return sum(len(message.body or b"") for message in (entry.request, entry.response) if message)


def _oversize(entries: Collection[Entry], most: Bounds) -> set[str]:
    """Return the ids of those that are too much, the oldest."""
    ordinary = [entry for entry in entries if entry.kind != "audit"]
    below = most.below(len(ordinary), sum(map(_size, entries)), ((e.seq or 0, _size(e)) for e in ordinary))
    return {entry.id for entry in ordinary if (entry.seq or 0) < below}


def _check(entry: Entry) -> None:
    try:
        UUID(entry.id)
    except ValueError:
        raise StoreError(f"an entry's id is a UUID, not {entry.id!r}", data_error=True) from None


def _beyond(query: Query, seq: int) -> bool:
    if query.cursor is None:
        return True
    return seq > query.cursor if query.order == "asc" else seq < query.cursor


class MemoryState:
    """State within one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, bytes] = {}
        self._claims: dict[str, float] = {}  # to the end of the claim
        self._leases: dict[str, tuple[str, int, float]] = {}  # to owner, token and end

    def get(self, key: str) -> bytes | None:
        with self._lock:
            return self._values.get(key)

    def put(self, key: str, value: bytes, *, expected: bytes | Absent | None = None) -> bool:
        with self._lock:
            if expected is not None and self._values.get(key, ABSENT) != expected:
                return False
            self._values[key] = value
            return True

    def delete(self, key: str, *, expected: bytes | None = None) -> None:
        with self._lock:
            if expected is None or self._values.get(key) == expected:
                self._values.pop(key, None)

    def list(self, prefix: str) -> dict[str, bytes]:
        with self._lock:
            return {key: value for key, value in sorted(self._values.items()) if key.startswith(prefix)}

    def claim(self, key: str, seconds: float) -> bool:
        with self._lock:
            now = time.monotonic()
            if self._claims.get(key, now) > now:
                return False
            self._claims[key] = now + seconds
            return True

    def release(self, key: str) -> None:
        with self._lock:
            self._claims.pop(key, None)

    def lease(self, key: str, owner: str, seconds: float) -> int | None:
        with self._lock:
            now = time.monotonic()
            holder, token, end = self._leases.get(key, (owner, 1, now))
            if holder != owner and end > now:
                return None
            token += holder != owner
            self._leases[key] = owner, token, now + seconds
            return token
