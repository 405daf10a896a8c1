"""Every store finds exactly what the reference finds, whatever is stored and whatever is asked."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_logger.entry import KINDS, Entry, Message, Run
from integration_logger.filters import FILTERS, TEXT_FIELDS, Condition
from integration_logger.ids import new_id
from integration_logger.query import ALL, EVERYTHING, Query, Scope
from integration_logger.stores import open_store
from integration_logger.stores.base import Store, without_payload
from integration_logger.stores.columns import FIELDS
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.sql import blocks
from tests.contract.conftest import STORES, fresh_url
from tests.factories import EPOCH, make_in_flight

REFERENCE = "memory"
QUERIES = {"sqlite": 25, "postgresql": 8}
"""How much is asked of one log: what goes over a connection takes its time."""

NAMES = ["a", "A", "b", "É", "é", "a%", "a_", "100%", 'q"', "x\\", "İ", "\u212ailo", "ß", "two words", "=", ""]
WORDS = [
    "a",
    "A",
    "%",
    "_",
    '"',
    "\\",
    "é",
    "i",
    "k",
    "I",
    "K",
    "ss",
    "ß",
    "host/",
    "0",
    "-",
    "x\ny",
    "q",
    "tag",
    "wor",
]
IDS = [new_id() for _ in range(6)]
DIGITS = [id.replace("-", "") for id in IDS]
MOMENTS = [EPOCH + timedelta(seconds=second, microseconds=1) for second in (-9, 0, 1, 60, 61, 3600)]
VALUES: dict[str, list[Any]] = {
    "kind": [*KINDS],
    "started_at": MOMENTS,
    "status": ["completed", "failed"],
    "parent_id": [None, *IDS],
    "status_code": [None, 100, 200, 204, 301, 404, 499, 500, 599, 999],
    "error_type": [None, "timeout", "http_5xx", "abandoned"],
    "has_errors": [True, False],
    "duration": [None, 0.0, 0.000001, 0.25, 1.0, 1.5, 60.0],
    "url": [None, *(f"https://Host/{name}" for name in NAMES)],
} | {
    field: [None, *NAMES]
    for field in ("tenant", "application", "integration", "operation", "log_type", "user_id", "method", "host", "route")
}
ASKED: dict[str, list[str]] = {
    "kind": [*KINDS],
    "status": ["processing", "completed", "failed"],
    "outcome": ["success", "error"],
    "has_errors": ["true", "false"],
    "status_code": ["none", "1xx", "2xx", "4xx", "5xx", "9xx", "200", "404", "999", "418"],
    "min_duration": ["0", "0.000001", "0.25", "0.2500001", "1", "60", "61"],
    "max_duration": ["0", "0.0000009", "0.25", "1.5", "60", "999999999"],
    "parent_id": IDS,
    "transaction_id": [*IDS, "mine"],
    "trace_id": [*DIGITS, *IDS, "0af7"],
    "error_type": ["timeout", "http_5xx", "dns"],
}


def make_log(rng: random.Random) -> list[Entry]:
    """Return entries most of which have the same value in each field: filters shall find the others, too."""
    usual = {field: rng.choice(values) for field, values in VALUES.items()}
    return [make_odd_entry(rng, usual) for _ in range(rng.randrange(60))]


def make_odd_entry(rng: random.Random, usual: dict[str, Any]) -> Entry:
    fields = {field: usual[field] if rng.random() < 0.7 else rng.choice(values) for field, values in VALUES.items()}
    id, other = new_id(), rng.choice(IDS)
    return Entry(
        id=id,
        transaction_id=rng.choice([id, id, other, "mine"]),
        trace_id=rng.choice([id.replace("-", ""), other.replace("-", ""), "0af7", None]),
        labels={name: make_label(rng) for name in NAMES if rng.random() < 0.2},
        errors=tuple(rng.choices(NAMES, k=rng.randrange(3))),
        **fields,
    )


def make_label(rng: random.Random) -> str | list[str]:
    return "a" if rng.random() < 0.6 else rng.choice(NAMES) if rng.random() < 0.7 else rng.choices(NAMES, k=2)


def make_query(rng: random.Random, log: list[Entry]) -> Query:
    """Return any query, most with one filter."""
    everything = Scope(tenants=ALL, applications=ALL, audit=rng.random() < 0.5)
    return Query(
        scope=make_scope(rng) if rng.random() < 0.3 else everything,
        conditions=tuple(make_condition(rng, log) for _ in range(rng.choice((0, 1, 1, 1, 2)))),
        text=tuple(rng.choices([*WORDS, *(entry.id[3:12] for entry in log[:3])], k=rng.choice((0, 0, 0, 1, 2)))),
        not_text=tuple(rng.choices(WORDS, k=rng.choice((0, 0, 0, 1)))),
        since=rng.choice(MOMENTS) if rng.random() < 0.2 else None,
        till=rng.choice(MOMENTS) if rng.random() < 0.2 else None,
        cursor=rng.randrange(len(log) + 3) if rng.random() < 0.4 else None,
        limit=rng.choice((1, 3, 50)),
        order=rng.choice(("desc", "asc")),
    )


def make_scope(rng: random.Random) -> Scope:
    tenants, applications = (
        ALL if rng.random() < 0.5 else frozenset(rng.choices(NAMES, k=rng.randrange(9))) for _ in range(2)
    )
    return Scope(tenants=tenants, applications=applications, audit=False)


def make_condition(rng: random.Random, log: list[Entry]) -> Condition:
    field = rng.choice([*FILTERS, f"label.{rng.choice(NAMES)}"])
    values = ASKED.get(field, NAMES)
    if log and field in ("transaction_id", "trace_id"):
        values = [*values, *(str(getattr(entry, field)) for entry in log)]
    return Condition(field, tuple(rng.choices(values, k=rng.choice((1, 1, 2, 3)))), negated=rng.random() < 0.5)


@contextmanager
def fresh(name: str) -> Iterator[Store]:
    with fresh_url(name) as url, closing(open_store(url)) as store:
        yield store


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Summaries after every fourth entry, so that a few entries are enough to try them."""
    monkeypatch.setattr(blocks, "BLOCK", 4)
    monkeypatch.setattr(blocks, "_CHUNK", 2)


