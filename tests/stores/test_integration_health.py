"""What is counted of integrations, over which calls, and who may see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from integration_logger.query import ALL, Scope
from integration_logger.stores import integration_health
from integration_logger.stores.erasures import erase, read_erasure
from integration_logger.stores.integration_health import (
    FORGET_AFTER,
    MOST_DURATIONS,
    MOST_FAILURES,
    MOST_IN_ROW,
    PREFIX,
    Standing,
    forget,
    observe_entries,
    standings,
)
from integration_logger.stores.memory import MemoryStore
from tests.standings import call, count

EVERYBODY = Scope(tenants=ALL, applications=ALL)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def seen(store: MemoryStore, tenants: Any = ALL, applications: Any = ALL) -> list[Standing]:
    return standings(store.state, Scope(tenants=tenants, applications=applications), datetime.now(UTC))


def test_counts_by_tenant_and_integration(store: MemoryStore) -> None:
    """Successes, errors, failures in a row, the last of each, and how long calls take."""
    entries = [call(code, duration=0.1 * n, ago=60 - n) for n, code in enumerate((500, 200, 200, 500, 503), 1)]
    count(store, [*entries, call(integration="github"), call(tenant="else")])
    (stripe, *others) = seen(store)
    assert (stripe.integration, stripe.tenant, stripe.successes, stripe.errors) == ("stripe", "acme", 2, 3)
    assert (stripe.failures_in_a_row, stripe.success_rate) == (2, 0.4)
    assert (stripe.last_error_id, stripe.last_good_at) == (entries[4].id, entries[2].ended_at)
    assert (stripe.p50, stripe.p95) == (pytest.approx(0.3), pytest.approx(0.5))
    assert {(o.integration, o.tenant) for o in others} == {("github", "acme"), ("stripe", "else")}


@pytest.mark.parametrize(
    "fields",
    [
        {"integration": None}, {"error_type": "cancelled", "code": None}, {"error_type": "disconnect", "code": None},
        {"error_type": "abandoned", "code": None}, {"kind": "audit"}, {"kind": "inbound", "code": 401},
        {"integration": "x" * 201},
    ],
    ids=str,
)  # fmt: skip
def test_what_says_nothing_of_an_integration_is_not_counted(store: MemoryStore, fields: dict[str, Any]) -> None:
    """Our own side that left, strangers who were refused, what has no name, and names that are data."""
    count(store, [call(fields.get("code", 200), **{n: v for n, v in fields.items() if n != "code"})])
    assert seen(store) == []


@pytest.mark.parametrize(("kind", "code"), [("inbound", 200), ("inbound", 500), ("call", 200), ("run", 200)])
def test_every_other_kind_is_counted(store: MemoryStore, kind: str, code: int) -> None:
    """Webhooks that we took or could not take, calls that are not HTTP, and runs."""
    count(store, [call(code, kind=kind)])
    assert len(seen(store)) == 1


def test_nothing_is_counted_twice(store: MemoryStore) -> None:
    """What is seen again, by the next process or after a failure half-way, changes nothing."""
    entries = [call(500, tenant=str(n % 3)) for n in range(30)]
    count(store, entries)
    before = store.state.list(PREFIX)
    count(store, [])
    assert store.state.list(PREFIX) == before
    assert sum(standing.errors for standing in seen(store)) == 30


def test_a_reader_sees_figures_over_the_own_calls_only(store: MemoryStore) -> None:
    """Limited to tenants or applications, nothing of others is in any figure; without a name it is nobody's."""
    count(
        store,
        [
            call(500, tenant="acme", application="shop"),
            call(200, tenant="acme", application="bot"),
            call(500, tenant="other", application="shop"),
            call(500, tenant=None, application="shop"),
            call(500, tenant="acme", application=None),
        ],
    )
    assert [(s.tenant, s.successes, s.errors) for s in seen(store, frozenset({"acme"}))] == [("acme", 1, 2)]
    assert [(s.tenant, s.successes, s.errors) for s in seen(store, frozenset({"acme"}), frozenset({"bot"}))] == [
        ("acme", 1, 0)
    ]
    assert sorted((s.tenant or "", s.errors) for s in seen(store, ALL, frozenset({"shop"}))) == [
        ("", 1), ("acme", 1), ("other", 1)
    ]  # fmt: skip
    assert seen(store, frozenset({"stranger"})) == seen(store, frozenset()) == []
    assert sum(s.errors for s in seen(store)) == 4


