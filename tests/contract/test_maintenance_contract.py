"""What every store must count, and what it must forget."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_logger.entry import Entry, Message
from integration_logger.query import EVERYTHING, Query
from integration_logger.retention import Retention, Rule
from integration_logger.stores.base import Store, without_payload
from tests.factories import EPOCH, make_entry, make_in_flight

DAY = timedelta(days=1)


def fill(store: Store, number: int, **overrides: Any) -> list[Entry]:
    """Store entries a second apart, three batches of them."""
    rng = random.Random(number)
    entries = [
        make_entry(rng, body_size=100, **{"started_at": EPOCH + timedelta(seconds=second)} | overrides)
        for second in range(number)
    ]
    for start in range(0, number, number // 3 + 1):
        store.write(entries[start : start + number // 3 + 1])
    return entries


def keeps_space(store: Store) -> bool:
    """Tell whether the database keeps what was freed, to use it again."""
    return store.info().url.startswith("postgresql:")


def ids(store: Store, *pairs: tuple[str, str]) -> set[str]:
    return {entry.id for entry in store.stream(Query.parse(pairs, EVERYTHING))}


# --- figures ------------------------------------------------------------------------------------------


def test_stats_count_by_time(store: Store) -> None:
    """Each stretch of time has its outcomes and status classes; a filter and a part of a minute count, too."""
    for second, code in ((0, 200), (59, 404), (60, None), (61, 302), (200, 500)):
        store.write([make_entry(started_at=EPOCH + timedelta(seconds=second), status_code=code, method=f"M{code}")])
    [first, second, last] = store.stats(Query(scope=EVERYTHING), 60).buckets
    assert (first.start, first.success, first.error) == (EPOCH, 1, 1)
    assert first.status_classes == {"2xx": 1, "4xx": 1}
    assert (second.success, second.error, second.status_classes) == (1, 1, {"3xx": 1, "none": 1})
    assert (last.start, last.error) == (EPOCH + timedelta(seconds=180), 1)
    [only] = store.stats(Query.parse([("not.method", "M500")], EVERYTHING), 300).buckets
    assert (only.success, only.error) == (2, 2)
    part = Query(scope=EVERYTHING, since=EPOCH + timedelta(seconds=59), till=EPOCH + timedelta(seconds=61))
    assert [(bucket.success, bucket.error) for bucket in store.stats(part, 60).buckets] == [(0, 1), (0, 1)]
    within = Query(scope=EVERYTHING, since=EPOCH + timedelta(seconds=1), till=EPOCH + timedelta(seconds=59))
    assert store.stats(within, 60).buckets == ()


def test_stats_tell_the_spread_of_durations(store: Store) -> None:
    """Percentiles are durations that occurred, by nearest rank."""
    store.write([make_entry(duration=ms / 1000) for ms in range(1, 101)])
    stats = store.stats(Query(scope=EVERYTHING), 3600)
    assert (stats.p50, stats.p95, stats.p99) == (0.05, 0.095, 0.099)


def test_an_empty_log_has_no_figures(store: Store) -> None:
    """Nothing is counted, and nothing raises."""
    assert store.stats(Query(scope=EVERYTHING), 60).buckets == ()
    assert store.stats(Query(scope=EVERYTHING), 60).p50 is None
    assert store.facets(Query(scope=EVERYTHING), ["host"]).counts == {"host": {}}
    assert (store.info().entries, store.info().oldest, store.info().newest_seq) == (0, None, 0)


def test_facets_count_values(store: Store) -> None:
    """Values are as filters take them, the most frequent first, and finding them yields as many entries."""
    fields = ["status_code", "outcome", "has_errors", "label.tag", "integration", "user_id", "kind"]
    rng = random.Random(3)
    store.write([make_entry(rng, body_size=0, labels={"tag": ["x", rng.choice("yz")]}) for _ in range(300)])
    store.write([make_entry(rng, status_code=None)])
    facets = store.facets(Query(scope=EVERYTHING), fields)
    assert (facets.covered, facets.complete) == (301, True)
    for field in fields:
        assert [*facets.counts[field].values()] == sorted(facets.counts[field].values(), reverse=True)
        for value, count in [*facets.counts[field].items()][:5]:
            assert len(ids(store, (field, value))) == count
    assert facets.counts["label.tag"]["x"] == 300
    assert facets.counts["status_code"]["none"] == 1


def test_facets_say_what_they_cover(store: Store) -> None:
    """They look at the newest ten thousand matches and tell where there are more."""
    for _ in range(11):
        fill(store, 1000, request=None, response=None)
    facets = store.facets(Query(scope=EVERYTHING), ["host"])
    assert (facets.covered, facets.complete) == (10_000, False)


def test_info_tells_the_state(store: Store) -> None:
    """Entries, the oldest, the newest ``seq``, the version, and the size in bytes."""
    fill(store, 2500)
    info = store.info()
    assert (info.entries, info.newest_seq, info.oldest, info.version) == (2500, 2500, EPOCH, 1)
    assert info.bytes > 100_000


# --- forgetting ---------------------------------------------------------------------------------------


def test_what_has_expired_is_purged(store: Store) -> None:
    """Entries go when their time has come, to the microsecond, and are counted no more; a ``seq`` is not reused."""
    entries = fill(store, 2500, expires_at=EPOCH + DAY)
    kept = fill(store, 2000, expires_at=None) + fill(store, 10, expires_at=EPOCH + 2 * DAY)
    assert store.purge(EPOCH + DAY - timedelta(microseconds=1)).entries == 0
    purged = store.purge(EPOCH + DAY)
    assert (purged.entries, purged.bodies) == (2500, 2500)
    assert purged.bytes_after < purged.bytes_before or keeps_space(store)
    assert store.purge(EPOCH + DAY).entries == 0
    assert ids(store) == {entry.id for entry in kept}
    assert store.get(entries[0].id, EVERYTHING) is None
    assert store.info().entries == 2010
    assert sum(b.success + b.error for b in store.stats(Query(scope=EVERYTHING), 60).buckets) == 2010
    assert ids(store, ("not.kind", "call")) == {entry.id for entry in kept}
    store.write([make_entry()])
    assert store.info().newest_seq == 4511


def test_bodies_may_go_before_their_entry(store: Store) -> None:
    """Headers, bodies and variables are gone; the line of the list stays as it was."""
    fill(store, 1500, bodies_expire_at=EPOCH + DAY, expires_at=EPOCH + 2 * DAY, variables=[1])
    [other] = fill(store, 1, bodies_expire_at=EPOCH + 2 * DAY, expires_at=EPOCH + 2 * DAY)
    before = store.search(Query(scope=EVERYTHING))
    purged = store.purge(EPOCH + DAY)
    assert (purged.entries, purged.bodies) == (0, 1500)
    assert store.purge(EPOCH + DAY).bodies == 0
    assert store.search(Query(scope=EVERYTHING)) == before
    for listed in before.entries[1:]:
        assert store.get(listed.id, EVERYTHING) == listed
    found = store.get(other.id, EVERYTHING)
    assert found is not None
    assert found.request == other.request


def test_what_is_left_of_an_entry_without_bodies(store: Store) -> None:
    """Sizes, types and what was cut are still told, in lists and in the detail; headers and bodies are not."""
    [entry] = fill(store, 1, bodies_expire_at=EPOCH + DAY)
    store.purge(EPOCH + DAY)
    found = store.get(entry.id, EVERYTHING)
    assert found is not None
    assert entry.request is not None
    assert found.request == msgspec.structs.replace(entry.request, raw_headers=(), body=None)
    assert store.search(Query(scope=EVERYTHING)).entries == (found,)
    assert next(store.stream(Query(scope=EVERYTHING))) == found


@pytest.mark.parametrize("most", [1, 1200, 2499])
def test_a_store_holds_so_many_entries_at_most(store: Store, most: int) -> None:
    """The oldest go, in the order in which they were stored; audit entries neither count nor go."""
    entries = fill(store, 2500, request=None, response=None, expires_at=None)
    audits = fill(store, 3, kind="audit", expires_at=None)
    assert store.purge(EPOCH, max_rows=2500).entries == 0
    purged = store.purge(EPOCH, max_rows=most)
    assert (purged.entries, purged.excess) == (2500 - most, 2500 - most)
    assert ids(store) == {entry.id for entry in entries[-most:]}
    assert ids(store, ("kind", "audit")) == {entry.id for entry in audits}
    assert sum(b.success + b.error for b in store.stats(Query(scope=EVERYTHING), 60).buckets) == most
    assert store.purge(EPOCH, max_rows=most).entries == 0


def test_what_has_expired_makes_room_first(store: Store) -> None:
    """Older entries that are still kept stay, if the store is small enough without those that have expired."""
    kept = fill(store, 1500, expires_at=EPOCH + 2 * DAY)
    fill(store, 1500, expires_at=EPOCH)
    purged = store.purge(EPOCH + DAY, max_rows=1500)
    assert (purged.entries, purged.excess) == (1500, 0)
    fill(store, 10, expires_at=EPOCH)
    purged = store.purge(EPOCH + DAY, max_rows=1400)
    assert (purged.entries, purged.excess) == (110, 100)
    assert ids(store) == {entry.id for entry in kept[100:]}


def test_a_store_takes_so_many_bytes_at_most(store: Store) -> None:
    """The oldest go until a little less is in use; then nothing goes until the store has grown again."""
    fill(store, 2500, expires_at=None)
    most = store.info().bytes // 3 if keeps_space(store) else store.info().bytes * 2 // 3
    purged = store.purge(EPOCH, max_bytes=most)
    assert purged.entries == purged.excess
    assert 700 < purged.entries < 1100 or (keeps_space(store) and 500 < purged.entries < 2000)
    assert purged.bytes_after <= max(most, purged.bytes_before - 1) or keeps_space(store)
    assert store.purge(EPOCH, max_bytes=most).entries == 0
    assert min(entry.seq or 0 for entry in store.stream(Query(scope=EVERYTHING))) == purged.entries + 1


def test_bodies_that_expire_make_room_first(store: Store) -> None:
    """Where it is enough that bodies go, no entry does."""
    fill(store, 1500, bodies_expire_at=EPOCH, expires_at=None)
    fill(store, 1000, expires_at=None)
    purged = store.purge(EPOCH, max_bytes=store.info().bytes * 9 // 10)
    assert (purged.entries, purged.bodies) == (0, 1500)


def test_bounds_below_what_anything_takes(store: Store) -> None:
    """All ordinary entries go, the store works on, and an empty one is left alone."""
    assert store.purge(EPOCH, max_rows=1, max_bytes=1).entries == 0
    fill(store, 30, expires_at=None)
    [audit] = fill(store, 1, kind="audit", expires_at=None)
    assert store.purge(EPOCH, max_bytes=1).entries == 30
    assert ids(store, ("kind", "audit")) == {audit.id}
    assert store.purge(EPOCH, max_bytes=1).entries == 0
    fill(store, 2)
    assert store.info().newest_seq == 33


def test_entries_and_clocks_in_the_future(store: Store) -> None:
    """Entries of tomorrow wait for their date like all others; a clock that is ahead deletes what it calls past."""
    ahead = fill(store, 5, started_at=EPOCH + 3650 * DAY, expires_at=EPOCH + 3680 * DAY)
    assert store.purge(EPOCH).entries == 0
    assert store.redate(Retention("1 day")) == 5
    assert store.purge(EPOCH + 3650 * DAY).entries == 0
    assert store.purge(EPOCH, max_rows=4).entries == 1
    assert store.purge(EPOCH + 3651 * DAY).entries == len(ahead) - 1


def test_a_dry_run_deletes_nothing(store: Store) -> None:
    """Not an entry, not a body, and no space."""
    fill(store, 1100, expires_at=EPOCH)
    fill(store, 50, bodies_expire_at=EPOCH)
    before, info = [*store.stream(Query(scope=EVERYTHING))], store.info()
    purged = store.purge(EPOCH, max_rows=10, dry_run=True)
    assert (purged.entries, purged.bodies, purged.excess) == (1140, 1150, 40)
    assert purged.bytes_before == purged.bytes_after == info.bytes
    assert [*store.stream(Query(scope=EVERYTHING))] == before
    assert store.info() == info


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_dry_run_is_the_real_run(store: Store, data: st.DataObject) -> None:
    """Whatever is stored and whichever rules and bounds there are, what is announced is what goes, and what is told."""
    periods = st.sampled_from(("1 second", "2 hours", "1 day", "5 days"))
    rules = st.builds(
        lambda keep, bodies, match: Rule(keep, bodies=bodies, **match),
        periods,
        st.none() | periods,
        st.sampled_from(({}, {"integration": "stripe"}, {"outcome": "error"}, {"host": "never"}, {"status_code": 404})),
    )
    retention = Retention(data.draw(periods), rules=data.draw(st.lists(rules, max_size=3)))
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(data.draw(st.integers(0, 3))):
        number, body_size = data.draw(st.sampled_from((1, 40, 700))), data.draw(st.sampled_from((0, 100, 2000)))
        kinds = ("inbound", "inbound", "audit")
        made = [
            make_entry(
                rng,
                body_size=body_size,
                kind=rng.choice(kinds),
                started_at=EPOCH + timedelta(hours=rng.randrange(-96, 96)),
            )
            for _ in range(number)
        ]
        store.write([*map(retention.date, made)])
    rows, size = data.draw(st.none() | st.integers(1, 2500)), data.draw(st.none() | st.integers(1, 2_000_000))
    now = EPOCH + timedelta(hours=data.draw(st.integers(-200, 300)))
    before = {entry.id: entry for entry in everything(store)}
    announced = store.purge(now, max_rows=rows, max_bytes=size, dry_run=True)
    purged = store.purge(now, max_rows=rows, max_bytes=size)
    assert (announced.entries, announced.bodies, announced.excess) == (purged.entries, purged.bodies, purged.excess)
    after = {entry.id: entry for entry in everything(store)}
    assert len(before) - len(after) == purged.entries
    assert sum(entry != after.get(id) and entry.request != bare(entry) for id, entry in before.items()) == purged.bodies
    expired = {id for id, entry in before.items() if entry.expires_at and entry.expires_at <= now}
    assert not expired & after.keys()
    assert purged.excess == len(before.keys() - after.keys() - expired)
    assert all(before[id].kind != "audit" for id in before.keys() - after.keys() - expired)


def bare(entry: Entry) -> Message | None:
    return without_payload(entry).request


def everything(store: Store) -> list[Entry]:
    """Return all entries; those of the audit are found by name only."""
    return [e for kind in ("", "audit") for e in store.stream(Query.parse([("kind", kind)], EVERYTHING))]


def test_an_erasure_takes_what_matches(store: Store) -> None:
    """All matches go, calls in flight included, and nothing else."""
    fill(store, 1100, user_id="42")
    others = fill(store, 1100, user_id="43")
    mine, other = make_in_flight(user_id="42"), make_in_flight(user_id="43")
    store.write(fill(store, 5, user_id="42"), in_flight=[mine, other])
    erased = store.erase(Query.parse([("user_id", "42"), ("limit", "1"), ("cursor", "2")], EVERYTHING))
    assert erased.entries == 1106
    assert ids(store) == {entry.id for entry in others}
    assert [entry.id for entry in store.search(Query(scope=EVERYTHING)).in_flight] == [other.entry.id]
    assert ids(store, ("user_id", "42")) == set()
    assert ids(store, ("not.user_id", "43")) == set()
    assert store.erase(Query.parse([("q", "nothing-like-it")], EVERYTHING)).entries == 0


def test_changed_rules_change_expiry(store: Store) -> None:
    """Entries get the dates that the rules give them now; those that had them already do not count."""
    fill(store, 1200, integration="stripe", expires_at=None)
    fill(store, 300, integration="github", expires_at=None)
    retention = Retention("30 days", rules=[Rule("3 days", bodies="1 day", integration="stripe")])
    assert store.redate(retention) == 1500
    assert store.redate(retention) == 0
    [entry] = store.search(Query.parse([("integration", "stripe"), ("limit", "1")], EVERYTHING)).entries
    assert entry.expires_at == entry.started_at + 3 * DAY
    assert entry.bodies_expire_at == entry.started_at + DAY
    assert store.purge(EPOCH + 2 * DAY).bodies == 1200
    assert store.redate(retention) == 0
    assert store.purge(EPOCH + 4 * DAY).entries == 1200
    assert store.info().entries == 300
