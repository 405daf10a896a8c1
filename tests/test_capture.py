"""One call while it is under way: what the host says of it, and what becomes of that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_logger import codec
from integration_logger.capture import MAX_ERRORS, MAX_TRACEBACK, MAX_TYPE, Capture, Detached
from integration_logger.redaction import Redactor
from integration_logger.texts import MAX_TEXT

SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
REDACTOR = Redactor()


@pytest.mark.parametrize(
    ("code", "status", "error_type"),
    [(None, "failed", None), (100, "completed", None), (200, "completed", None), (302, "completed", None),
     (399, "completed", None), (400, "failed", "http_4xx"), (404, "failed", "http_4xx"), (499, "failed", "http_4xx"),
     (500, "failed", "http_5xx"), (599, "failed", "http_5xx")],
)  # fmt: skip
def test_the_status_code_decides_the_outcome(code: int | None, status: str, error_type: str | None) -> None:
    """1xx to 3xx are completed, 4xx, 5xx and no answer are failed."""
    capture = Capture("inbound")
    capture.status_code = code
    entry = capture.finish()
    assert (entry.status, entry.error_type, entry.has_errors) == (status, error_type, status == "failed")


def test_a_failure_decides_before_the_status_code() -> None:
    """An answer of 200 that broke off is failed, with its status code and what broke it."""
    capture = Capture("inbound")
    capture.status_code = 200
    capture.fail("disconnect", "left", phase="receive")
    entry = capture.finish()
    assert (entry.status, entry.status_code, entry.error_type, entry.phase) == ("failed", 200, "disconnect", "receive")
    assert entry.errors == ("left",)


def test_a_capture_that_nobody_filled_is_an_entry() -> None:
    """Nothing but the kind is needed."""
    entry = codec.decode(codec.encode(Capture("call").finish()))
    assert (entry.kind, entry.attempt, entry.transaction_id, entry.request) == ("call", 1, entry.id, None)


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


values = st.one_of(
    st.none(), st.text(), st.integers(), st.floats(), st.binary(), st.lists(st.text(), max_size=3), st.booleans(),
    st.builds(Unreadable), st.sets(st.integers(), max_size=2), st.dictionaries(st.text(), st.integers(), max_size=2),
    st.text(st.characters(categories=["Cs"]), min_size=1), st.just("x" * 100_000), st.lists(st.builds(Unreadable)),
)  # fmt: skip
names = st.one_of(st.sampled_from(["tenant", "application", "operation", "environment", "password"]), st.text())


@given(st.dictionaries(names, values, max_size=6), st.lists(values, max_size=3))
def test_the_host_may_say_anything(labels: dict[str, Any], errors: list[Any]) -> None:
    """Labels and errors of any type become bounded text that can be redacted, written and read back."""
    capture = Capture("inbound")
    capture.label(**labels)
    for error in errors:
        capture.error(error)
    entry = codec.decode(codec.encode(REDACTOR.redact(capture.finish(), 1000)))
    assert len(entry.errors) == len(errors)
    texts = [
        *entry.errors,
        *(text for label in entry.labels.values() for text in ([label] if isinstance(label, str) else label)),
    ]
    assert all(len(text) <= MAX_TEXT + 1 for text in texts)
    assert None not in entry.labels.values()


def test_none_takes_a_label_back() -> None:
    """The last word on a label counts."""
    capture = Capture("inbound")
    capture.label(tenant="1", bot="a", user_id="u")
    capture.label(tenant="2", bot=None, user_id=None)
    entry = capture.finish()
    assert (entry.tenant, entry.user_id, entry.labels) == ("2", None, {})


def test_only_labels_without_a_column_take_several_values() -> None:
    """A list in a column becomes its text."""
    capture = Capture("inbound")
    capture.label(tenant=["a", "b"], bots=("a", 2))
    entry = capture.finish()
    assert (entry.tenant, entry.labels) == ("['a', 'b']", {"bots": ["a", "2"]})


def test_what_broke_the_call_is_told_after_any_number_of_errors() -> None:
    """Errors are bounded, and the one that ended the call is always among them."""
    capture = Capture("inbound")
    for number in range(MAX_ERRORS * 2):
        capture.error(number)
    capture.fail("exception", ValueError("the end"))
    assert len(capture.finish().errors) == MAX_ERRORS
    assert capture.finish().errors[-1] == "ValueError: the end"


@pytest.mark.parametrize("before", [range(MAX_TEXT - 60, MAX_TEXT + 5)])
@pytest.mark.parametrize("filler", ["x ", "a=b&", '{"k":"v"},', "x"])
def test_a_long_text_loses_the_secret_that_its_end_cuts(before: range, filler: str) -> None:
    """Wherever the limit falls, no part of a secret remains that could not be told for one."""
    for length in before:
        capture = Capture("inbound")
        text = (filler * MAX_TEXT)[:length]
        capture.error(f"{text} token {SECRET} {filler * 100}")
        capture.error(f"{text} https://ana:{SECRET}@example.com/ {filler * 100}")
        for error in REDACTOR.redact(capture.finish(), 1000).errors:
            assert len(error) <= MAX_TEXT + len("[REDACTED]")
            assert SECRET[:9] not in error


def fail_with(text: str) -> Capture:
    capture = Capture("inbound")
    try:
        raise ValueError(text)
    except ValueError as error:
        capture.fail("exception", error)
    return capture


@pytest.mark.parametrize(
    "after", [0, 100, MAX_TRACEBACK - 40, MAX_TRACEBACK - 20, MAX_TRACEBACK - 1, MAX_TRACEBACK * 2]
)
def test_a_long_traceback_loses_the_secret_that_its_start_cuts(after: int) -> None:
    """The end of a traceback is kept, from the beginning of a line on."""
    capture = fail_with(f"begin {SECRET} {'y' * after}\nlast line")
    traceback = REDACTOR.redact(capture.finish(), 1000).traceback
    assert traceback is not None
    assert len(traceback) <= MAX_TRACEBACK + len("[REDACTED]")
    assert SECRET[-6:] not in traceback
    assert "last line" in traceback


def test_a_key_of_which_only_the_end_is_left_is_dropped() -> None:
    """The lines of a private key are not kept where its beginning was cut off."""
    lines = "\n".join("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7" for _ in range(400))
    capture = fail_with(f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\nafter the key")
    traceback = REDACTOR.redact(capture.finish(), 1000).traceback
    assert traceback is not None
    assert "MIIE" not in traceback
    assert "after the key" in traceback


def test_a_deep_recursion_has_a_bounded_traceback() -> None:
    """A stack of a thousand frames is shown by its last ones."""

    def down(n: int) -> None:
        down(n + 1)

    capture = Capture("inbound")
    try:
        down(0)
    except RecursionError as error:
        capture.fail("exception", error)
    assert capture.traceback is not None
    assert len(capture.traceback) <= MAX_TRACEBACK
    assert "RecursionError" in capture.traceback


def test_causes_and_groups_are_told() -> None:
    """A traceback shows what an exception came from, and all of a group."""
    capture = Capture("inbound")
    try:
        try:
            raise KeyError("first")
        except KeyError as first:
            raise ExceptionGroup("several", [ValueError("one"), TypeError("two")]) from first
    except ExceptionGroup as error:
        capture.fail("exception", error)
    assert capture.traceback is not None
    for part in ("KeyError: 'first'", "ValueError: one", "TypeError: two"):
        assert part in capture.traceback


def test_a_child_inherits_what_says_whose_it_is() -> None:
    """Owner and source go down, all else stays, and the child's own labels do not go up."""
    parent, child = Capture("inbound"), Capture("outbound")
    parent.label(tenant="t", application="a", user_id="u", source_id="s", integration="i", category="c")
    child.inherit(parent)
    child.label(tenant="own", more="m")
    entry = child.finish()
    assert (entry.tenant, entry.application, entry.user_id, entry.integration) == ("own", "a", "u", None)
    assert entry.labels == {"source_id": "s", "more": "m"}
    assert (entry.parent_id, entry.trace_id) == (parent.id, parent.id.replace("-", ""))
    assert parent.finish().tenant == "t"


