"""Who may see what: a Principal with its permissions and bounds, and the host's decision who a request comes from."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar, cast

from starlette.requests import Request

from integration_logger.entry import Entry
from integration_logger.errors import ConfigurationError
from integration_logger.query import ALL, All, Names, Scope
from integration_logger.viewer.threads import in_access_thread

T = TypeVar("T")

_logger = logging.getLogger("integration_logger")

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
    ``detail`` gets an entry and says whether this reader may see its headers and bodies; it takes away only.
    """

    def __init__(
        self,
        name: str,
        *,
        role: str,
        tenants: All | Iterable[str],
        applications: All | Iterable[str] = ALL,
        permissions: Iterable[str] | None = None,
        detail: Callable[[Entry], bool] | None = None,
    ) -> None:
        self.name = _text("name", name)
        self.role = _text("role", role)
        self.tenants = _names("tenants", tenants)
        self.applications = _names("applications", applications)
        granted = ROLES.get(role.lower(), frozenset()) if permissions is None else _permissions(permissions)
        self.permissions = granted - _GLOBAL if self.limited else granted
        if detail is not None and not callable(detail):
            raise ConfigurationError(f"Principal: detail takes a callable that gets an entry, not {detail!r}")
        self._detail = detail

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

    def sees_detail(self, entry: Entry) -> bool:
        """Tell whether the reader may see headers and bodies of the entry; not, where ``detail`` fails."""
        if not self.may("detail") or self._detail is None:
            return self.may("detail")
        try:
            return self._detail(entry) is True
        except Exception:
            _logger.exception("the detail policy of %r failed; it sees no headers and bodies", self)
            return False


def _text(option: str, value: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"Principal: {option} takes a text, not {value!r}")
    return value


def _names(option: str, value: All | Iterable[str]) -> Names:
    if isinstance(value, All):
        return value
    names = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (None,)
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"Principal: {option} takes ALL or a collection of names, not {value!r}")
    return frozenset(cast(tuple[str, ...], names))


def _permissions(value: Iterable[str]) -> frozenset[str]:
    found = [value] if isinstance(value, str) or not isinstance(value, Iterable) else [*value]
    if unknown := [name for name in found if name not in PERMISSIONS]:
        raise ConfigurationError(f"Principal: no such permission: {', '.join(sorted(map(str, unknown)))}")
    return frozenset(found)


Authorize = Callable[[Request], "Principal | Awaitable[Principal | None] | None"]
"""Says who a request comes from; None for nobody. May be sync (it then runs in a thread) or async."""

EnabledFor = Callable[[Principal], "bool | Awaitable[bool]"]
"""Says whether there is a log browser for a reader at all, as plans and packages have it."""


def checked(authorize: object) -> Authorize:
    """Return the decision about access; raises ``ConfigurationError``, saying what to write, where it is none."""
    if isinstance(authorize, type):
        raise ConfigurationError(
            f"authorize takes a callable that gets the request, not the class {authorize.__name__} itself: "
            "call it first, as in authorize=local_only()"
        )
    if not callable(authorize):
        raise ConfigurationError(
            "the log browser is not served without a decision about access: give authorize= a callable that takes "
            "the request and returns a Principal or None, or local_only() for your own machine"
        )
    return cast(Authorize, authorize)


CALLER = "integration_logger.caller"
"""Where a scope has what calls a function in the thread that a WSGI host has asked in."""


async def identify(authorize: Authorize, request: Request) -> Principal | None:
    """Ask ``authorize`` who the request comes from; raises whatever it raises, and for any other answer."""
    found = await ask(authorize, request, request)
    if found is not None and not isinstance(found, Principal):
        raise TypeError(f"authorize returned {type(found).__name__}, not a Principal or None")
    return found


async def ask(question: Callable[[T], object], argument: T, request: Request) -> object:
    """Ask a callable of the host: async, or sync in a thread, which in a WSGI host is the one that waits for it."""
    target = question if inspect.isroutine(question) else type(question).__call__
    in_thread = request.scope.get(CALLER, in_access_thread)
    answer = question(argument) if inspect.iscoroutinefunction(target) else await in_thread(question, argument)
    return await answer if inspect.isawaitable(answer) else answer
