"""``local_only``: the log browser on one's own machine, for whoever started it."""

from __future__ import annotations

import re
import secrets
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import Response

from integration_logger.query import ALL
from integration_logger.viewer.access import Principal
from integration_logger.viewer.render import here


class LocalOnly:
    """An ``authorize`` that admits this machine's own browser, with the token printed at start.

    The peer and the ``Host`` must be loopback (no rebound name gets in), and nothing may have been forwarded
    (no proxy opens it to the world). ``?token=`` is asked once and then kept in a cookie.
    """

    hint = "Open the address that was printed at the start, with its token, on this machine."

    def __init__(self, token: str | None = None) -> None:
        self.token = token or secrets.token_urlsafe(24)

    def __call__(self, request: Request) -> Principal | None:
        if is_local(request) and self._knows(request.cookies.get(_cookie(request))):
            return Principal("local", role="owner", tenants=ALL)
        return None

    def sign_in(self, request: Request) -> Response | None:
        """Turn a right ``?token=`` into a cookie and lead to the same address without it; None for all else."""
        if not (is_local(request) and self._knows(request.query_params.get("token"))):
            return None
        response = here(request.scope, query=request.url.remove_query_params("token").query, status=303)
        response.set_cookie(_cookie(request), self.token, httponly=True, samesite="strict", path=_path(request))
        return response

    def _knows(self, token: str | None) -> bool:
        return token is not None and secrets.compare_digest(token.encode(), self.token.encode())


local_only = LocalOnly


def _cookie(request: Request) -> str:
    # Browsers keep cookies by host and not by port: two logs on one machine must not sign each other out.
    return f"integration_log_{request.url.port or 80}"


def _path(request: Request) -> str:
    return request.scope.get("root_path") or "/"


_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::[0-9]+)?", re.ASCII)
_FORWARDING = frozenset(("forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip"))


def is_local(request: Request) -> bool:
    """Tell whether the request was made on this machine, by a page of this machine, and passed no proxy."""
    forwarded = any(name in _FORWARDING or name.startswith("x-forwarded") for name in request.headers)
    return (
        not forwarded
        and request.client is not None
        and _is_loopback(request.client.host)
        and _is_loopback(_host(request))
    )


def _host(request: Request) -> str:
    """Return the name that was asked for, as it was sent; none where there are several, or it is no name."""
    sent = request.headers.getlist("host")
    match = _HOST.fullmatch(sent[0]) if len(sent) == 1 else None
    return (match[1] or match[2]).lower() if match else ""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