seeds = st.integers(0, 2**32).map(random.Random)
other_stores = pytest.mark.parametrize("name", [name for name in STORES if name != REFERENCE])


@contextmanager
def two_stores(name: str, rng: random.Random, log: list[Entry]) -> Iterator[tuple[Store, Store]]:
    """The store and the reference, both with the same entries and calls in flight."""
    begun = [make_in_flight(method=rng.choice(NAMES)) for _ in range(rng.randrange(3))]
    reference = MemoryStore()
    with fresh(name) as store:
        for each in (store, reference):
            for start in range(0, len(log), 7):
                each.write(log[start : start + 7], in_flight=begun)
        yield store, reference


@pytest.mark.usefixtures("small_blocks")
@other_stores
@settings(max_examples=25, suppress_health_check=[*HealthCheck])
@given(rng=seeds)
def test_a_store_finds_what_the_reference_finds(name: str, rng: random.Random) -> None:
    """Pages, streams, counts and what remains after an erasure are the same, whatever is asked."""
    log = make_log(rng)
    with two_stores(name, rng, log) as (store, reference):
        for _ in range(QUERIES[name]):
            compare(store, reference, make_query(rng, log))
        erased = make_query(rng, log)
        assert store.erase(erased).entries == reference.erase(erased).entries
        for _ in range(5):
            compare(store, reference, make_query(rng, log))


def compare(store: Store, reference: Store, query: Query) -> None:
    assert store.search(query) == reference.search(query), query
    assert [*store.stream(query)] == [*reference.stream(query)], query
    listed = [entry for batch in store.batches(query, whole=False) for entry in batch]
    assert listed == [without_payload(entry) for entry in reference.stream(query)], query
    assert by_columns(store, query) == by_columns(reference, query), query
    assert store.stats(query, 60) == reference.stats(query, 60), query
    fields = ["status_code", "label.a", *TEXT_FIELDS]
    assert store.facets(query, fields) == reference.facets(query, fields), query


def by_columns(store: Store, query: Query) -> list[tuple[Any, ...]]:
    """Return the rows that all columns make."""
    return [row for batch in store.columns(query, FIELDS) for row in zip(*batch, strict=True)]


@pytest.mark.usefixtures("small_blocks")
@other_stores
@settings(max_examples=5, suppress_health_check=[*HealthCheck])
@given(rng=seeds)
def test_every_filter_finds_what_the_reference_finds(name: str, rng: random.Random) -> None:
    """The same for each value of each filter, and its negation."""
    log = make_log(rng)
    with two_stores(name, rng, log) as (store, reference):
        for field in (*FILTERS, "label.a", "label.=", 'label.q"'):
            values = ASKED.get(field, NAMES)
            for value in rng.sample(values, min(len(values), QUERIES[name])):
                for negated in (False, True):
                    query = Query(scope=EVERYTHING, conditions=(Condition(field, (value,), negated),), limit=500)
                    assert store.search(query) == reference.search(query), query


plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
messages = st.builds(
    Message,
    raw_headers=st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), min_size=1, max_size=3),
    body=st.none() | st.binary(),
    content_type=st.none() | st.text(),
    content_encoding=st.none() | st.text(),
    size=st.integers(0, 2**63 - 1),
    decoded_size=st.none() | st.integers(0, 2**63 - 1),
    truncated=st.booleans(),
    omitted=st.none() | st.sampled_from(["unread", "binary", "unparseable", "limit", "off"]),
)


fields = st.fixed_dictionaries(
    {
        "request": st.none() | messages,
        "response": st.none() | messages,
        "variables": plain,
        "traceback": st.none() | st.text(),
        "redacted": st.lists(st.text(), max_size=3).map(tuple),
        "errors": st.lists(st.text(), max_size=3).map(tuple),
        "run": st.none()
        | st.builds(
            Run,
            job_id=st.none() | st.text(),
            new_savepoint=st.dictionaries(st.text(), st.text()),
            row_count=st.integers(0, 9),
        ),
        "labels": st.dictionaries(st.text(), st.text() | st.lists(st.text()), max_size=3),
    }
)


@pytest.mark.parametrize("name", STORES)
def test_whatever_an_entry_holds_comes_back(name: str) -> None:
    """Headers, bodies, variables and the rest are read as they were written."""
    with fresh(name) as store:

        @settings(max_examples=60, suppress_health_check=[*HealthCheck])
        @given(fields=fields)
        def comes_back(fields: dict[str, Any]) -> None:
            id = new_id()
            entry = Entry(id=id, kind="script", started_at=EPOCH, status="failed", transaction_id=id, **fields)
            store.write([entry])
            found = store.get(id, EVERYTHING)
            assert found is not None
            assert found == msgspec.structs.replace(entry, seq=found.seq)

        comes_back()
