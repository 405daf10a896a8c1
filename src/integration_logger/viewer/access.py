"""Who may see what: a Principal with its permissions, and ``local_only`` for one's own machine."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from typing import cast

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integration_logger.errors import ConfigurationError
from integration_logger.query import ALL, All, Names, Scope

PERMISSIONS = ("view", "detail", "export", "reauthorize", "redeliver", "settings", "purge", "erase", "audit")

ROLES = {
    "owner": frozenset(PERMISSIONS),
    "supervisor": frozenset(("view", "detail", "reauthorize")),
    "bot_builder": frozenset(("view", "detail", "reauthorize")),
}
"""What the known roles may do; any other word may do nothing."""

_GLOBAL = frozenset(("purge", "audit"))


class Principal:
    """A reader of the log: name, role, and the tenants and applications whose entries are theirs to see.

    ``tenants`` and ``applications`` are collections of names, or ``ALL`` written out. ``permissions`` replaces
    what the role gives. Who is limited to some tenants or applications never has ``purge`` or ``audit``.
    """

    def __init__(
        self,
        name: str,
        *,
        role: str,
        tenants: All | Iterable[str],
        applications: All | Iterable[str] = ALL,
        permissions: Iterable[str] | None = None,
    ) -> None:
        self.name = name
        self.role = role
        self.tenants = _names("tenants", tenants)
        self.applications = _names("applications", applications)
        granted = ROLES.get(role.lower(), frozenset()) if permissions is None else _permissions(permissions)
        self.permissions = granted - _GLOBAL if self.limited else granted

    def __repr__(self) -> str:
        return f"Principal({self.name!r}, role={self.role!r})"

    @property
    def limited(self) -> bool:
        """True for readers who see some tenants or applications only."""
        return not (self.tenants is ALL and self.applications is ALL)

    @property
    def scope(self) -> Scope:
        """The bounds of every query that this reader makes."""
        return Scope(tenants=self.tenants, applications=self.applications, audit=self.may("audit"))

    def may(self, permission: str) -> bool:
        """Tell whether the reader has the permission."""
        return permission in self.permissions


def _names(option: str, value: All | Iterable[str]) -> Names:
    if isinstance(value, All):
        return value
    names = () if isinstance(value, str) else tuple(value)
    if isinstance(value, str) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"Principal: {option} takes ALL or a collection of names, not {value!r}")
    return frozenset(names)


def _permissions(value: Iterable[str]) -> frozenset[str]:
    found = frozenset([value] if isinstance(value, str) else value)
    if unknown := found - frozenset(PERMISSIONS):
        raise ConfigurationError(f"Principal: no such permission: {', '.join(sorted(unknown))}")
    return found


Authorize = Callable[[Request], "Principal | Awaitable[Principal | None] | None"]
"""Says who a request comes from; None for nobody. May be sync (it then runs in a thread) or async."""


def checked(authorize: object) -> Authorize:
    """Return the decision about access; raises ``ConfigurationError``, saying what to write, where it is none."""
    if isinstance(authorize, type):
        raise ConfigurationError(
            f"authorize takes a callable that gets the request, not the class {authorize.__name__} itself: "
            f"write authorize={_written(authorize)}()"
        )
    if not callable(authorize):
        raise ConfigurationError(
            "the log browser is not served without a decision about access: give authorize= a callable that takes "
            "the request and returns a Principal or None, or local_only() for your own machine"
        )
    return cast(Authorize, authorize)


def _written(authorize: type) -> str:
    return "local_only" if authorize is LocalOnly else authorize.__name__


async def identify(authorize: Authorize, request: Request) -> Principal | None:
    """Ask ``authorize`` who the request comes from; raises whatever it raises, and for any other answer."""
    target = authorize if inspect.isroutine(authorize) else type(authorize).__call__
    if inspect.iscoroutinefunction(target):
        found = authorize(request)
    else:
        found = await to_thread.run_sync(authorize, request)
    if inspect.isawaitable(found):
        found = await found
    if found is not None and not isinstance(found, Principal):
        raise TypeError(f"authorize returned {type(found).__name__}, not a Principal or None")
    return found


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
        response = RedirectResponse(str(request.url.remove_query_params("token")), status_code=303)
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


_FORWARDING = frozenset(("forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip"))


def is_local(request: Request) -> bool:
    """Tell whether the request was made on this machine, by a page of this machine, and passed no proxy."""
    forwarded = any(name in _FORWARDING or name.startswith("x-forwarded") for name in request.headers)
    return (
        not forwarded
        and request.client is not None
        and _is_loopback(request.client.host)
        and _is_loopback(request.url.hostname or "")
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
