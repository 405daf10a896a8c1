"""Who the client was, where proxies stand between: forwarded headers are believed only from trusted peers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from integration_logger.errors import ConfigurationError

LONGEST: Final = 64
"""Characters of the longest address, its zone included."""
_WITH_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d+)?|([^:]+):\d+")
"""``[2001:db8::1]:443``, ``203.0.113.9:443``: some proxies add the port."""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return len(text) <= LONGEST


class TrustedProxies:
    """The networks whose ``X-Forwarded-For`` is believed. Raises ``ConfigurationError`` for what is no network."""

    def __init__(self, networks: Iterable[str]) -> None:
        listed = [] if isinstance(networks, str) or not isinstance(networks, Iterable) else [*networks]
        if not listed or not all(isinstance(network, str) for network in listed):
            raise ConfigurationError(f"trusted_proxies takes a list such as ['10.0.0.0/8'], not {networks!r}")
        try:
            self._networks = [ip_network(network) for network in listed]
        except ValueError as error:
            raise ConfigurationError(f"trusted_proxies takes networks such as '10.0.0.0/8': {error}") from error
        self._trusts = lru_cache(maxsize=1024)(self._is_in_a_network)

    def trusts(self, address: str | None) -> bool:
        """Tell whether an address is that of a trusted proxy."""
        return address is not None and len(address) <= LONGEST and self._trusts(address)

    def _is_in_a_network(self, address: str) -> bool:
        try:
            ip = ip_address(address)
        except ValueError:  # a Unix socket, or a name
            return False
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:  # how a server on both protocols sees IPv4
            ip = ip.ipv4_mapped
        return any(ip in network for network in self._networks)

    def client(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Return the nearest address that is not a trusted proxy: the peer, or one of ``X-Forwarded-For``.

        What is no address ends the search: who wrote it is the nearest that is known.
        """
        if not self.trusts(peer):
            return peer
        forwarded = b",".join([value for name, value in headers if name.lower() == b"x-forwarded-for"])
        for part in reversed(forwarded.decode("latin-1").split(",")):
            address = part.strip()
            if not address:
                continue
            with_port = _WITH_PORT.fullmatch(address)
            address = address if with_port is None else with_port[1] or with_port[2]
            trusted = self.trusts(address)
            if not trusted and not _is_address(address):
                break
            peer = address
            if not trusted:
                break
        return peer
