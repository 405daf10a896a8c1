"""Which address is the client's, where forwarded headers may lie."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_logger.errors import ConfigurationError
from integration_logger.proxies import TrustedProxies

PROXIES = TrustedProxies(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"])


def client(peer: str | None, *forwarded: str, name: bytes = b"x-forwarded-for") -> str | None:
    return PROXIES.client(peer, [(b"host", b"shop"), *((name, value.encode("latin-1")) for value in forwarded)])


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.1.1.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1, 203.0.113.9, 10.2.2.2,10.3.3.3"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1", "203.0.113.9", "10.2.2.2"], "203.0.113.9"),
        ("10.1.1.1", ["10.2.2.2, 10.3.3.3"], "10.2.2.2"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["", " , ,"], "10.1.1.1"),
        ("192.0.2.7", ["203.0.113.9"], "203.0.113.9"),
        ("192.0.2.8", ["203.0.113.9"], "192.0.2.8"),
        ("203.0.113.1", ["10.1.1.1"], "203.0.113.1"),
        ("2001:db8::1", ["2001:db9::5"], "2001:db9::5"),
        ("::ffff:10.1.1.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.1.1.1", ["[2001:db9::5]:4711"], "2001:db9::5"),
        ("10.1.1.1", ["203.0.113.9, 10.2.2.2:80"], "203.0.113.9"),
        ("10.1.1.1", ["unknown"], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.9, password=hunter2, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", ["fe80::1%eth0"], "fe80::1%eth0"),
        ("/run/shop.sock", ["203.0.113.9"], "/run/shop.sock"),
        (None, ["203.0.113.9"], None),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_trusted_proxy(
    peer: str | None, forwarded: list[str], expected: str | None
) -> None:
    """Addresses are read from the nearest one on, as long as those who named them are trusted."""
    assert client(peer, *forwarded) == expected


def test_the_name_of_the_header_is_not_sensitive_to_case() -> None:
    """A server that keeps names as they came is served as well."""
    assert client("10.1.1.1", "203.0.113.9", name=b"X-Forwarded-For") == "203.0.113.9"


@given(
    peer=st.one_of(st.none(), st.text(max_size=80), st.ip_addresses().map(str)),
    forwarded=st.lists(st.one_of(st.text(st.characters(max_codepoint=255)), st.ip_addresses().map(str)), max_size=5),
)
def test_whatever_is_forwarded_the_answer_is_the_peer_or_an_address(peer: str | None, forwarded: list[str]) -> None:
    """No header makes it raise, and an untrusted peer is never replaced."""
    found = client(peer, ", ".join(forwarded))
    assert found == peer or (PROXIES.trusts(peer) and found is not None and ip_address(found))


def test_a_very_long_header_is_read_in_a_moment() -> None:
    """What is too long for an address is none, and is not remembered."""
    assert client("10.1.1.1", "a" * 1_000_000) == "10.1.1.1"
    assert client("10.1.1.1", "fe80::1%" + "a" * 1_000_000) == "10.1.1.1"
    assert client("10.1.1.1", "10.1.1.1," * 50_000) == "10.1.1.1"


@pytest.mark.parametrize("networks", ["10.0.0.0/8", b"10.0.0.0/8", ["ten"], ["10.0.0.1/8"], [10], [None], [], 5, None])
def test_what_is_no_list_of_networks_is_refused(networks: Any) -> None:
    """A wrong value raises ConfigurationError that shows a right one."""
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.0/8"):
        TrustedProxies(networks)
