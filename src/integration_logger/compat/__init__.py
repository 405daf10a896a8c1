"""What clients of other products expect, answered from this log: ``log.compat``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integration_logger.compat.kondado import Kondado
from integration_logger.stores.base import Store
from integration_logger.viewer.access import Authorize


class Compat:
    """Makes applications that speak the contracts of other products; each is mounted where the host likes."""

    def __init__(self, store: Store, on_request: Callable[[], None]) -> None:
        self._store = store
        self._on_request = on_request

    def kondado(self, *, authorize: Authorize, **options: Any) -> Kondado:
        """Return Kondado's Logs API over the runs of this log: ``app.mount("/k2", log.compat.kondado(authorize=who))``.

        Options: ``extended``, ``include_failed``, ``inclusive_start``, ``legacy_status``, ``rate_limit``.
        """
        return Kondado(self._store, authorize=authorize, on_request=self._on_request, **options)
