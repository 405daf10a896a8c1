"""What an ASGI scope tells of a call: its URL, its host, its client, the route that took it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

Scope = MutableMapping[str, Any]


def host(header: bytes | None, scope: Scope) -> str | None:
    """Return the host that was asked for, else the address that the server listens on."""
    if header is not None:
        return header.decode("latin-1")
    server = scope.get("server")
    return f"{server[0]}:{server[1]}" if server else None


def url(scope: Scope, host: str | None) -> str:
    """Return the full URL as it was asked for, with the mounts' prefix."""
    raw = scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(scope["path"], safe="/%:@!$&'()*+,;=~")
    query = scope.get("query_string")
    full = f"{scope.get('scheme', 'http')}://{host}{path}" if host else path
    return f"{full}?{query.decode('latin-1')}" if query else full


def route(scope: Scope) -> str | None:
    """Return the route's template, mounts included, where the framework left its route in the scope."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if not isinstance(path, str):
        return None
    prefix = scope.get("root_path", "").removeprefix(scope.get("app_root_path", ""))
    if hasattr(route, "routes"):  # a mount without a matching route inside; its own path is in the prefix already
        return f"{prefix}/{{path}}"
    return f"{prefix}{path}"
