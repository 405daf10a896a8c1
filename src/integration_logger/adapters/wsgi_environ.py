"""What a WSGI environ tells of a call: its headers and address, and the route that took it."""

from __future__ import annotations

from typing import Any, Final

from integration_logger.adapters.inbound import full_url, quoted
from integration_logger.entry import RawHeaders

Environ = dict[str, Any]


def request_headers(environ: Environ) -> RawHeaders:
    """Return the headers by their names in lower case; a WSGI server has joined those that came several times."""
    headers, names = [], _names
    for key in environ:
        name = names[key] if key in names else _name(key)
        if name is not None:
            headers.append((name, environ[key].encode("latin-1", "replace")))
    headers += [(name, _bytes(value)) for key, name in _BARE if (value := environ.get(key))]
    return headers


_BARE: Final = (("CONTENT_TYPE", b"content-type"), ("CONTENT_LENGTH", b"content-length"))
"""Headers that have no ``HTTP_`` before their name (PEP 3333)."""
_names: dict[str, bytes | None] = {}
"""Keys of an environ to names of headers, None for what is none: every call has the same few."""
_MOST_NAMES: Final = 1024


def _name(key: str) -> bytes | None:
    name = _bytes(key.removeprefix("HTTP_").replace("_", "-").lower()) if key.startswith("HTTP_") else None
    if len(_names) < _MOST_NAMES:
        _names[key] = name
    return name


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def path(environ: Environ) -> str:
    """Return the whole path, decoded."""
    found: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return found if found.isascii() else _bytes(found).decode("utf-8", "replace")


def address(environ: Environ, host: bytes | None) -> tuple[str | None, str]:
    """Return the host that was asked for (else the address that the server listens on), and the full URL."""
    name = _server(environ) if host is None else host.decode("latin-1")
    return full_url(environ.get("wsgi.url_scheme", "http"), name, _target(environ))


def _target(environ: Environ) -> str:
    """Return path and query as they were sent, where the server keeps them."""
    target: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if target.startswith("/"):
        return target
    target = quoted(_bytes(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")))
    query = environ.get("QUERY_STRING")
    return f"{target}?{query}" if query else target


def _server(environ: Environ) -> str | None:
    name, port = environ.get("SERVER_NAME"), environ.get("SERVER_PORT")
    if not name or not port:  # a Unix socket
        return None
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def route(environ: Environ) -> str | None:
    """Return the template of the route that took the call, while a framework on Werkzeug has its request."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    template = getattr(rule, "rule", None)
    return template if isinstance(template, str) else None
