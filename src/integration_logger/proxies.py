"""Who the client was, where proxies stand between: forwarded headers are believed only from trusted peers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network

from integration_logger.errors import ConfigurationError


class TrustedProxies:
    """The networks whose ``X-Forwarded-For`` is believed. Raises ``ConfigurationError`` for what is no network."""

    def __init__(self, networks: Iterable[str]) -> None:
        if isinstance(networks, str):
            raise ConfigurationError("trusted_proxies takes a list of networks such as ['10.0.0.0/8']")
        try:
            self._networks = [ip_network(network) for network in networks]
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"trusted_proxies takes networks such as '10.0.0.0/8': {error}") from error
        self.trusts = lru_cache(maxsize=1024)(self._trusts)

    def _trusts(self, address: str) -> bool:
        try:
            ip = ip_address(address)
        except ValueError:  # a Unix socket, or a name
            return False
        return any(ip in network for network in self._networks)

    def client(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the nearest address that is not a trusted proxy: the peer, or one of ``X-Forwarded-For``."""
        if not self.trusts(peer):
            return peer
        forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
        for address in reversed([part.strip() for part in forwarded.split(",")]):
            if not address:
                continue
            peer = address
            if not self.trusts(address):
                break
        return peer[:64]
