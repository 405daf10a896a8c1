"""From encoded entries to the store: dates them, writes them in batches, and finds those that cannot be stored.

What the store refuses for what it holds is found by halving the batch, set aside in ``rejected/``, and stored as
a stub of its metadata.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, overload

from msgspec.structs import replace

from integration_logger import codec
from integration_logger.entry import Entry, InFlight
from integration_logger.errors import CodecError, StoreError
from integration_logger.health import Report
from integration_logger.ids import new_id
from integration_logger.retention import Retention
from integration_logger.shipping.detectors import DETECTORS, Detectors
from integration_logger.shipping.owners import Owners
from integration_logger.spool.aside import set_aside
from integration_logger.stores.base import Store, abandoned
from integration_logger.stores.reports import put_report

PROBES: Final = 32
"""Parts of a batch that may fail in a row for no known reason; after that it is the store, not an entry."""


class Delivery:
    """Puts entries into a store."""

    def __init__(
        self,
        store: Store,
        retention: Retention,
        owners: Owners,
        rejected: Path | None,
        counts: Counter[str],
        detectors: Collection[str] = DETECTORS,
    ) -> None:
        self.store = store
        self.retention = retention
        self.detect = Detectors(detectors)
        self.owners = owners
        self.rejected = rejected
        """Folder for what cannot be stored; None where there is no disk."""
        self.counts = counts
        self.opened = False

    def open(self) -> None:
        """Create or upgrade the store, if that has not been done; raises ``StoreError`` while it is away."""
        if not self.opened:
            self.store.open()
            self.opened = True

    def deliver(self, payloads: Sequence[bytes]) -> None:
        """Have every entry stored, or set aside; raises while the store is away, and may then be called again."""
        if not payloads:
            return
        try:
            self.open()
            self._write(payloads)
        except Exception:
            self.opened = False  # it may have been removed, and has to be made anew
            raise

    def _write(self, payloads: Sequence[bytes]) -> None:
        entries = [payload for payload in payloads if not codec.is_report(payload)]
        reports = self._reports(payloads) if len(entries) < len(payloads) else []
        news = {entry.id: InFlight(owner=r.owner, entry=self._date(entry)) for r in reports for entry in r.in_flight}
        ended = {id for report in reports for id in report.ended}
        for owner in {row.owner for row in news.values()}:
            self.owners.vouch(owner)
        try:
            self.store.write(_Unread(entries, self._entry), in_flight=news.values(), ended=ended)
        except Exception as error:
            if isinstance(error, StoreError) and not error.data_error:
                raise
            if entries:
                self._write_what_can_be(entries, None if reports else error)
            self._write_in_flight(news.values(), ended)
        else:
            self.counts["shipped"] += len(entries)
        for report in {report.owner: report for report in reports}.values():
            put_report(self.store.state, report)

    def _reports(self, payloads: Sequence[bytes]) -> list[Report]:
        found = []
        for payload in filter(codec.is_report, payloads):
            try:
                found.append(codec.decode_report(payload))
            except CodecError:
                self._set_aside(payload, new_id())
        return found

    def _date(self, entry: Entry) -> Entry:
        """Date a call in flight by what it will be if its process never ends it."""
        dated = self.retention.date(abandoned(entry))
        return replace(entry, expires_at=dated.expires_at, bodies_expire_at=dated.bodies_expire_at)

    def _entry(self, payload: bytes) -> Entry:
        """Return the entry as it is stored; what its answer says has a say in how long it is kept."""
        return self.retention.date(self.detect(codec.decode(payload)))

    def _read(self, payload: bytes) -> Entry | None:
        try:
            return self._entry(payload)
        except Exception:  # one entry that cannot be read must not hold up those behind it
            self._set_aside(payload, new_id())
            return None

    def _write_what_can_be(self, payloads: Sequence[bytes], error: Exception | None) -> None:
        """Go through a batch that raised this error as a whole; None where it may not have been for an entry."""
        entries = [entry for payload in payloads if (entry := self._read(payload)) is not None]
        search = _Search(self.store)
        if error is not None and len(entries) == len(payloads):
            search.go_on(entries, error)
        elif entries:
            search.write(entries)
        if search.error is not None and not any(map(self._write_stub, search.doubtful)):
            raise search.error
        refused = [*search.refused, *search.doubtful]
        for entry in refused:
            self._write_stub(entry)
            self._set_aside(codec.encode(entry), entry.id)
        self.counts["shipped"] += len(entries) - len(refused)

    def _write_in_flight(self, rows: Iterable[InFlight], ended: Collection[str]) -> None:
        """Write calls in flight one by one; of one that is refused only the end will be seen."""
        for row in rows:
            try:
                self.store.write([], in_flight=[row])
            except Exception as error:
                if isinstance(error, StoreError) and not error.data_error:
                    raise
        self.store.write([], ended=ended)

    def _write_stub(self, entry: Entry) -> bool:
        """Store what is known of a refused entry; return whether the store took it, or said why not."""
        known = {name: getattr(entry, name) for name in _ALWAYS}
        errors = ("the store refused the entry; it was set aside by the shipper",)
        for names in (_IF_POSSIBLE, ()):
            more = {name: getattr(entry, name) for name in names}
            try:
                self.store.write([Entry(**known, **more, transaction_id=entry.id, has_errors=True, errors=errors)])
            except StoreError as error:
                if not error.data_error:
                    raise
            except Exception:  # noqa: S112 - as it was with the entry itself
                continue
            else:
                return True
        return False

    def _set_aside(self, payload: bytes, name: str) -> None:
        self.counts["rejected"] += 1
        if self.rejected is not None:
            set_aside(self.rejected, f"{name}.bin", payload)


class _Unread(Sequence[Entry]):
    """Entries that are read when their turn comes: many at once leave the cache, and busy the garbage collector."""

    def __init__(self, payloads: Sequence[bytes], read: Callable[[bytes], Entry]) -> None:
        self._payloads = payloads
        self._read = read

    def __len__(self) -> int:
        return len(self._payloads)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(place, slice):
            return _Unread(self._payloads[place], self._read)
        return self._read(self._payloads[place])

    def __iter__(self) -> Iterator[Entry]:
        return map(self._read, self._payloads)


_ALWAYS: Final = ("id", "kind", "started_at", "status", "status_code", "duration", "expires_at")
_IF_POSSIBLE: Final = ("tenant", "application", "integration", "operation", "method", "host", "route", "error_type")


class _Search:
    """One batch on its way into the store, halved wherever that raises."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.refused: list[Entry] = []
        """What the store cannot take."""
        self.doubtful: list[Entry] = []
        """What raised for no known reason. If the store takes another entry after it, the store is well."""
        self.error: Exception | None = None
        """Of the last doubtful one."""
        self._in_a_row = 0

    def write(self, entries: Sequence[Entry]) -> None:
        """Store all that can be stored; raise ``StoreError`` while the store is away."""
        try:
            self.store.write(entries)
        except Exception as error:
            self.go_on(entries, error)
        else:
            self._in_a_row, self.error = 0, None
            self.refused += self.doubtful
            self.doubtful.clear()

    def go_on(self, entries: Sequence[Entry], error: Exception) -> None:
        """Divide what raised this error, or raise it where that is of no use."""
        if isinstance(error, StoreError):
            if not error.data_error:
                raise error
            self._divide(entries, self.refused)
        else:
            self.error = error
            self._in_a_row += 1
            if self._in_a_row > PROBES:
                raise error
            self._divide(entries, self.doubtful)

    def _divide(self, entries: Sequence[Entry], found: list[Entry]) -> None:
        if len(entries) == 1:
            found.append(entries[0])
        else:
            middle = len(entries) // 2
            self.write(entries[:middle])
            self.write(entries[middle:])
