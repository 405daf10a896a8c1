"""What processes may rely on when they agree through State."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration_logger.stores.base import Store
from integration_logger.stores.state import ABSENT, State


def test_a_value_is_kept(state: State) -> None:
    """It is there until it is replaced or deleted."""
    assert state.get("a") is None
    assert state.put("a", b"1")
    assert state.put("a", b"\x00\xff")
    assert state.get("a") == b"\x00\xff"
    state.delete("a")
    state.delete("a")
    assert state.get("a") is None


def test_a_value_is_deleted_where_it_is_as_expected(state: State) -> None:
    """What somebody else has changed meanwhile stays."""
    state.put("a", b"1")
    state.delete("a", expected=b"2")
    assert state.get("a") == b"1"
    state.delete("a", expected=b"1")
    state.delete("a", expected=b"1")
    assert state.get("a") is None


def test_an_empty_value_is_a_value(state: State) -> None:
    """No bytes are not nothing."""
    assert state.put("a", b"")
    assert state.get("a") == b""
    assert not state.put("a", b"1", expected=ABSENT)
    assert state.put("a", b"1", expected=b"")


@pytest.mark.parametrize(
    ("present", "expected", "is_set"),
    [(None, ABSENT, True), (b"1", ABSENT, False), (b"1", b"1", True), (b"1", b"2", False), (None, b"1", False)],
)
def test_a_value_is_set_where_it_is_as_expected(state: State, present: bytes, expected: bytes, is_set: bool) -> None:
    """Of those who read the same value, the first to write wins."""
    if present is not None:
        state.put("a", present)
    assert state.put("a", b"new", expected=expected) == is_set
    assert state.get("a") == (b"new" if is_set else present)


def test_values_are_listed_by_prefix(state: State) -> None:
    """The prefix is compared letter by letter; claims and leases are not in the list."""
    for key in ("cursor/b", "cursor/a", "Cursor/c", "cursor", "curs%r/d", "é"):
        state.put(key, key.encode())
    state.claim("cursor/x", 60)
    state.lease("cursor/y", "me", 60)
    assert [*state.list("cursor/").items()] == [("cursor/a", b"cursor/a"), ("cursor/b", b"cursor/b")]
    assert [*state.list("curs%")] == ["curs%r/d"]
    assert len(state.list("")) == 6


def test_a_claim_is_given_once(state: State) -> None:
    """Who asks second gets nothing, until it is released or has run out; the value of that name is another thing."""
    assert state.claim("mail", 60)
    assert not state.claim("mail", 60)
    assert state.claim("other", 60)
    state.put("mail", b"1")
    state.release("mail")
    state.release("mail")
    assert state.get("mail") == b"1"
    assert state.claim("mail", 0)
    assert state.claim("mail", 60)
    assert not state.claim("mail", 60)


def test_a_lease_has_one_holder(state: State) -> None:
    """Its holder may renew it, others must wait until it has run out; each new holder has a higher token."""
    first = state.lease("observer", "a", 60)
    assert first is not None
    assert state.lease("observer", "a", 60) == first
    assert state.lease("observer", "b", 60) is None
    assert state.lease("observer", "a", 0) == first
    second = state.lease("observer", "b", 0)
    assert second is not None
    assert second > first
    third = state.lease("observer", "a", 60)
    assert third is not None
    assert third > second
    assert state.lease("observer", "b", 60) is None


def test_many_may_ask_at_once(state: State) -> None:
    """Of threads that claim, lease and count at the same instant, none is given what another has."""

    def count(_: int) -> tuple[bool, bool]:
        while not state.put("n", str(int((old := state.get("n")) or 0) + 1).encode(), expected=old or ABSENT):
            pass
        return state.claim("once", 60), state.lease("one", str(_), 60) is not None

    with ThreadPoolExecutor(8) as pool:
        outcomes = [*pool.map(count, range(80))]
    assert [sum(given) for given in zip(*outcomes, strict=True)] == [1, 1]
    assert state.get("n") == b"80"


def test_state_is_shared(open_shared: Callable[[], Store]) -> None:
    """What one process puts, claims and leases, another sees, and it outlives both."""
    one, other = open_shared(), open_shared()
    one.state.put("a", b"1")
    assert one.state.claim("c", 60)
    assert one.state.lease("l", "me", 60)
    assert other.state.get("a") == b"1"
    assert not other.state.claim("c", 60)
    assert other.state.lease("l", "you", 60) is None
    one.close()
    other.close()
    assert open_shared().state.get("a") == b"1"