def test_a_limited_reader_reads_no_row_of_others(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tenant is in the question, not only in what is left of the answer."""
    count(store, [call(tenant="acme"), call(tenant="other")])
    monkeypatch.setattr(store.state, "list", None)
    assert len(seen(store, frozenset({"acme"}))) == 1


def test_failures_in_a_row_are_those_since_the_last_success_of_any_application(store: MemoryStore) -> None:
    """A success of one application ends what has failed before it in another one."""
    count(store, [*(call(500, application="a", ago=90) for _ in range(3)), call(200, application="b", ago=80)])
    assert seen(store)[0].failures_in_a_row == 0
    count(store, [call(500, application="a", ago=70), call(500, application="c", ago=60)])
    assert seen(store)[0].failures_in_a_row == 2
    count(store, [call(500, application="a", ago=50) for _ in range(3 * MOST_FAILURES)])
    assert seen(store)[0].failures_in_a_row >= MOST_FAILURES
    assert seen(store, applications=frozenset({"a"}))[0].failures_in_a_row == 3 * MOST_FAILURES + 4


def test_hours_go_and_what_is_old_is_forgotten(store: MemoryStore) -> None:
    """Figures are of 24 hours; after 30 days nothing is left, neither to be seen nor in the store."""
    count(
        store, [call(500, ago=25 * 3600), call(200, ago=23 * 3600), call(200, ago=60), call(tenant="x", ago=29 * 86400)]
    )
    found = {standing.tenant: standing for standing in seen(store)}
    assert (found["acme"].successes, found["acme"].errors, len(found["acme"].hours)) == (2, 0, 2)
    assert (found["x"].successes, found["x"].success_rate) == (0, None)
    forget(store.state, datetime.now(UTC) + timedelta(days=2))
    assert {standing.tenant for standing in seen(store)} == {"acme"}
    forget(store.state, datetime.now(UTC) + FORGET_AFTER)
    assert store.state.list(PREFIX) == {}


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"tenant": "acme"}, ["other"]), ({"tenant": ["acme", "other"]}, []),
        ({"tenant": "nobody"}, ["acme", "other"]),
        ({"tenant": "acme", "user_id": "7"}, ["acme", "other"]), ({"integration": "stripe"}, ["acme", "other"]),
        ({"tenant": "acme", "till": "2020-01-01"}, ["acme", "other"]),
    ],
    ids=str,
)  # fmt: skip
def test_with_the_last_entry_of_a_tenant_its_row_is_erased(store: MemoryStore, filters: Any, left: list[str]) -> None:
    """Who has all of a tenant erased leaves no figures either; an erasure of a part leaves them."""
    count(store, [call(tenant="acme"), call(tenant="other")])
    erase(store, read_erasure(filters, EVERYBODY))
    assert sorted(standing.tenant for standing in seen(store)) == left


def test_rows_have_a_bound(store: MemoryStore) -> None:
    """Ten thousand names of one tenant, and ten thousand calls, leave a small row; those heard of last stay."""
    names = [f"name {n} \u202e\0 {'x' * 150}" for n in range(10_000)]
    entries = (call(integration=name, ago=10_000 - n) for n, name in enumerate(names))
    observe_entries(store.state, [msgspec.structs.replace(e, seq=n) for n, e in enumerate(entries, 1)])
    assert {s.integration for s in seen(store)} == {*names[-MOST_IN_ROW:]}
    store = MemoryStore()
    count(store, [call(500 if n % 2 else 200) for n in range(5_000)])
    (value,) = store.state.list(PREFIX).values()
    assert len(value) < 1000 + 10 * MOST_DURATIONS


def test_rows_of_another_version_are_passed_over(store: MemoryStore) -> None:
    """What cannot be read is begun anew, and is no error for who reads."""
    count(store, [call()])
    (key,) = store.state.list(PREFIX)
    store.state.put(key, b"\x81\xa1x")
    assert seen(store) == []
    count(store, [call()])
    assert seen(store)[0].successes == 2
    assert integration_health.PREFIX == PREFIX
