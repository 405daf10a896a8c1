"""Who looked at bodies, took data away or changed something, as entries of kind ``audit``.

Such an entry is recorded like any other: masked, spooled, shipped. The callable that does so is handed to the viewer,
never raises, and counts what it could not keep.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request

from integration_logger.capture import Capture
from integration_logger.entry import Entry
from integration_logger.proxies import TrustedProxies
from integration_logger.query import Names
from integration_logger.viewer.access import Principal

AGAIN_AFTER: Final = 300.0
"""Seconds after which another look of the same reader at the same entry is noted again."""
REMEMBERED: Final = 10_000
"""Looks that are remembered for that."""
NAMES: Final = 50
"""Names of a reader's tenants or applications that are noted; the rest is counted."""


class Act(Capture):
    """Something that a reader did; what is said of it is put together in ``finish``, where nothing can fail a page."""

    __slots__ = ("describe",)

    def __init__(self, operation: str, describe: Callable[[Capture], None]) -> None:
        super().__init__("audit")
        self.operation = operation
        self.status = "completed"
        self.describe = describe

    def finish(self) -> Entry:
        self.describe(self)
        return super().finish()


class Audit:
    """Notes what readers do, through the ``record`` of a recorder; without one it does nothing."""

    def __init__(
        self, record: Callable[[Capture], object] | None = None, proxies: TrustedProxies | None = None
    ) -> None:
        self._record = record
        self._proxies = proxies
        self._lock = threading.Lock()
        self._looks: dict[tuple[object, ...], float] = {}

    def look(self, operation: str, request: Request, principal: Principal, entry: Entry) -> None:
        """Note that a reader gets to see headers, bodies or variables of an entry, unless that was noted just now."""
        if has_payload(entry) and self._is_new(operation, principal, entry):
            self.note(operation, request, principal, entry=entry)

    def note(
        self,
        operation: str,
        request: Request,
        principal: Principal,
        *,
        entry: Entry | None = None,
        filters: Iterable[tuple[str, str]] = (),
        error: Exception | None = None,
        **labels: object,
    ) -> None:
        """Note what a reader does, or tried to, with the error that came of it.

        ``filters`` say to which entries, where the address of the request does not.
        """
        if self._record is None:
            return
        pairs = [*filters]

        def describe(capture: Capture) -> None:
            self._describe_request(capture, request, pairs)
            _label(capture, principal, entry)
            capture.label(**labels)
            if error is not None:
                capture.fail("exception", str(error))

        self._record(Act(operation, describe))

    def _describe_request(self, capture: Capture, request: Request, pairs: list[tuple[str, str]]) -> None:
        peer = request.client.host if request.client else None
        capture.method = request.method
        capture.client_ip = self._proxies.client(peer, request.headers.raw) if self._proxies else peer
        capture.url = str(request.url.replace(query=urlencode(pairs)) if pairs else request.url)
        capture.host = request.url.netloc or None

    def _is_new(self, operation: str, principal: Principal, entry: Entry) -> bool:
        key = (operation, entry.id, principal.name, principal.role, principal.tenants, principal.applications)
        now = time.monotonic()
        with self._lock:
            if (noted := self._looks.get(key)) is not None and now - noted < AGAIN_AFTER:
                return False
            self._looks.pop(key, None)
            self._looks[key] = now
            if len(self._looks) > REMEMBERED:
                del self._looks[next(iter(self._looks))]
        return True


def has_payload(entry: Entry) -> bool:
    """Tell whether there is something to see that takes the permission ``detail``; of the audit itself there is not."""
    parts = (entry.request, entry.response, entry.variables, entry.traceback)
    return entry.kind != "audit" and any(part is not None for part in parts)


def _label(capture: Capture, principal: Principal, entry: Entry | None) -> None:
    capture.label(
        principal=principal.name,
        role=principal.role,
        scope_tenants=_names(principal.tenants),
        scope_applications=_names(principal.applications),
    )
    if entry is not None:
        capture.label(entry=entry.id, tenant=entry.tenant, application=entry.application)


def _names(names: Names) -> str | list[str]:
    if not isinstance(names, frozenset):
        return "ALL"
    rest = len(names) - NAMES
    return sorted(names)[:NAMES] + ([f"and {rest} more"] if rest > 0 else [])
