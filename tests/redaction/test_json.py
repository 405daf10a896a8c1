"""JSON is masked by position: every value under a sensitive name, and not one byte more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger.entry import Message
from integration_logger.redaction import bodies
from integration_logger.redaction.rules import Rules
from tests.redaction import oracle

RULES = Rules()
SENSITIVE = (
    *("password", "apiKey", "access_token", "Client-Secret", "pin"),
    *("userPin", "otp2", "password_hash", "cvv", "ssn"),
)
INNOCENT = (
    *("author", "authors", "tokens_used", "token_count", "session_count", "secretary", "state", "pin_code_length"),
    *("id", "name", "value", "shipping", "max_tokens", "nextPageToken", "a b", "\u00e3", 'q"uote', "back\\slash", ""),
)

plain = st.text(st.characters(exclude_characters=":=<>?&;#@%", exclude_categories=["Cs", "Nd"]), max_size=12)
numbers = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6, width=32)
scalars = st.none() | st.booleans() | numbers | plain
keys = st.sampled_from(SENSITIVE + INNOCENT) | plain
names = st.sampled_from(SENSITIVE + INNOCENT)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))


def redact(data: bytes, content_type: str = "application/json", *, truncated: bool = False) -> bytes:
    return bodies.redact(Message(body=data, content_type=content_type, truncated=truncated), RULES, 1 << 20).body


def dumps(value: Any, style: dict[str, Any]) -> str:
    return json.dumps(value, **style)


styles = st.fixed_dictionaries({
    "ensure_ascii": st.booleans(),
    "indent": st.sampled_from((None, 0, 2)),
    "separators": st.sampled_from(((",", ":"), (", ", ": "), (" , ", " : "))),
})  # fmt: skip


def escape_names(text: str, choice: int) -> str:
    """Write a letter of each sensitive name as an escape."""
    for name in SENSITIVE:
        at = choice % len(name)
        text = text.replace(f'"{name}"', f'"{name[:at]}\\u{ord(name[at]):04x}{name[at + 1 :]}"')
    return text


@settings(max_examples=250)
@given(values, styles)
def test_masks_what_the_oracle_masks(value: Any, style: dict[str, Any]) -> None:
    """Whatever the nesting, the spacing and the escapes: the same bytes go, all others stay."""
    text = dumps(value, style)
    assert redact(text.encode()).decode() == oracle.mask(text)


@settings(max_examples=200)
@given(values, styles, st.integers(0, 20))
def test_names_written_with_escapes(value: Any, style: dict[str, Any], choice: int) -> None:
    """``\\u0070assword`` is ``password``."""
    text = escape_names(dumps(value, style), choice)
    assert redact(text.encode()).decode() == oracle.mask(text)


@settings(max_examples=200)
@given(st.dictionaries(keys, values, max_size=4), styles, st.integers(1, 3))
def test_json_within_strings(value: dict[str, Any], style: dict[str, Any], depth: int) -> None:
    """What a string holds is masked like a document of its own, through any number of wrappings."""
    text, expected = dumps(value, style), oracle.mask(dumps(value, style))
    for _ in range(depth):
        text, expected = json.dumps({"note": text}), json.dumps({"note": expected})
    assert json.loads(redact(text.encode())) == json.loads(expected)


@settings(max_examples=30)
@given(
    st.dictionaries(st.sampled_from(SENSITIVE + INNOCENT), st.just("Kanarienvogel-4711") | values, min_size=1).filter(
        lambda data: '"value"' not in json.dumps(data)
    ),  # whose name may come after the cut
    styles,
)
def test_cut_at_every_byte(value: dict[str, Any], style: dict[str, Any]) -> None:
    """The beginning of a document shows nothing that the whole would not show."""
    data = dumps(value, style).encode()
    whole = oracle.mask(data.decode()).encode()
    for end in range(len(data)):
        kept = redact(data[:end], truncated=True)
        if whole.startswith(kept):
            continue
        common = len(_common(kept, whole))
        assert kept[common:] in (b"", b'[REDACTED]"', b'"[REDACTED]"') or b"[REDACTED]".startswith(kept[common:][:10])


def _common(a: bytes, b: bytes) -> bytes:
    for index, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return a[:index]
    return a[: len(b)]


def test_duplicates_are_masked_each() -> None:
    """A parser that takes the last and one that takes the first see no secret either way."""
    assert redact(b'{"pin":1234,"a":1,"pin":"5678"}') == b'{"pin":"[REDACTED]","a":1,"pin":"[REDACTED]"}'


@pytest.mark.parametrize("value", ["null", "true", "false", '""', "[]", "{}"])
def test_what_is_no_secret_stays(value: str) -> None:
    """Whether there is a password is worth knowing, and no secret."""
    data = f'{{"password": {value}, "x": 1}}'.encode()
    assert redact(data) == data


@pytest.mark.parametrize(
    "data",
    [
        b'{"password":"abc"def"}',
        b"{\"password\": 'abc'}",
        b'{"password": abc def}',
        b'{"a": {"password": "abc"}',
        b'{"\\u0070assword": "abc",}',
        b'{"password": "abc"} trailing',
        b"{'password': 'abc'}",
        b'{"password" = "abc"}',
    ],
)
def test_invalid_with_a_suspect_goes_whole(data: bytes) -> None:
    """What cannot be parsed may go on with the secret after its end; the place says why, and how big it was."""
    redacted = bodies.redact(Message(body=data, content_type="application/json", truncated=False), RULES, 1 << 20)
    assert redacted.body == b"[REDACTED]"
    assert [edit.reason for edit in redacted.edits] == [f"unparseable, {len(data)} bytes"]


@pytest.mark.parametrize("data", [b"{oops", b"[1, 2,]", b'{"author": "Ana"', b"<html>", b"\xff\xfe\xfd", b""])
def test_invalid_without_a_suspect_stays(data: bytes) -> None:
    """Harmless text is kept as it is, whatever it calls itself."""
    assert redact(data) == data


def test_lines_of_json() -> None:
    """NDJSON and JSON sequences are masked line by line."""
    data = b'{"a":1}\n{"token":"abc","b":[1]}\n\n{"secret":{"x":[1,"}"]}}\n'
    expected = b'{"a":1}\n{"token":"[REDACTED]","b":[1]}\n\n{"secret":"[REDACTED]"}\n'
    assert redact(data, "application/x-ndjson") == expected
    assert redact(data.replace(b"{", b"\x1e{", 1), "application/json-seq") == expected.replace(b"{", b"\x1e{", 1)


def test_pairs() -> None:
    """``{"name": "password", "value": ...}`` in either order, at any depth, and no further than its object."""
    first = b'[{"name":"password","type":{"a":1},"value":%b},{"value":%b,"key":"token"}'
    rest = b',{"name":"pin"},{"value":"u"}]'
    expected = first % (b'"[REDACTED]"', b'"[REDACTED]"') + rest
    assert redact(first % (b'{"x":["s"]}', b'"t"') + rest) == expected


def test_pairs_in_lists() -> None:
    """Headers are also written as a list of lists of two; other lists are of words."""
    data = b'{"headers": [["host", "a"], ["authorization" , %b], ["x-pin",%b]]}'
    mask = b'"[REDACTED]"'
    assert redact(data % (b'"Bearer of news"', b"[1]")) == data % (mask, mask)


@pytest.mark.parametrize(
    "data",
    [
        b'{"required": ["password", "email"]}',
        b'[["password", "email", "name"], ["pin"]]',
        b'[["author", "password"], ["password"]]',
        b'{"key":"pin","interval":5,"validity":"1d","approval":true,"removals":[1]}',
    ],
)
def test_lists_and_names_that_are_no_pairs(data: bytes) -> None:
    """A list of names is no pair, and an interval is no value."""
    assert redact(data) == data


@pytest.mark.parametrize("name", ["value", "Values", "val", "vals", "default_val", "fieldVal", "stringValue"])
def test_values_by_any_name(name: str) -> None:
    """The value of a pair is called so, alone or beside another word."""
    data = b'{"name":"password","%b":%%b}' % name.encode()
    assert redact(data % b'"abc"') == data % b'"[REDACTED]"'


def test_numbers_that_are_none() -> None:
    """Python writes NaN, which is no JSON: no reason to lose the document."""
    data = b'{"a": NaN, "b": [-Infinity, Infinity], "pin": NaN, "token": "abc", "c": "NaN"}'
    assert redact(data) == data.replace(b'"abc"', b'"[REDACTED]"').replace(b'"pin": NaN', b'"pin": "[REDACTED]"')


def test_deep_and_invalid_goes_whole() -> None:
    """What no parser can hold is kept only where each value ends as it should."""
    assert redact(b"[" * 5000 + b'{"password": abc def}') == b"[REDACTED]"
    assert redact(b"[" * 5000 + b'{"password": "abc"def"}') == b"[REDACTED]"


def test_no_depth_is_too_deep() -> None:
    """A megabyte of brackets around a secret costs no recursion."""
    deep = b'[{"a":' * 100_000
    assert b"hunter2" not in redact(deep + b'{"password":"hunter2"}', truncated=True)
    assert redact(b"[" * (1 << 20)) == b"[" * (1 << 20)
