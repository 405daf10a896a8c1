"""Queries: two spellings that say the same, hostile text, and a scope that nothing gets around."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_logger.entry import KINDS, STATUSES
from integration_logger.errors import QueryError, ScopeError
from integration_logger.filters import FILTERS, TEXT_FIELDS, Condition, field_values
from integration_logger.query import ALL, EVERYTHING, MAX_LIMIT, Query, Scope, searchable_text
from integration_logger.query_text import quote_term, split_terms
from tests.factories import make_entry

OURS = Scope(tenants=frozenset(["1", "2"]), applications=ALL)

texts = st.text(min_size=1, max_size=20)
values = {
    "kind": st.sampled_from(KINDS),
    "status": st.sampled_from(STATUSES),
    "outcome": st.sampled_from(["success", "error"]),
    "has_errors": st.sampled_from(["true", "false"]),
    "status_code": st.sampled_from(["none", "200", "404", "5xx", "1xx"]),
    "min_duration": st.sampled_from(["0", "1", "1.5", "0.000000001"]),
    "max_duration": st.sampled_from(["0", "10", "99.25"]),
} | dict.fromkeys(TEXT_FIELDS, texts)
label_names = st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp", "Cs"]), min_size=1, max_size=10)
fields = st.one_of(st.sampled_from(FILTERS), label_names.map(lambda name: f"label.{name}"))


@st.composite
def conditions(draw: Any) -> Condition:
    field = draw(fields)
    of_field = values.get(field, texts)
    return Condition(field, tuple(draw(st.lists(of_field, min_size=1, max_size=3))), draw(st.booleans()))


moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
queries = st.builds(
    Query,
    scope=st.just(EVERYTHING),
    conditions=st.lists(conditions(), max_size=4, unique_by=lambda c: (c.field, c.negated)).map(tuple),
    text=st.lists(texts, max_size=3).map(tuple),
    not_text=st.lists(texts, max_size=3).map(tuple),
    since=st.one_of(st.none(), moments),
)
anything = st.text(max_size=30)
names = st.one_of(
    st.sampled_from(["q", "since", "till", "limit", "cursor", "order", *FILTERS, "label.a"]), anything
).flatmap(lambda name: st.sampled_from([name, f"not.{name}"]))
box = st.one_of(
    anything,
    st.text(alphabet='ab:."\\ -_<>=0159msx', max_size=40),
    st.sampled_from(["status:5xx", "duration:>1s", "-kind:run", 'label.a:"b c"', "since:2026-01-01", "tenant:3"]),
)


def read(params: list[tuple[str, str]], scope: Scope) -> Query | None:
    try:
        return Query.parse(params, scope)
    except QueryError:
        return None


@given(queries)
def test_parameters_say_all_of_a_query(query: Query) -> None:
    """What ``params`` returns is read back as the same query."""
    assert Query.parse(query.params(), EVERYTHING) == query


@given(st.lists(st.tuples(names, st.one_of(anything, box)), max_size=5))
def test_hostile_parameters_are_read_or_refused(params: list[tuple[str, str]]) -> None:
    """Nothing but QueryError is ever raised, and what was read says itself again."""
    query = read(params, EVERYTHING)
    if query is not None:
        again = Query.parse(query.params(), EVERYTHING)
        assert (again.conditions, again.text, again.not_text) == (query.conditions, query.text, query.not_text)
        query.matches(make_entry(body_size=0))


@given(box)
def test_the_search_box_takes_any_text(text: str) -> None:
    """Whatever is typed is words and filters, or is refused naming the filter."""
    split_terms(text)
    query = read([("q", text)], OURS)
    if query is not None:
        assert not any(c.field == "tenant" and not c.negated for c in query.conditions if "3" in c.values)


@given(texts)
def test_a_quoted_word_is_one_word(word: str) -> None:
    """A word is found in the text exactly as it was quoted."""
    assert split_terms(f"first {quote_term(word)} -{quote_term(word)}") == [
        (False, None, "first"),
        (False, None, word),
        (True, None, word),
    ]


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("status:5xx", [("status_code", "5xx")]),
        ("code:404 -method:GET", [("status_code", "404"), ("not.method", "GET")]),
        ("status:failed status:error", [("status", "failed"), ("outcome", "error")]),
        ("duration:>1s", [("min_duration", "1")]),
        ("duration:<=250ms duration:>0.5m", [("max_duration", "0.25"), ("min_duration", "30")]),
        ('label.source_name:"My bot" user:7', [("label.source_name", "My bot"), ("user_id", "7")]),
        ('"needs text" -"not this" word', [("q", '"needs text" word -"not this"')]),
        ("http://shop.example.com/x", [("q", '"http://shop.example.com/x"')]),
        ("unknown:5", [("q", '"unknown:5"')]),
        ("since:2026-11-21T08:30:00Z", [("since", "2026-11-21T08:30:00Z")]),
        ("", []),
        ('""', []),
        ('a "b', [("q", 'a "\\"b"')]),
    ],
)
def test_the_search_box_and_parameters_say_the_same(text: str, params: list[tuple[str, str]]) -> None:
    """Each filter in words is one in parameters."""
    assert Query.parse([("q", text)], EVERYTHING).params() == params


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ([("colour", "red")], "colour"),
        ([("not.colour", "red")], "not.colour"),
        ([("label.", "x")], "label."),
        ([("status_code", "50")], "status_code"),
        ([("status_code", "5x")], "status_code"),
        ([("min_duration", "long")], "min_duration"),
        ([("min_duration", "-1")], "min_duration"),
        ([("kind", "email")], "kind"),
        ([("has_errors", "yes")], "has_errors"),
        ([("limit", "0")], "limit"),
        ([("limit", str(MAX_LIMIT + 1))], "limit"),
        ([("limit", "5"), ("limit", "5")], "limit"),
        ([("cursor", "-1")], "cursor"),
        ([("cursor", str(2**63))], "cursor"),
        ([("order", "up")], "order"),
        ([("since", "yesterday")], "since"),
        ([("since", "0001-01-01T00:00:00+14:00")], "since"),
        ([("since", "2026-02-01"), ("till", "2026-01-01")], "till"),
        ([("q", "duration:1s")], "duration"),
        ([("q", "-since:2026-01-01")], "not.since"),
        ([("q", "status:7")], "status_code"),
        ([("q", "x" * 1001)], "q"),
        ([("q", " ".join(map(str, range(101))))], "q"),
        ([("tenant", "x" * 1001)], "tenant"),
        ([(f"label.x{i}", "1") for i in range(101)], "label.x100"),
    ],
)
def test_a_wrong_filter_is_refused_by_name(params: list[tuple[str, str]], field: str) -> None:
    """QueryError names the parameter, so that a reader of the API knows what to change."""
    with pytest.raises(QueryError) as caught:
        Query.parse(params, EVERYTHING)
    assert caught.value.field == field


@pytest.mark.parametrize("params", [[("tenant", "3")], [("tenant", "1"), ("tenant", "3")], [("q", "tenant:3")]])
def test_a_foreign_tenant_is_refused(params: list[tuple[str, str]]) -> None:
    """Who asks for a tenant outside of the scope is told so, by parameter and by search box."""
    with pytest.raises(ScopeError):
        Query.parse(params, OURS)


@given(
    tenant=st.sampled_from([None, "1", "2", "3", ""]),
    application=st.sampled_from([None, "shop", "bot"]),
    kind=st.sampled_from(KINDS),
    audit=st.booleans(),
    params=st.lists(
        st.tuples(st.sampled_from(["not.tenant", "tenant", "q", "not.kind"]), st.sampled_from(["1", "run"]))
    ),
)
def test_no_filter_widens_the_scope(
    tenant: str | None, application: str | None, kind: Any, audit: bool, params: list[tuple[str, str]]
) -> None:
    """Whatever is asked for, only entries of the scope answer; those without a tenant lie outside of it."""
    scope = Scope(tenants=frozenset(["1", "2"]), applications=frozenset(["shop"]), audit=audit)
    query = read(params, scope)
    if query is not None and query.matches(make_entry(body_size=0, tenant=tenant, application=application, kind=kind)):
        assert tenant in ("1", "2")
        assert application == "shop"
        assert kind != "audit"


def test_audit_entries_are_shown_by_name_only() -> None:
    """Even within the scope, an audit entry answers only a query for that kind."""
    entry = make_entry(kind="audit")
    assert not Query(scope=EVERYTHING).matches(entry)
    assert Query.parse([("kind", "audit")], EVERYTHING).matches(entry)
    assert not Query.parse([("kind", "audit")], OURS).matches(entry)
    assert not Query.parse([("not.kind", "audit")], EVERYTHING).matches(entry)


@given(
    field=st.sampled_from([*FILTERS[:4], "status_code", *TEXT_FIELDS, "label.environment"]),
    code=st.sampled_from([None, 200, 503]),
)
def test_the_values_of_a_facet_find_their_entry(field: str, code: int | None) -> None:
    """What a facet counts is a filter that finds the entry, and, negated, leaves it out."""
    entry = make_entry(body_size=0, status_code=code)
    for value in field_values(entry, field):
        assert Query.parse([(field, value)], EVERYTHING).matches(entry)
        assert not Query.parse([(f"not.{field}", value)], EVERYTHING).matches(entry)


def test_words_are_found_whatever_their_case() -> None:
    """Free words are looked for in address, operation, errors and labels, and not in bodies."""
    entry = make_entry(
        url="https://shop.example.com/Orders?x=1", errors=("Payment REFUSED",), labels={"bot": ["Ana", "Bo"]}
    )
    for word in ("orders", "refused", "ANA", "bo", entry.id):
        assert Query.parse([("q", word)], EVERYTHING).matches(entry)
        assert not Query.parse([("q", f"-{word}")], EVERYTHING).matches(entry)
    assert "currency" not in searchable_text(entry)


def test_all_is_one_object() -> None:
    """``ALL`` is the same everywhere, and holds everything."""
    assert type(ALL)() is ALL
    assert repr(ALL) == "ALL"
    assert None in ALL
