"""How entries are written down: nothing is lost on the spool, and JSON can say all of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_logger import codec
from integration_logger.entry import Entry, Message, Run
from integration_logger.errors import CodecError
from integration_logger.health import Health, Loss, Report
from tests.factories import make_entry, make_in_flight

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=8,
)
headers = st.lists(st.tuples(st.binary(max_size=10), st.binary(max_size=20)), max_size=4)
messages = st.builds(Message, raw_headers=headers, body=st.one_of(st.none(), st.binary(max_size=50)), content_type=text)
runs = st.builds(Run, job_id=text, row_count=st.integers(0, 2**40), initial_savepoint=plain, has_deltas=st.booleans())
entries = st.builds(
    make_entry,
    st.integers().map(Random),
    body_size=st.just(0),
    request=st.one_of(st.none(), messages),
    response=st.one_of(st.none(), messages),
    labels=st.dictionaries(text, st.one_of(text, st.lists(text, max_size=3)), max_size=3),
    errors=st.lists(text, max_size=3).map(tuple),
    variables=plain,
    run=st.one_of(st.none(), runs),
    url=text,
    tenant=st.one_of(st.none(), text),
    started_at=st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),
)


@given(entries)
def test_an_entry_comes_back_from_the_spool_as_it_was(entry: Entry) -> None:
    """Decoding what was encoded gives the same entry, bytes and microseconds included."""
    again = codec.decode(codec.encode(entry))
    assert codec.encode(again) == codec.encode(entry)
    assert again.started_at == entry.started_at
    assert again.variables == entry.variables
    for half in (again.request, again.response):
        assert half is None or all(isinstance(part, bytes) for pair in half.raw_headers for part in pair)


@given(entries)
def test_json_has_every_public_name(entry: Entry) -> None:
    """The plain form has all fields and the derived ones, and is valid JSON whatever the entry holds."""
    data = json.loads(codec.to_json(codec.to_dict(entry)))
    assert set(data) == {*Entry.__struct_fields__, "outcome", "status_label", "ended_at"}
    assert (data["outcome"], data["id"]) == (entry.outcome, entry.id)
    for half in ("request", "response"):
        message = getattr(entry, half)
        assert (data[half] is None) == (message is None)
        if message is not None:
            assert set(data[half]) == {"headers", *Message.__struct_fields__} - {"raw_headers"}
            assert [tuple(pair) for pair in data[half]["headers"]] == [*message.headers]


def test_times_are_utc_to_the_microsecond() -> None:
    """Times are written in one form, in which they sort as text."""
    entry = make_entry(started_at=datetime(2026, 11, 21, 8, 30, 0, 5, UTC), duration=1.5, expires_at=None)
    data = codec.to_dict(entry)
    assert (data["started_at"], data["ended_at"]) == ("2026-11-21T08:30:00.000005Z", "2026-11-21T08:30:01.500005Z")
    assert data["expires_at"] is None


@given(st.datetimes(), st.sampled_from([UTC, timezone(timedelta(hours=-2, minutes=-30))]))
def test_a_time_is_written_as_python_does(moment: datetime, zone: timezone) -> None:
    """Six decimals, be they 0 or not; any other offset than that of UTC is told."""
    for exact in (moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, microsecond=0)):
        assert codec.timestamp(exact) == exact.isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_a_call_in_flight_has_no_end() -> None:
    """What is not known yet is null."""
    data = codec.to_dict(make_in_flight().entry)
    assert (data["status"], data["outcome"], data["ended_at"], data["status_code"]) == ("processing", None, None, None)


@given(
    st.one_of(
        st.binary(max_size=200),
        entries.map(codec.encode).flatmap(lambda data: st.integers(0, len(data) - 1).map(lambda n: data[:n])),
    )
)
def test_what_is_no_entry_is_refused_in_one_way(payload: bytes) -> None:
    """Foreign and torn bytes raise CodecError, never anything else."""
    try:
        entry = codec.decode(payload)
    except CodecError:
        return
    assert isinstance(entry, Entry)


@pytest.mark.parametrize("field", ["status", "kind", "status_code", "labels", "started_at", "request"])
def test_a_field_of_the_wrong_type_is_refused(field: str) -> None:
    """A record that another program wrote is checked when it is read."""
    data = msgspec.msgpack.decode(codec.encode(make_entry()))
    data[Entry.__struct_fields__.index(field)] = "wrong"
    with pytest.raises(CodecError):
        codec.decode(msgspec.msgpack.encode(data))


def test_an_entry_of_an_older_version_is_read() -> None:
    """Fields are only ever added at the end: a shorter record has their defaults."""
    data = msgspec.msgpack.decode(codec.encode(make_entry(seq=None)))
    shorter = codec.decode(msgspec.msgpack.encode(data[: Entry.__struct_fields__.index("labels")]))
    assert (shorter.labels, shorter.request, shorter.seq) == ({}, None, None)


class Odd:
    def __str__(self) -> str:
        return "odd"


@pytest.mark.parametrize(
    "value", [Odd(), Decimal("1.5"), UUID(int=1), timedelta(1), {1, 2}, b"bytes", ("a", Odd()), {"a": Odd()}]
)
def test_variables_of_any_type_are_written(value: Any) -> None:
    """What MessagePack has no word for is written as text."""
    entry = codec.decode(codec.encode(make_entry(variables={"value": value})))
    assert "value" in entry.variables
    codec.to_json(codec.to_dict(entry))


@given(
    st.binary(max_size=60),
    st.one_of(
        st.none(), st.sampled_from(["utf-8", "UTF-16", "latin-1", "hex", "idna", "nope", "rot13", "punycode"]), text
    ),
)
def test_a_body_is_always_shown_as_text(body: bytes, charset: str | None) -> None:
    """Whatever charset a body claims, there is a text for it."""
    content_type = "text/plain" if charset is None else f'text/plain; charset="{charset}"'
    assert isinstance(codec.body_text(Message(body=body, content_type=content_type)), str)


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("text/plain", "é€".encode(), "é€"),
        ("text/plain; charset=iso-8859-1", b"\xe9", "é"),
        ("text/plain; Charset='UTF-16LE'", "é".encode("utf-16-le"), "é"),
        ("text/plain", b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (None, b"a", "a"),
    ],
)
def test_a_body_is_shown_in_its_own_charset(content_type: str | None, body: bytes, expected: str) -> None:
    """The charset is that of the content type, UTF-8 where it names none."""
    assert codec.body_text(Message(body=body, content_type=content_type)) == expected


# --- reports ------------------------------------------------------------------------------------------


def make_report(**fields: Any) -> Report:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    losses = (Loss(reason="spool full", first=now, last=now, entries=3),)
    known: dict[str, Any] = {
        "owner": "0199c0de-0000-7000-8000-000000000001",
        "host": "web-1",
        "pid": 7,
        "started_at": now,
        "at": now,
    }
    return Report(**known | {"health": Health(captured=1, dropped={"spool full": 3}, losses=losses)} | fields)


def test_a_report_survives_the_spool() -> None:
    """Counts, losses, calls in flight and ends come back as they were."""
    report = make_report(in_flight=(make_in_flight().entry,), ended=(make_entry().id,))
    assert codec.decode_report(codec.encode(report)) == report


def test_reports_and_entries_are_told_apart() -> None:
    """No entry is taken for a report and none the other way round, by the first byte."""
    assert codec.is_report(codec.encode(make_report()))
    assert not codec.is_report(codec.encode(make_entry()))
    assert not codec.is_report(b"")
    with pytest.raises(CodecError, match="not an entry"):
        codec.decode(codec.encode(make_report()))
    with pytest.raises(CodecError, match="not a report"):
        codec.decode_report(codec.encode(make_entry()))


@given(st.binary(max_size=200))
def test_what_is_no_report_is_refused(data: bytes) -> None:
    """Whatever bytes there are, the answer is a report or ``CodecError``."""
    with pytest.raises(CodecError):
        codec.decode_report(b"\x8a" + data)


@pytest.mark.parametrize(
    "fields",
    [{"owner": ""}, {"owner": "a\x00"}, {"owner": "a" * 101}, {"owner": "a\n"}, {"ended": ("x",)},
     {"ended": ("0199C0DE-0000-7000-8000-00000000000",)}, {"in_flight": (make_in_flight(id="x").entry,)}],
)  # fmt: skip
def test_a_report_that_no_store_could_take_is_refused(fields: dict[str, Any]) -> None:
    """Owners and ids are keys in the store, so only what can be one is read."""
    with pytest.raises(CodecError, match="not a report"):
        codec.decode_report(codec.encode(make_report(**fields)))
