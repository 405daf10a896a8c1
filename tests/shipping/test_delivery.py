"""Delivery: what the store refuses is found, kept and told; everything else is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger import codec
from integration_logger.entry import Entry
from integration_logger.errors import StoreError
from integration_logger.health import Health, Report
from integration_logger.query import EVERYTHING, Query
from integration_logger.retention import Retention
from integration_logger.shipping.delivery import PROBES, Delivery
from integration_logger.shipping.owners import Owners
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.reports import get_report
from tests.factories import make_in_flight
from tests.spools import encoded


class Picky(MemoryStore):
    """Raises for batches with certain entries."""

    def __init__(self, poison: set[str], error: Callable[[], Exception]) -> None:
        super().__init__()
        self.poison = poison
        self.error = error
        self.writes = 0

    def write(self, entries: Sequence[Entry], **options: Any) -> None:
        self.writes += 1
        if any(entry.id in self.poison and entry.request is not None for entry in entries):
            raise self.error()
        super().write(entries, **options)


def refused() -> Exception:
    return StoreError("no such thing", data_error=True)


def unknown() -> Exception:
    return RuntimeError("a fault of the driver")


def delivery(store: Store, rejected: Path | None = None) -> Delivery:
    return Delivery(store, Retention(), Owners(store, "me"), rejected, Counter())


def stored(store: Store) -> dict[str, Entry]:
    return {entry.id: entry for entry in store.stream(Query(scope=EVERYTHING))}


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path}/log.db")) as store:
        yield store


@settings(max_examples=40)
@given(st.sets(st.integers(0, 199), max_size=12), st.sampled_from([refused, unknown]))
def test_poison_is_found(poison: set[int], error: Callable[[], Exception]) -> None:
    """Of any batch exactly those entries are set aside that the store refuses, with a reason or without."""
    batch = [encoded() for _ in range(200)]
    bad = {batch[number][0].id for number in poison}
    store = Picky(bad, error)
    put = delivery(store)
    put.deliver([data for _, data in batch])
    found = stored(store)
    assert found.keys() == {entry.id for entry, _ in batch}
    assert {id for id, entry in found.items() if entry.request is None} == bad
    assert put.counts == Counter(shipped=200 - len(bad), rejected=len(bad))


def test_few_writes_find_one_poison_entry() -> None:
    """One refused entry among a thousand costs some twenty writes, not a thousand."""
    batch = [encoded() for _ in range(1000)]
    store = Picky({batch[637][0].id}, refused)
    delivery(store).deliver([data for _, data in batch])
    assert store.writes < 30


def test_sqlite_refuses_what_it_cannot_store(tmp_path: Path, sqlite: Store) -> None:
    """A real poison entry, whose id is none, is set aside as it was; its neighbours are stored."""
    before, poison, after = encoded(), encoded(id="not-a-uuid"), encoded()
    put = delivery(sqlite, tmp_path / "rejected")
    put.deliver([before[1], poison[1], after[1]])
    assert stored(sqlite).keys() == {before[0].id, after[0].id}
    assert put.counts == Counter(shipped=2, rejected=1)
    kept = codec.decode((tmp_path / "rejected" / "not-a-uuid.bin").read_bytes())
    assert kept.url == poison[0].url


def test_a_stub_takes_the_place_of_a_refused_entry(tmp_path: Path) -> None:
    """What is known of a refused entry is stored: whose it is, when, and how it ended; nothing that it held."""
    entry, data = encoded(status_code=503)
    store = Picky({entry.id}, refused)
    delivery(store, tmp_path / "rejected").deliver([data])
    stub = stored(store)[entry.id]
    same = ("kind", "started_at", "status", "status_code", "duration", "tenant", "application", "method", "route")
    assert all(getattr(stub, name) == getattr(entry, name) for name in same)
    assert (stub.request, stub.response, stub.url, stub.has_errors) == (None, None, None, True)
    assert stub.errors == ("the store refused the entry; it was set aside by the shipper",)
    assert stub.expires_at


def test_a_stub_that_is_refused_too_is_made_barer() -> None:
    """If the store refuses the stub for its labels, it is stored without."""
    entry, data = encoded()

    class NoTenants(MemoryStore):
        def write(self, entries: Sequence[Entry], **options: Any) -> None:
            if any(entry.tenant for entry in entries):
                raise refused()
            super().write(entries, **options)

    store = NoTenants()
    delivery(store).deliver([data])
    assert stored(store)[entry.id].tenant is None


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x90", codec.encode("no entry"), encoded()[1][:-1]])
def test_what_cannot_be_read_is_kept(tmp_path: Path, data: bytes) -> None:
    """Bytes that are no entry are set aside and counted, and hold nothing up."""
    entry, good = encoded()
    store = MemoryStore()
    put = delivery(store, tmp_path / "rejected")
    put.deliver([data, good])
    assert stored(store).keys() == {entry.id}
    assert put.counts == Counter(shipped=1, rejected=1)
    (file,) = (tmp_path / "rejected").iterdir()
    assert file.read_bytes() == data
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_store_that_is_away_refuses_nothing(tmp_path: Path) -> None:
    """An error that is not about the data says nothing about the entries: all of them are tried again."""
    batch = [encoded() for _ in range(10)]
    store = Picky({batch[5][0].id}, lambda: StoreError("away"))
    put = delivery(store, tmp_path / "rejected")
    with pytest.raises(StoreError, match="away"):
        put.deliver([data for _, data in batch])
    assert store.writes == 1
    store.poison.clear()
    put.deliver([data for _, data in batch])
    assert len(stored(store)) == put.counts["shipped"] == 10
    assert put.counts["rejected"] == 0
    assert not (tmp_path / "rejected").exists()


@pytest.mark.parametrize("number", [1, 7, 1000])
def test_a_broken_store_refuses_nothing(tmp_path: Path, number: int) -> None:
    """A store that raises for whatever it is given is broken: entries stay, and it is left alone soon."""
    batch = [encoded() for _ in range(number)]

    class Broken(MemoryStore):
        writes = 0

        def write(self, entries: Sequence[Entry], **options: Any) -> None:
            self.writes += 1
            raise unknown()

    store = Broken()
    put = delivery(store, tmp_path / "rejected")
    with pytest.raises(RuntimeError):
        put.deliver([data for _, data in batch])
    assert put.counts == Counter()
    assert store.writes <= PROBES + 1
    assert not (tmp_path / "rejected").exists()


def test_a_store_that_breaks_in_between_refuses_nothing(tmp_path: Path) -> None:
    """If the store breaks while a poison entry is being looked for, no good entry is taken for poison."""
    batch = [encoded() for _ in range(64)]

    class Breaking(Picky):
        def write(self, entries: Sequence[Entry], **options: Any) -> None:
            if self.writes == 12:
                self.poison = {entry.id for entry, _ in batch} | {"stubs"}
            if "stubs" in self.poison:
                raise unknown()
            super().write(entries, **options)

    bad = batch[3][0].id
    store = Breaking({bad}, unknown)
    put = delivery(store, tmp_path / "rejected")
    with pytest.raises(RuntimeError):
        put.deliver([data for _, data in batch])
    assert put.counts["rejected"] == 0
    store.poison = {bad}
    store.writes = 20
    put.deliver([data for _, data in batch])
    assert put.counts["rejected"] == 1
    assert len(stored(store)) == 64


def test_the_store_is_opened_once_and_after_each_failure() -> None:
    """A store is opened before its first entry, and anew after a failure, for it may have been removed."""
    opened = []

    class Counted(MemoryStore):
        away = False

        def open(self) -> None:
            opened.append(1)

        def write(self, entries: Sequence[Entry], **options: Any) -> None:
            if self.away:
                raise StoreError("away")
            super().write(entries, **options)

    store = Counted()
    put = delivery(store)
    put.deliver([])
    assert opened == []
    for _ in range(3):
        put.deliver([encoded()[1]])
    assert len(opened) == 1
    store.away = True
    with pytest.raises(StoreError):
        put.deliver([encoded()[1]])
    store.away = False
    put.deliver([encoded()[1]])
    assert len(opened) == 2


# --- reports ------------------------------------------------------------------------------------------


def report(owner: str = "me", **fields: Any) -> Report:
    now = datetime.now(UTC)
    return Report(owner=owner, host="web-1", pid=1, started_at=now, at=now, **{"health": Health(captured=3)} | fields)


def begun(**fields: Any) -> Entry:
    return make_in_flight(**fields).entry


def in_flight(store: Store) -> list[str]:
    return [entry.id for entry in store.search(Query(scope=EVERYTHING)).in_flight]


def test_a_report_tells_of_calls_and_counts(sqlite: Store) -> None:
    """Calls in flight are in the store with their dates, their process is vouched for, its counts are in State."""
    call = begun()
    made = delivery(sqlite)
    made.deliver([codec.encode(report(in_flight=(call,)))])
    assert in_flight(sqlite) == [call.id]
    found = sqlite.get(call.id, EVERYTHING)
    assert found is not None
    assert found.expires_at is not None
    assert sqlite.state.lease("owner/me", "somebody else", 1) is None
    noted = get_report(sqlite.state, "me")
    assert noted is not None
    assert (noted.health.captured, noted.in_flight) == (3, ())
    assert made.counts["shipped"] == 0
    made.deliver([codec.encode(report(ended=(call.id,)))])
    assert in_flight(sqlite) == []
    assert stored(sqlite) == {}


def test_entries_and_reports_in_one_batch(sqlite: Store) -> None:
    """A call that ended in the same batch, before or after the report of it, is not in flight."""
    (first, one), (second, two), call = encoded(), encoded(), begun()
    payloads = [one, codec.encode(report(in_flight=(begun(id=first.id), begun(id=second.id), call))), two]
    delivery(sqlite).deliver(payloads)
    assert in_flight(sqlite) == [call.id]
    assert stored(sqlite).keys() == {first.id, second.id}


WHOLE = codec.encode(report(in_flight=(begun(),), ended=(begun().id,)))
POISON = {
    "cut off": WHOLE[:-20],
    "only a map": b"\x80",
    "longer than said": WHOLE + b"x",
    "wrong types": msgspec.msgpack.encode({"owner": 1, "host": [], "pid": "x"}),
    "nothing in it": msgspec.msgpack.encode({"a": 1}),
    "an owner with NUL": codec.encode(report(owner="a\x00b")),
    "an owner without end": codec.encode(report(owner="a" * 10_000)),
    "no owner": codec.encode(report(owner="")),
    "ids that are none": codec.encode(report(ended=("' OR 1=1 --",))),
    "a call whose id is none": codec.encode(report(in_flight=(begun(id="x"),))),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_poisoned_report_holds_up_nothing(sqlite: Store, tmp_path: Path, poison: bytes) -> None:
    """What no store could take is set aside and counted; everything around it is stored."""
    (first, one), (second, two), call = encoded(), encoded(), begun()
    made = delivery(sqlite, tmp_path / "rejected")
    made.deliver([one, poison, codec.encode(report(in_flight=(call,))), two])
    assert stored(sqlite).keys() == {first.id, second.id}
    assert in_flight(sqlite) == [call.id]
    assert made.counts == {"shipped": 2, "rejected": 1}
    assert [path.read_bytes() for path in (tmp_path / "rejected").iterdir()] == [poison]


@given(cut=st.integers(1, len(WHOLE) - 1), place=st.integers(1, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_no_damage_of_a_report_holds_up_an_entry(cut: int, place: int, byte: int) -> None:
    """However a report is cut or changed, the entry behind it is stored."""
    store = MemoryStore()
    entry, data = encoded()
    for damaged in (WHOLE[:cut], WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]):
        delivery(store).deliver([damaged, data])
    assert entry.id in stored(store)


class Refusing(MemoryStore):
    """Takes no call in flight of a certain tenant."""

    def __init__(self, error: Callable[[], Exception]) -> None:
        super().__init__()
        self.error = error
        self.back = False

    def write(self, entries: Sequence[Entry], *, in_flight: Any = (), **options: Any) -> None:
        rows = [*in_flight]
        if not self.back and any(row.entry.tenant == "poison" for row in rows):
            raise self.error()
        super().write(entries, in_flight=rows, **options)


@pytest.mark.parametrize("error", [refused, unknown])
def test_a_call_in_flight_that_the_store_refuses(error: Callable[[], Exception], tmp_path: Path) -> None:
    """Of such a call only the end will be seen; other calls, their ends, and all entries are stored."""
    store = Refusing(error)
    (entry, data), good, over = encoded(), begun(tenant="acme"), begun(tenant="acme")
    made = delivery(store, tmp_path / "rejected")
    made.deliver([codec.encode(report(in_flight=(over,)))])
    made.deliver([data, codec.encode(report(in_flight=(begun(tenant="poison"), good), ended=(over.id,)))])
    assert in_flight(store) == [good.id]
    assert stored(store).keys() == {entry.id}
    assert made.counts == {"shipped": 1}


def test_a_store_that_is_away_gets_the_report_later() -> None:
    """While the store is away a report waits with the entries, and nothing of it is lost or taken twice."""
    store = Refusing(lambda: StoreError("away"))
    (entry, data), call = encoded(), begun(tenant="poison")
    made, payloads = delivery(store), [data, codec.encode(report(in_flight=(call,)))]
    with pytest.raises(StoreError, match="away"):
        made.deliver(payloads)
    assert stored(store) == {}
    store.back = True
    made.deliver(payloads)
    assert stored(store).keys() == {entry.id}
    assert in_flight(store) == [call.id]
    assert made.counts == {"shipped": 1}
