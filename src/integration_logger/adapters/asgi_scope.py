"""What an ASGI scope tells of a call: its address, and the route that took it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

Scope = MutableMapping[str, Any]


def address(scope: Scope, host: bytes | None) -> tuple[str | None, str]:
    """Return the host that was asked for (else the address that the server listens on), and the full URL."""
    if host is not None:
        name: str | None = host.decode("latin-1")
    else:
        server = scope.get("server")
        name = f"{server[0]}:{server[1]}" if server else None
    raw, query = scope.get("raw_path"), scope.get("query_string")
    path = raw.decode("latin-1") if raw else quote(scope["path"], safe="/%:@!$&'()*+,;=~")
    if query:
        path = f"{path}?{query.decode('latin-1')}"
    return name, f"{scope.get('scheme', 'http')}://{name}{path}" if name else path


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
