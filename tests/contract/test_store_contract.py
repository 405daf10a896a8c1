"""What every store must do when entries are written and read."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from integration_logger.entry import Entry, Message, Run
from integration_logger.errors import StoreError
from integration_logger.ids import new_id
from integration_logger.query import ALL, EVERYTHING, Query, Scope
from integration_logger.stores.base import Store, without_payload
from tests.factories import make_entry, make_in_flight


def ask(store: Store, *pairs: tuple[str, str], scope: Scope = EVERYTHING) -> list[str]:
    """Return the ids of a page."""
    return [entry.id for entry in store.search(Query.parse(pairs, scope)).entries]


def write(store: Store, number: int = 1, **overrides: Any) -> list[Entry]:
    """Store so many entries in one batch."""
    rng = random.Random(number)
    entries = [make_entry(rng, body_size=100, **overrides) for _ in range(number)]
    store.write(entries)
    return entries


def test_an_entry_comes_back_as_it_was(store: Store) -> None:
    """``get`` returns all that was written, and the ``seq`` that the store gave it."""
    run = Run(job_id="702", row_count=256, has_deltas=False, new_savepoint={"at": "2026-11-20"}, mb_estimate=1.5)
    [entry] = write(
        store,
        run=run,
        variables={"price": [1, 2.5, None, "é"]},
        traceback="Traceback",
        errors=("a", "b"),
        labels={"environment": "prod", "tags": ["x", "y"]},
        parent_id=new_id(),
        phase="receive",
        bodies_expire_at=make_entry().started_at,
    )
    assert store.get(entry.id, EVERYTHING) == msgspec.structs.replace(entry, seq=1)


def test_an_entry_of_the_least_comes_back(store: Store) -> None:
    """What was left out is left out when it is read."""
    id = new_id()
    least = Entry(id=id, kind="call", started_at=make_entry().started_at, status="completed", transaction_id=id)
    store.write([least])
    assert store.get(id, EVERYTHING) == msgspec.structs.replace(least, seq=1)
    assert store.search(Query(scope=EVERYTHING)).entries == (msgspec.structs.replace(least, seq=1),)


def test_a_response_without_a_request_comes_back(store: Store) -> None:
    """Each half of a call is stored for itself."""
    [entry] = write(store, request=None, response=Message(raw_headers=[(b"a", b"\xff")], body=b"\x00\xff", size=2))
    found = store.get(entry.id, EVERYTHING)
    assert found is not None
    assert (found.request, found.response) == (None, entry.response)


def test_lists_carry_no_payload(store: Store) -> None:
    """A page has sizes and content types, but no headers, bodies, variables and tracebacks."""
    [entry] = write(store, variables={"a": 1}, traceback="Traceback")
    [listed] = store.search(Query(scope=EVERYTHING)).entries
    assert listed == without_payload(msgspec.structs.replace(entry, seq=1))
    assert listed.request is not None
    assert listed.request.size > 0


def test_seq_follows_the_order_of_writing(store: Store) -> None:
    """Every entry has the next ``seq``, in the order of the batch and whatever its time."""
    first, second = write(store, 3), write(store, 2)
    page = store.search(Query(scope=EVERYTHING, order="asc"))
    assert [entry.id for entry in page.entries] == [entry.id for entry in first + second]
    assert [entry.seq for entry in page.entries] == [1, 2, 3, 4, 5]


def test_an_id_is_stored_once(store: Store) -> None:
    """Entries of an id that is stored already, or twice in a batch, are passed over."""
    first = make_entry(method="GET")
    again = msgspec.structs.replace(first, method="PUT")
    store.write([first, again])
    store.write([again, other := make_entry()])
    assert ask(store, ("order", "asc")) == [first.id, other.id]
    assert ask(store, ("method", "PUT")) == []


def test_a_late_finish_replaces_what_was_abandoned(store: Store) -> None:
    """It comes under a new ``seq``, and nothing of the abandoned entry is left."""
    lost = make_entry(error_type="abandoned", status="failed", status_code=None)
    finished = make_entry(id=lost.id, status_code=200)
    store.write([lost, other := make_entry()])
    store.write([finished])
    store.write([lost])
    assert ask(store) == [finished.id, other.id]
    found = store.get(lost.id, EVERYTHING)
    assert found is not None
    assert (found.error_type, found.seq) == (None, 3)
    assert sum(bucket.error for bucket in store.stats(Query(scope=EVERYTHING), 60).buckets) == (
        other.outcome == "error"
    )


def test_a_late_finish_in_the_same_batch_wins(store: Store) -> None:
    """The abandoned entry before it is not stored at all."""
    lost = make_entry(error_type="abandoned", status="failed", status_code=None)
    store.write([lost, make_entry(id=lost.id, status_code=204)])
    assert [entry.status_code for entry in store.search(Query(scope=EVERYTHING)).entries] == [204]


def test_a_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    """An entry that cannot be stored is reported as such, and the rest of its batch is not there."""
    with pytest.raises(StoreError) as caught:
        store.write([make_entry(), make_entry(id="no uuid")])
    assert caught.value.data_error
    assert ask(store) == []


POISON: dict[str, dict[str, Any]] = {
    "lone surrogates": {"url": "https://x/\ud800", "labels": {"a\udfff": "\ud800"}, "errors": ("\udc80",)},
    "NUL": {"url": "https://x/\x00", "method": "\x00", "tenant": "a\x00b", "labels": {"\x00": "\x00"}},
    "huge integers": {"status_code": 2**70, "attempt": 2**64, "variables": {"n": 2**200, "m": [-(2**90)]}},
    "no numbers": {"duration": float("nan"), "first_byte": float("inf")},
    "a long URL": {"url": "https://x/" + "a" * 20_000},
    "huge headers": {"request": Message(raw_headers=((b"x" * 70_000, b"\xff" * 70_000),) * 3, size=1)},
    "extreme times": {"started_at": make_entry().started_at.replace(year=1), "duration": 1e9},
    "no time zone": {"started_at": make_entry().started_at.replace(tzinfo=None)},
    "odd variables": {"variables": {"o": object(), "s": "\ud800", "t": (1, {"\ud800"})}},
}


@pytest.mark.parametrize("poison", POISON)
def test_poison_is_stored(store: Store, poison: str) -> None:
    """An entry is never lost for odd data in it, nor are its neighbours."""
    entry = make_entry(body_size=10, **POISON[poison])
    store.write([before := make_entry(), entry, after := make_entry()])
    assert ask(store, ("order", "asc")) == [before.id, entry.id, after.id]
    found = store.get(entry.id, EVERYTHING)
    assert found is not None
    assert found.integration == entry.integration


def test_poison_in_flight_is_stored(store: Store) -> None:
    """The same holds for calls that have not ended."""
    store.write([], in_flight=[make_in_flight(url="\ud800", attempt=2**65)])
    assert len(store.search(Query(scope=EVERYTHING)).in_flight) == 1


# --- in flight ----------------------------------------------------------------------------------------


def test_a_call_in_flight_is_shown_apart(store: Store) -> None:
    """It is on the first page of a descending list, updated by its process, and gone when it has ended."""
    begun = make_in_flight(method="PUT")
    store.write([make_entry()], in_flight=[begun])
    store.write(
        [], in_flight=[later := msgspec.structs.replace(begun, entry=msgspec.structs.replace(begun.entry, url="/2"))]
    )
    page = store.search(Query(scope=EVERYTHING))
    assert page.in_flight == (without_payload(later.entry),)
    assert len(page.entries) == 1
    assert store.get(begun.entry.id, EVERYTHING) == later.entry
    assert store.search(Query(scope=EVERYTHING, cursor=9)).in_flight == ()
    assert store.search(Query(scope=EVERYTHING, order="asc")).in_flight == ()
    assert store.search(Query.parse([("method", "GET")], EVERYTHING)).in_flight == ()
    store.write([make_entry(id=begun.entry.id)])
    assert store.search(Query(scope=EVERYTHING)).in_flight == ()


def test_a_call_that_has_ended_is_not_in_flight_again(store: Store) -> None:
    """A report that comes late, or with the end in one batch, is passed over."""
    begun = make_in_flight()
    store.write([make_entry(id=begun.entry.id)], in_flight=[begun])
    store.write([], in_flight=[begun])
    assert store.search(Query(scope=EVERYTHING)).in_flight == ()


def test_a_call_may_end_without_an_entry(store: Store) -> None:
    """What was left out of the log, or lost, is not under way for ever; others stay, and none need be there."""
    over, other = make_in_flight("a"), make_in_flight("a")
    store.write([], in_flight=[over, other])
    store.write([], ended=[over.entry.id, make_entry().id])
    assert [entry.id for entry in store.search(Query(scope=EVERYTHING)).in_flight] == [other.entry.id]
    assert store.get(over.entry.id, EVERYTHING) is None


def test_the_newest_call_in_flight_comes_first(store: Store) -> None:
    """Calls in flight are ordered by when they began."""
    start = make_entry().started_at
    begun = [make_in_flight(started_at=start + timedelta(seconds=second)) for second in (3, 1, 2)]
    store.write([], in_flight=begun)
    found = [(entry.started_at - start).seconds for entry in store.search(Query(scope=EVERYTHING)).in_flight]
    assert found == [3, 2, 1]


def test_what_a_process_left_behind_is_abandoned(store: Store) -> None:
    """Calls in flight of processes that have gone become failed entries; those of others stay."""
    mine, other = make_in_flight("a"), make_in_flight("b")
    store.write([], in_flight=[mine, other, make_in_flight("b")])
    assert store.owners() == ["a", "b"]
    assert store.close_abandoned(["a", "c"]) == 1
    assert store.owners() == ["b"]
    assert store.close_abandoned(["a"]) == 0
    page = store.search(Query(scope=EVERYTHING))
    assert other.entry.id in [entry.id for entry in page.in_flight]
    [lost] = page.entries
    assert (lost.id, lost.status, lost.error_type, lost.has_errors) == (mine.entry.id, "failed", "abandoned", True)


# --- pages --------------------------------------------------------------------------------------------


def test_pages_follow_each_other(store: Store) -> None:
    """Every entry is on exactly one page, the newest first."""
    ids = [entry.id for entry in write(store, 25)]
    seen: list[str] = []
    cursor: int | None = None
    while True:
        page = store.search(Query(scope=EVERYTHING, limit=10, cursor=cursor))
        seen += [entry.id for entry in page.entries]
        cursor = page.next_cursor
        assert page.has_more == (cursor is not None)
        if cursor is None:
            break
    assert seen == ids[::-1]


def test_a_full_last_page_says_that_it_is_the_last(store: Store) -> None:
    """There is no empty page at the end."""
    write(store, 10)
    page = store.search(Query(scope=EVERYTHING, limit=10))
    assert (len(page.entries), page.next_cursor, page.has_more) == (10, None, False)


def test_a_follower_sees_each_entry_once(store: Store) -> None:
    """In ascending order there is always a cursor to go on from, also where nothing matched."""
    follower = Query.parse([("method", "PUT"), ("order", "asc"), ("limit", "2")], EVERYTHING)
    assert store.search(follower).next_cursor == 0
    write(store, 3, method="GET")
    page = store.search(follower)
    assert (page.entries, page.next_cursor, page.has_more) == ((), 3, False)
    ids = [entry.id for entry in write(store, 3, method="PUT")]
    first = store.search(msgspec.structs.replace(follower, cursor=page.next_cursor))
    assert ([entry.id for entry in first.entries], first.next_cursor, first.has_more) == (ids[:2], 5, True)
    second = store.search(msgspec.structs.replace(follower, cursor=first.next_cursor))
    assert ([entry.id for entry in second.entries], second.next_cursor, second.has_more) == (ids[2:], 6, False)
    third = store.search(msgspec.structs.replace(follower, cursor=second.next_cursor))
    assert (third.entries, third.next_cursor, third.has_more) == ((), 6, False)


def test_a_follower_beyond_the_end_is_led_back(store: Store) -> None:
    """Where a store was begun anew, the next cursor lies below the one that was given: so a follower can tell."""
    store.write([make_entry(body_size=0) for _ in range(3)])
    page = store.search(Query(scope=EVERYTHING, order="asc", cursor=10))
    assert (page.entries, page.next_cursor, page.has_more) == ((), 3, False)


def test_streams_yield_whole_entries(store: Store) -> None:
    """A stream has every match with its payload, in order, from the cursor on, and no limit."""
    entries = write(store, 260)
    found = [*store.stream(Query(scope=EVERYTHING, order="asc", limit=1, cursor=10))]
    assert found == [msgspec.structs.replace(entry, seq=seq) for seq, entry in enumerate(entries, 1)][10:]
    assert [entry.seq for entry in store.stream(Query(scope=EVERYTHING))] == [*range(260, 0, -1)]


def test_batches_yield_the_same_some_at_a_time(store: Store) -> None:
    """Whole, as lists have them, or as columns; none is left out where one batch ends and the next begins."""
    write(store, 2100)
    for query in (Query(scope=EVERYTHING, order="asc", cursor=10), Query(scope=EVERYTHING, limit=1)):
        expected = [*store.stream(query)]
        assert [entry for batch in store.batches(query) for entry in batch] == expected
        listed = [entry for batch in store.batches(query, whole=False) for entry in batch]
        assert listed == [without_payload(entry) for entry in expected]
        columns = [row for batch in store.columns(query, ["id", "seq"]) for row in zip(*batch, strict=True)]
        assert columns == [(entry.id, entry.seq) for entry in expected]


def test_what_is_written_and_erased_meanwhile_confuses_no_stream(store: Store) -> None:
    """Nothing is held open between two batches: others write, and a stream may stop after any."""
    write(store, 1500)
    batches = store.batches(Query(scope=EVERYTHING, order="asc"))
    found = [*next(batches)]
    store.erase(Query.parse([("cursor", "5"), ("kind", "inbound")], EVERYTHING))
    write(store, 3)
    for batch in batches:
        found += batch
    seqs = [entry.seq or 0 for entry in found]
    assert seqs == sorted({*seqs})
    unfinished = store.batches(Query(scope=EVERYTHING))
    next(unfinished)
    write(store, 1)
    unfinished.close()  # type: ignore[attr-defined]


# --- scopes -------------------------------------------------------------------------------------------


def test_nothing_outside_a_scope_is_seen(store: Store) -> None:
    """Tenants and applications of others, and entries without one, do not exist for a limited reader."""
    mine, *others = (
        make_entry(tenant=tenant, application=application, status_code=200)
        for tenant, application in (("a", "x"), ("b", "x"), (None, "x"), ("a", "y"), ("a", None))
    )
    begun = make_in_flight(tenant="b", application="x")
    store.write([mine, *others], in_flight=[begun])
    scope = Scope(tenants=frozenset({"a"}), applications=frozenset({"x", "z"}))
    query = Query(scope=scope)
    assert ask(store, scope=scope) == [mine.id]
    assert [entry.id for entry in store.stream(query)] == [mine.id]
    assert store.search(query).in_flight == ()
    assert store.facets(query, ["tenant"]).counts == {"tenant": {"a": 1}}
    assert sum(bucket.success for bucket in store.stats(query, 60).buckets) == 1
    assert store.get(mine.id, scope) is not None
    assert [store.get(entry.id, scope) for entry in (*others, begun.entry)] == [None] * 5
    assert store.erase(query).entries == 1
    assert len(ask(store)) == 4


def test_an_empty_scope_sees_nothing(store: Store) -> None:
    """No tenant is not every tenant."""
    write(store, 3)
    assert ask(store, scope=Scope(tenants=frozenset(), applications=ALL)) == []


def test_audit_entries_are_shown_to_those_who_ask_and_may(store: Store) -> None:
    """They are in no ordinary list, count or erasure."""
    write(store, 2, status_code=200)
    [audit] = write(store, 1, kind="audit")
    assert len(ask(store)) == 2
    assert ask(store, ("kind", "audit")) == [audit.id]
    assert len(ask(store, ("kind", "audit"), ("kind", "inbound"))) == 3
    assert ask(store, ("kind", "audit"), scope=Scope(tenants=ALL, applications=ALL)) == []
    assert store.get(audit.id, Scope(tenants=ALL, applications=ALL)) is None
    assert sum(b.success + b.error for b in store.stats(Query(scope=EVERYTHING), 60).buckets) == 2
    assert store.erase(Query(scope=EVERYTHING)).entries == 2
    assert ask(store, ("kind", "audit")) == [audit.id]


@pytest.mark.parametrize(
    "id", ["", "x", "0199c0de", "0199c0de-0000-7000-8000-00000000000g", "0199c0de-0000-7000-8000-000000000000"]
)
def test_an_unknown_id_is_none(store: Store, id: str) -> None:
    """Whatever is asked for, ``get`` does not raise."""
    write(store)
    assert store.get(id, EVERYTHING) is None
