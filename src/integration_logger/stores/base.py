"""The seam between the writing and the reading half: what a store of entries must do.

All methods are synchronous; the viewer calls them through its own small thread limiter. A store is
safe to use from several threads, and several processes may have it open at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from integration_logger.entry import Entry, InFlight, Message
from integration_logger.query import Query, Scope

EXAMINED = 10_000  # newest matches that facets and percentiles look at
MAX_IN_FLIGHT = 500  # calls in flight on one page

if TYPE_CHECKING:
    from integration_logger.retention import Retention
    from integration_logger.stores.state import State


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; its entries are as ``without_payload`` leaves them."""

    entries: tuple[Entry, ...]
    in_flight: tuple[Entry, ...] = ()
    """Calls that have begun and not ended, the newest first; on the first page of a descending list only."""
    next_cursor: int | None = None
    """The ``seq`` to continue from; None at the end. In ascending order it is always given, for followers:
    the last ``seq`` that was looked at, matching or not. Lower than the query's cursor where that lies beyond
    the end, as it does when a store was begun anew."""
    has_more: bool = False
    """More may follow. A page that ran out of its time may hold fewer entries than asked for, or none."""


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the entries that started in one stretch of time."""

    start: datetime
    success: int = 0
    error: int = 0
    status_classes: dict[str, int] = {}
    """``2xx`` … ``5xx`` and ``none`` to counts."""


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by time and the spread of durations over one query."""

    buckets: tuple[Bucket, ...]
    """In order; stretches of time without an entry are left out."""
    p50: float | None = None
    """Seconds, over the newest 10,000 matches, as the other two."""
    p95: float | None = None
    p99: float | None = None
    complete: bool = True
    """False where the count ran out of its time: then it begins with the newest matches and lacks older ones."""


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """How often each value of some fields occurs among the newest matches."""

    counts: dict[str, dict[str, int]]
    """Field to value, as a filter takes it, to count, the most frequent first; entries without one are not in it."""
    covered: int
    """Entries that were looked at."""
    complete: bool
    """False where older matches may exist that were not looked at."""


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """What a purge or an erasure took away."""

    entries: int = 0
    bodies: int = 0
    """Headers, bodies and variables, each entry's counted as one; those of the entries that went are among them."""
    excess: int = 0
    """Entries among them that had not expired, and went because the store held more than it may."""
    bytes_before: int = 0
    bytes_after: int = 0


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a store in figures."""

    url: str
    """Without password."""
    version: int
    entries: int
    """An estimate where counting would be slow."""
    bytes: int
    oldest: datetime | None
    newest_seq: int


class Store(Protocol):
    """Keeps entries and answers queries, always within a scope."""

    @property
    def state(self) -> State:
        """The small table beside the entries that processes agree through."""
        ...

    def open(self) -> None:
        """Create or upgrade what is needed; safe when several processes start at once, and when called again."""
        ...

    def write(
        self, entries: Sequence[Entry], *, in_flight: Iterable[InFlight] = (), ended: Collection[str] = ()
    ) -> None:
        """Store entries, all or none; an id that is stored already is passed over.

        A finished entry takes its row in flight away, and replaces an ``abandoned`` entry of its id under
        a new ``seq``. ``ended`` are ids of calls in flight that ended without an entry: their rows go. Raises
        ``StoreError``, with ``data_error`` where trying again is useless.
        """
        ...

    def close_abandoned(self, owners: Sequence[str]) -> int:
        """Turn what these processes left in flight into ``failed``, ``abandoned`` entries; return how many."""
        ...

    def owners(self) -> list[str]:
        """Return the processes that have calls in flight here."""
        ...

    def get(self, id: str, scope: Scope) -> Entry | None:
        """Return the whole entry, in flight or not, or None where there is none of that id within the scope."""
        ...

    def search(self, query: Query) -> Page:
        """Return one page ordered by ``seq``. Bounded in time: see ``Page.has_more``."""
        ...

    def stats(self, query: Query, bucket: float) -> Stats:
        """Count what matches by stretches of ``bucket`` seconds (whole minutes) since 1970; cursor and limit aside.

        Bounded in time, like ``facets``: see ``Stats.complete``.
        """
        ...

    def facets(self, query: Query, fields: Sequence[str]) -> Facets:
        """Count the values of the fields over the newest 10,000 matches."""
        ...

    def stream(self, query: Query) -> Iterator[Entry]:
        """Yield every match, whole, in the query's order and in constant memory; limit is not applied."""
        ...

    def batches(self, query: Query, *, whole: bool = True) -> Iterator[Sequence[Entry]]:
        """Yield the same some at a time, and a batch at least once a second, empty where nothing was found meanwhile.

        Nothing is held open between two batches: who reads them may be slow, and may stop after any. Entries that
        need not be whole are as ``without_payload`` leaves them.
        """
        ...

    def columns(self, query: Query, fields: Sequence[str]) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield the values of some fields, batch by batch in the same way: a column for each field, all of one length.

        The fields are those of ``stores.columns.FIELDS``; labels, errors and run come as compact JSON, None where
        there are none.
        """
        ...

    def purge(
        self, now: datetime, *, max_rows: int | None = None, max_bytes: int | None = None, dry_run: bool = False
    ) -> Purged:
        """Delete entries and bodies whose time has come, in small batches, and give the space back.

        If what is left is more than so many entries, or takes more than so many bytes, the oldest by ``seq`` go, too,
        audit entries aside. Space that was freed does not count as taken. With ``dry_run`` nothing is deleted, and
        what is returned is what would be.
        """
        ...

    def erase(self, query: Query, *, above: int = 0, dry_run: bool = False) -> Purged:
        """Delete every match, calls in flight included, audit entries never; cursor and limit aside.

        With ``above`` only entries with a higher ``seq``. With ``dry_run`` nothing is deleted, and what is returned is
        what would be.
        """
        ...

    def redate(self, retention: Retention) -> int:
        """Set expiry anew after the rules have changed; return how many entries changed."""
        ...

    def info(self) -> Info:
        """Return counts and sizes."""
        ...

    def close(self) -> None:
        """Release connections; does nothing if there are none."""
        ...


def erasable(query: Query) -> Query:
    """Return the query of an erasure, the oldest match first: whoever asks, no audit entry answers it."""
    scope = msgspec.structs.replace(query.scope, audit=False)
    return msgspec.structs.replace(query, scope=scope, cursor=None, order="asc")


def without_payload(entry: Entry) -> Entry:
    """Return the entry as lists show it: no headers, bodies, variables, traceback and what was masked in them."""
    return msgspec.structs.replace(
        entry,
        request=_without_body(entry.request),
        response=_without_body(entry.response),
        variables=None,
        traceback=None,
        redacted=(),
    )


def _without_body(message: Message | None) -> Message | None:
    return message and msgspec.structs.replace(message, raw_headers=(), body=None)


def without_detail(entry: Entry) -> Entry:
    """Return the entry without headers, bodies, sizes, variables, traceback: what takes the permission ``detail``."""
    return msgspec.structs.replace(
        entry, request=None, response=None, variables=None, traceback=None, redacted=(), bodies_expire_at=None
    )


def abandoned(entry: Entry) -> Entry:
    """Return what is stored for a call whose process has gone before it ended."""
    return msgspec.structs.replace(
        entry,
        status="failed",
        error_type="abandoned",
        has_errors=True,
        errors=(*entry.errors, "the process went away before the call ended"),
    )