def test_outside_of_a_call_everything_is_taken_and_nothing_done() -> None:
    """The stand-in has what the host calls."""
    nothing = Detached()
    nothing.label(tenant=Unreadable())
    nothing.error(Unreadable())
    nothing.discard()
    host_side = {"label", "error", "discard"}
    assert host_side <= set(dir(nothing))
    assert host_side <= set(dir(Capture))


# --- while it is under way ----------------------------------------------------------------------------


def test_what_is_known_so_far() -> None:
    """Of a call under way the address, labels, errors and the beginning are told; its outcome is open."""
    capture = Capture("inbound")
    capture.method, capture.url, capture.host = "GET", "https://shop.example.com/a", "shop.example.com"
    capture.operation = "orders"
    capture.label(tenant="acme", environment="test")
    capture.error("email: invalid")
    entry = capture.so_far()
    assert (entry.id, entry.started_at, entry.status) == (capture.id, capture.started_at, "processing")
    assert (entry.outcome, entry.duration, entry.status_code) == (None, None, None)
    assert (entry.method, entry.host, entry.operation, entry.tenant) == ("GET", "shop.example.com", "orders", "acme")
    assert (entry.labels, entry.errors, entry.has_errors) == ({"environment": "test"}, ("email: invalid",), True)
    assert (entry.request, entry.response) == (None, None)
    assert capture.labels == {"tenant": "acme", "environment": "test"}


def test_so_far_and_in_the_end_it_is_the_same_call() -> None:
    """What identifies a call and links it to others does not change by its end."""
    outer, capture = Capture("inbound"), Capture("outbound")
    capture.inherit(outer)
    capture.attempt = 2
    before = capture.so_far()
    capture.status_code = 200
    after = capture.finish()
    for name in ("id", "kind", "transaction_id", "attempt", "parent_id", "trace_id", "started_at", "server_host"):
        assert getattr(before, name) == getattr(after, name), name


def test_the_host_is_not_asked_for_labels_so_far() -> None:
    """A callable for labels is asked when the call ends, not by another thread in its middle."""
    capture = Capture("inbound")
    capture.late_labels = lambda ended: pytest.fail("asked too early")
    assert capture.so_far().labels == {}


@pytest.mark.parametrize(
    "said", [5, ValueError("boom"), "x" * 10_000, "a\ud800b"], ids=["int", "error", "long", "foreign"]
)
def test_whatever_is_given_for_an_error_type_is_a_short_text(said: Any) -> None:
    """Who gives the text in its place loses no entry by it."""
    capture = Capture("call")
    capture.fail(said, phase=said)
    entry = codec.decode(codec.encode(capture.finish()))
    assert entry.status == "failed"
    assert entry.error_type == entry.phase
    assert len(entry.error_type or "") <= MAX_TYPE + 1
