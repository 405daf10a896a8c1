"""What every store must count, and what it must forget."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from integration_logger.entry import Entry
from integration_logger.query import EVERYTHING, Query
from integration_logger.retention import Retention, Rule
from integration_logger.stores.base import Store
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
    assert purged.bytes_after < purged.bytes_before
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
