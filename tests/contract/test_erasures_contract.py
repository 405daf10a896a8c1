"""What somebody has had erased stays erased, and nothing else goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration_logger.entry import Entry, InFlight
from integration_logger.errors import QueryError, ScopeError
from integration_logger.ids import new_id
from integration_logger.query import ALL, EVERYTHING, Query, Scope
from integration_logger.stores import erasures
from integration_logger.stores.base import Store
from integration_logger.stores.erasures import erase, read_erasure, repeat_erasures
from integration_logger.stores.integration_health import observe_entries, read_records
from tests.factories import make_entry

MINE = Scope(tenants=frozenset(["1"]), applications=ALL)


def new_entry(**fields: Any) -> Entry:
    return make_entry(**{"started_at": datetime.now(UTC), "expires_at": None} | fields)


def write(store: Store, number: int, **fields: Any) -> list[Entry]:
    store.write(entries := [new_entry(**fields) for _ in range(number)])
    return entries


def ids(store: Store, *pairs: tuple[str, str]) -> set[str]:
    return {entry.id for entry in store.stream(Query.parse(pairs, EVERYTHING))}


def of_user(user: str, scope: Scope = EVERYTHING) -> Query:
    return read_erasure({"user_id": user}, scope)


def test_a_dry_run_counts_what_would_go(store: Store) -> None:
    """Entries, bodies, and calls in flight; nothing of it goes, and nothing is remembered."""
    write(store, 3, user_id="42")
    write(store, 2, user_id="7")
    store.write([], in_flight=[InFlight(owner=new_id(), entry=new_entry(user_id="42", status="processing"))])
    before = ids(store)
    announced = erase(store, of_user("42"), dry_run=True)
    assert (announced.entries, announced.bodies) == (4, 3)
    assert announced.bytes_before == announced.bytes_after > 0
    assert ids(store) == before
    assert store.state.list("erasure/") == {}
    done = erase(store, of_user("42"))
    assert (done.entries, done.bodies) == (4, 3)


def test_no_audit_entry_is_erased(store: Store) -> None:
    """Not by its user, not by its kind, and not by who may read it."""
    [audit] = write(store, 1, kind="audit", user_id="42")
    write(store, 1, user_id="42")
    assert erase(store, of_user("42")).entries == 1
    assert store.erase(Query.parse([("kind", "audit")], EVERYTHING)).entries == 0
    assert store.erase(Query.parse([("kind", "audit"), ("kind", "inbound")], EVERYTHING)).entries == 0
    assert ids(store, ("kind", "audit")) == {audit.id}


def test_only_the_scope_is_erased(store: Store) -> None:
    """A reader of one tenant takes nothing of another, whatever the filters say."""
    write(store, 2, user_id="42", tenant="1")
    others = write(store, 2, user_id="42", tenant="2") + write(store, 1, user_id="42", tenant=None)
    assert erase(store, of_user("42", MINE)).entries == 2
    late = write(store, 1, user_id="42", tenant="2", started_at=datetime.now(UTC) - timedelta(hours=1))
    write(store, 1, user_id="42", tenant="1", started_at=datetime.now(UTC) - timedelta(hours=1))
    assert repeat_erasures(store) == 1
    assert ids(store) == {entry.id for entry in others + late}
    with pytest.raises(ScopeError):
        read_erasure({"tenant": "2"}, MINE)


def test_what_arrives_late_is_erased_too(store: Store) -> None:
    """An entry that waited in a spool, and one whose call was under way; what begins later stays."""
    begun = new_entry(user_id="42", status="processing")
    store.write([], in_flight=[InFlight(owner=new_id(), entry=begun)])
    assert erase(store, of_user("42")).entries == 1
    store.write([new_entry(user_id="42", id=begun.id, started_at=begun.started_at)])
    other = write(store, 1, user_id="7", started_at=begun.started_at)
    later = write(store, 1, user_id="42", started_at=datetime.now(UTC) + timedelta(seconds=5))
    assert repeat_erasures(store) == 1
    assert repeat_erasures(store) == 0
    assert ids(store) == {entry.id for entry in other + later}
    write(store, 1, user_id="42", started_at=begun.started_at - timedelta(days=1))
    assert repeat_erasures(store) == 1


def test_an_erasure_is_forgotten_after_some_days(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its filters name a person; they are not kept longer than late entries are waited for."""
    erase(store, of_user("42"))
    assert len(store.state.list("erasure/")) == 1
    monkeypatch.setattr(erasures, "REMEMBERED", timedelta(0))
    assert repeat_erasures(store) == 0
    assert store.state.list("erasure/") == {}


