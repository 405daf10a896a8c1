"""How long entries are kept: periods, rules in order, and bounds."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_logger import ConfigurationError, Retention, Rule
from integration_logger.retention import read_period, read_size
from tests.factories import make_entry

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("words", "period"),
    [
        ("30 days", 30 * DAY),
        ("1 day", DAY),
        (" 12  hours ", DAY / 2),
        ("1.5 hours", timedelta(minutes=90)),
        ("90seconds", timedelta(seconds=90)),
        ("2 weeks", 14 * DAY),
        ("1 minute", timedelta(minutes=1)),
        (timedelta(microseconds=1), timedelta(microseconds=1)),
    ],
)
def test_periods_are_words_or_timedeltas(words: Any, period: timedelta) -> None:
    """A number and a unit, as people write them."""
    assert read_period(words) == period


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "30",
        "days",
        "-1 day",
        "0 days",
        "1 month",
        "1e3 days",
        "1 day 2 hours",
        30,
        None,
        b"1 day",
        -DAY,
        timedelta(0),
    ],
)
def test_what_is_no_period_is_refused(wrong: Any) -> None:
    """The error shows a right one."""
    with pytest.raises(ConfigurationError, match="period"):
        read_period(wrong)


@given(st.text())
def test_any_text_is_a_period_or_refused(words: str) -> None:
    """Nothing but ConfigurationError is raised."""
    with suppress(ConfigurationError):
        assert read_period(words) > timedelta(0)


def kept(retention: Retention, **fields: Any) -> tuple[timedelta, timedelta | None]:
    entry = make_entry(body_size=0, **fields)
    dated = retention.date(entry)
    assert dated.expires_at is not None
    bodies = None if dated.bodies_expire_at is None else dated.bodies_expire_at - entry.started_at
    return dated.expires_at - entry.started_at, bodies


def test_thirty_days_by_default() -> None:
    """Without rules every entry is kept for thirty days, with its bodies."""
    assert kept(Retention(), status_code=200) == kept(Retention(), status_code=500) == (30 * DAY, None)


def test_the_first_rule_that_matches_wins() -> None:
    """Rules are asked in order, all that a rule names must fit, then errors, then the default."""
    retention = Retention(
        "14 days",
        errors="60 days",
        bodies="2 days",
        rules=[
            Rule("3 days", integration="stripe", outcome="success"),
            Rule("1 hour", bodies="1 minute", integration="stripe"),
            Rule("1 week", status_code=404),
        ],
    )
    assert kept(retention, integration="stripe", status_code=200) == (3 * DAY, None)
    assert kept(retention, integration="stripe", status_code=500) == (DAY / 24, timedelta(minutes=1))
    assert kept(retention, integration="github", status_code=404) == (7 * DAY, None)
    assert kept(retention, integration="github", status_code=500) == (60 * DAY, 2 * DAY)
    assert kept(retention, integration="github", status_code=200) == (14 * DAY, 2 * DAY)
    assert retention.longest == 60 * DAY


def test_bodies_are_never_kept_longer_than_their_entry() -> None:
    """A longer period for bodies than for entries ends with the entry."""
    assert kept(Retention("1 day", bodies="2 days"), status_code=200) == (DAY, DAY)


def test_an_entry_that_never_expires_within_the_calendar_expires_at_its_end() -> None:
    """Periods beyond the last year that can be written do not raise."""
    entry = make_entry(started_at=datetime(9999, 12, 31, tzinfo=UTC))
    assert Retention("999999 weeks").date(entry).expires_at == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "options",
    [
        {"default": "soon"},
        {"errors": 5},
        {"bodies": "0 days"},
        {"rules": ["3 days"]},
        {"max_rows": 0},
        {"max_rows": "many"},
        {"max_bytes": 1.5},
        {"max_bytes": True},
    ],
)
def test_a_wrong_value_is_refused_where_it_is_given(options: dict[str, Any]) -> None:
    """ConfigurationError is raised by the constructor."""
    with pytest.raises(ConfigurationError):
        Retention(**options)


def test_a_rule_matches_known_fields_only() -> None:
    """A misspelt field is told, not passed over."""
    with pytest.raises(ConfigurationError, match="integration"):
        Rule("1 day", integratoin="stripe")


def test_retention_crosses_to_another_process() -> None:
    """What is written down as plain data and read again keeps every entry for as long as before."""
    rules = [Rule("3 days", bodies="1 hour", integration="stripe", outcome="success"), Rule("1.5 hours", kind="run")]
    given = Retention("14 days", errors="60 days", bodies="2 days", rules=rules, max_rows=5, max_bytes=None)
    read = Retention.from_data(json.loads(json.dumps(given.to_data())))
    assert read.to_data() == given.to_data()
    cases: list[dict[str, Any]] = [
        {},
        {"integration": "stripe", "status_code": 200},
        {"kind": "run"},
        {"status_code": 500},
    ]
    for fields in cases:
        entry = make_entry(**fields)
        assert read.date(entry) == given.date(entry)


def test_a_rule_that_never_matches_changes_nothing() -> None:
    """Neither a value that no entry has, nor one of another type, nor one that a rule before it takes."""
    rules = [
        Rule("1 day", host="nowhere"),
        Rule("1 day", status_code="404"),
        Rule("2 days"),
        Rule("3 days", kind="call"),
    ]
    assert kept(Retention(rules=rules), status_code=404, kind="call") == (2 * DAY, None)


def test_rules_have_a_fingerprint() -> None:
    """It is the same for the same rules, however they are written, and whatever the bounds are."""
    retention = Retention("14 days", errors="60 days", bodies="1 day", rules=[Rule("1 week", host="a", kind="call")])
    same = Retention(
        "2 weeks",
        bodies=DAY,
        rules=[Rule("7 days", kind="call", host="a"), Rule("60 days", bodies="24 hours", outcome="error")],
        max_rows=1,
        max_bytes=None,
    )
    others = [
        Retention("14 days", errors="60 days", bodies="1 day"),
        Retention("14 days", errors="60 days", rules=[Rule("1 week", host="a", kind="call")]),
        Retention("14 days", errors="60 days", bodies="1 day", rules=[Rule("1 week", host="b", kind="call")]),
        Retention("14 days", bodies="1 day", rules=[Rule("1 week", host="a", kind="call")]),
    ]
    assert retention.fingerprint == same.fingerprint == Retention.from_data(retention.to_data()).fingerprint
    assert len({each.fingerprint for each in (retention, *others)}) == 5


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("1", 1),
        ("1000 bytes", 1000),
        (" 2  GiB ", 2 * 1024**3),
        ("1.5kib", 1536),
        ("500 MB", 500_000_000),
        ("3TB", 3 * 10**12),
    ],
)
def test_sizes_are_words_or_numbers(words: str, size: int) -> None:
    """A number and a unit, as people write them."""
    assert read_size(words) == size


@pytest.mark.parametrize("wrong", ["", "0", "0.1", "-1", "GiB", "2 gigs", "1e9", "2 GiB 5", "٢ GiB"])
def test_what_is_no_size_is_refused(wrong: str) -> None:
    """The error shows a right one."""
    with pytest.raises(ConfigurationError, match="2 GiB"):
        read_size(wrong)


def test_the_audit_obeys_rules_that_name_it() -> None:
    """Who looked at an entry is kept for a year, however short a life the entry has."""
    noted = make_entry(kind="audit", tenant="acme")
    for retention, days in (
        (
            Retention("1 day", errors="2 days", bodies="1 day", rules=[Rule("3 days"), Rule("4 days", tenant="acme")]),
            365,
        ),
        (Retention(rules=[Rule("3 days"), Rule("90 days", kind="audit")]), 90),
        (Retention(rules=[Rule("90 days", kind="audit", tenant="other")]), 365),
    ):
        dated = retention.date(noted)
        assert dated.expires_at == noted.started_at + timedelta(days=days)
        assert dated.bodies_expire_at is None
