"""Captured bodies are readable, whole or cut, and never markup."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_logger.viewer.pretty import chips, pretty_json, reasons_by_name

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def plain(markup: str) -> str:
    """Return the text that a browser shows and copies."""
    return unescape(re.sub(r"<[^>]*>", "", markup))


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON))
def test_lays_out_any_json_and_changes_nothing_in_it(data: object) -> None:
    for text in (json.dumps(data), json.dumps(data, indent=3)):
        found = pretty_json(text, {})
        assert found is not None
        assert json.loads(plain(found)) == data


def test_lays_out_in_lines() -> None:
    found = pretty_json('{"a":[1,{"b":null}],"c":{},"d":[]}', {})
    assert found is not None
    assert plain(found) == '{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ],\n  "c": {},\n  "d": []\n}'


def test_keeps_numbers_as_they_were_written() -> None:
    text = '{"a": 12345678901234567890, "b": 1.0, "c": 1e5, "a": 2}'
    assert plain(pretty_json(text, {}) or "").replace("\n", "").replace("  ", "") == text.replace(", ", ",")


@given(st.dictionaries(st.text(), JSON, min_size=1), st.integers(1, 200))
def test_lays_out_what_is_cut(data: object, length: int) -> None:
    text = json.dumps(data)[:length]
    assert re.sub(r"\s", "", plain(pretty_json(text, {}) or "")) == re.sub(r"\s", "", text)


@pytest.mark.parametrize("text", ["", "a=b", "<html>", "12", '{"a": undefined}', "{'a': 1}", "[" + " " * 600_000])
def test_leaves_alone_what_is_not_json(text: str) -> None:
    assert pretty_json(text, {}) is None


def test_leaves_alone_what_is_too_deep_to_read() -> None:
    assert pretty_json("[" * 50, {}) is not None
    assert pretty_json("[" * 100_000, {}) is None


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;"])
def test_markup_stays_text(hostile: str) -> None:
    text = json.dumps({hostile: [hostile]})
    for found in (pretty_json(text, {}), chips(text), chips(hostile, reason=hostile)):
        assert found is not None
        assert not re.search(r"<(?!/?(span|mark)\b)", found)
        assert not re.search(r"<[^>]*onerror[^>]*>", re.sub(r'"[^"]*"', '""', found))
    assert plain(chips(text)) == text


def test_masked_values_are_chips_with_their_reason() -> None:
    reasons = reasons_by_name(("request.body.user.password: name", "response.body.card: card number"), "request")
    found = pretty_json('{"user": {"Password": "[REDACTED]"}, "card": "[REDACTED]"}', reasons)
    assert found is not None
    assert '<mark class="masked" title="redacted: name &#34;password&#34;">[REDACTED]</mark>' in found
    assert '<mark class="masked" title="redacted before it was stored">[REDACTED]</mark>' in found


def test_names_signs_that_cannot_be_seen_and_keeps_them_for_copying() -> None:
    found = chips("a\u202eb\x1b[31m")
    assert 'data-name="\u2039U+202E\u203a"' in found
    assert plain(found) == "a\u202eb\x1b[31m"