def test_an_older_erasure_is_repeated_less_often(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is due after a part of its age, so that thousands of them are no burden."""
    erase(store, of_user("42"))
    monkeypatch.setattr(erasures, "AGAIN", 1e-9)
    write(store, 1, user_id="42", started_at=datetime.now(UTC) - timedelta(days=1))
    assert repeat_erasures(store) == 0
    monkeypatch.setattr(erasures, "AGAIN", 50)
    assert repeat_erasures(store) == 1


def test_an_erasure_that_was_broken_off_is_finished(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is remembered before anything is deleted."""
    write(store, 2, user_id="42")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "erase", die)
        with pytest.raises(KeyboardInterrupt):
            erase(store, of_user("42"))
    assert len(ids(store)) == 2
    assert repeat_erasures(store) == 2


def test_what_is_below_is_not_looked_at_again(store: Store) -> None:
    """``above`` bounds an erasure by ``seq``."""
    first = write(store, 1500, user_id="42")
    boundary = store.info().newest_seq
    write(store, 3, user_id="42")
    assert store.erase(of_user("42"), above=boundary).entries == 3
    assert ids(store) == {entry.id for entry in first}


@pytest.mark.parametrize(
    "filters",
    [
        {}, {"user_id": ""}, {"user_id": "  "}, {"user_id": None}, {"user_id": []}, {"user_id": ["42", ""]},
        {"tenant": "1", "user_id": ""}, {"q": ""}, {"q": 'tenant:1 user_id:""'}, {"not.tenant": "1"},
        {"since": "2026-01-01"}, {"till": datetime(2026, 1, 1, tzinfo=UTC)}, {"q": "-word"}, {"user_id": {"a": 1}},
        {"user_id": b"42"}, {"limit": "1", "user_id": "42"}, {"cursor": 1, "user_id": "42"}, {"usr_id": "42"},
        {"kind": "audit"}, {"kind": ["audit", "inbound"]}, {"user_id": "\ud800"}, {"status_code": "abc"},
        {"not.user_id": "42", "since": "2026-01-01"},
    ],
    ids=repr,
)  # fmt: skip
def test_what_could_mean_more_than_was_meant_is_refused(filters: dict[str, Any]) -> None:
    """No filter, an empty value, filters that only leave out: nothing is erased by mistake."""
    with pytest.raises(QueryError):
        read_erasure(filters, EVERYTHING)


def test_filters_take_values_as_programs_have_them(store: Store) -> None:
    """Numbers, truth values, times and lists; the same filter several times means or."""
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    wanted = [
        *write(store, 1, user_id="42", status_code=500, started_at=moment),
        *write(store, 1, user_id="43", status_code=500, started_at=moment),
    ]
    write(store, 1, user_id="42", status_code=500)
    query = read_erasure(
        {"user_id": [42, "43"], "status_code": 500, "has_errors": True, "till": moment + timedelta(days=1)}, EVERYTHING
    )
    assert store.erase(query, dry_run=True).entries == len(wanted)


def test_what_arrives_late_does_not_bring_a_tenant_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted of late entries goes with them; what is known of a tenant's later calls stays."""
    monkeypatch.setattr(erasures, "AGAIN", 1e9)
    ended = {"tenant": "1", "kind": "outbound", "duration": 0.1}
    write(store, 1, integration="stripe", **ended)
    assert erase(store, read_erasure({"tenant": "1"}, EVERYTHING)).entries == 1
    late = write(store, 2, integration="stripe", started_at=datetime.now(UTC) - timedelta(hours=1), **ended)
    observe_entries(store.state, [*store.stream(Query(scope=EVERYTHING, order="asc"))])
    assert repeat_erasures(store) == len(late)
    assert store.state.list("integrations/") == {}
    write(store, 1, integration="stripe", started_at=datetime.now(UTC) - timedelta(hours=1), **ended)
    write(store, 1, integration="github", **ended)
    observe_entries(store.state, [*store.stream(Query(scope=EVERYTHING, order="asc"))])
    assert repeat_erasures(store) == 1
    assert [record.integration for _, record in read_records(store.state, EVERYTHING)] == ["github"]
