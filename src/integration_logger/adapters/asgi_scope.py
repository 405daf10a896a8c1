"""What an ASGI scope tells of a call: its address, and the route that took it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from integration_logger.adapters.inbound import full_url, quoted

Scope = MutableMapping[str, Any]

KEY: Final = "integration_logger"
"""Where the capture lies in the scope, for the log browser to leave itself out."""


def address(scope: Scope, host: bytes | None) -> tuple[str | None, str]:
    """Return the host that was asked for (else the address that the server listens on), and the full URL."""
    name = _server(scope) if host is None else host.decode("latin-1")
    raw, query = scope.get("raw_path"), scope.get("query_string")
    path = raw.decode("latin-1") if raw else quoted(scope["path"])
    if query:
        path = f"{path}?{query.decode('latin-1')}"
    return full_url(scope.get("scheme", "http"), name, path)


def _server(scope: Scope) -> str | None:
    name, port = scope.get("server") or (None, None)
    if name is None or port is None:  # nothing, or a Unix socket
        return None
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def route(scope: Scope) -> str | None:
    """Return the route's template, mounts included, where the framework left its route in the scope."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if not isinstance(path, str):
        return None
    # FastAPI: a route of an included router knows only its own part of the path
    included = scope["fastapi"].get("effective_route_context") if "fastapi" in scope else None
    if included is not None and included.original_route is route:
        path = (included.starlette_route or included).path
    if hasattr(route, "routes"):  # a mount without a matching route inside; its own path is in the prefix
        path = "/{path}"
    mounts = scope.get("app_root_path")
    return path if mounts is None else _mounted(scope["root_path"][len(mounts) :], scope["path_params"], path)


def _mounted(prefix: str, params: Mapping[str, object], path: str) -> str:
    """Return the path with its prefix, in which the parameters of mounts have their names, not their values."""
    for name, value in reversed([*params.items()]):
        if f"{{{name}}}" in path or f"{{{name}:" in path:
            continue
        before, found, after = f"{prefix}/".rpartition(f"/{value}/")
        if not found:  # written otherwise than it is read, such as 007: better no prefix than a stranger's text
            return path
        prefix = f"{before}/{{{name}}}/{after}".removesuffix("/")
    return f"{prefix}{path}"
