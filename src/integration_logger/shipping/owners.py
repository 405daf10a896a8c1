"""Whose calls are in flight, and what becomes of them when their process has gone.

On the same machine a process is told to live by the lock of its file in the spool folder; for all others the
shipper of its folder vouches by a lease in the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Final

from integration_logger.stores.base import Store

LEASE_SECONDS: Final = 60.0
"""After so long without a word from its shipper a process is taken for gone."""
RENEW_EVERY: Final = 20.0


class Owners:
    """The processes that one shipper vouches for, and those that nobody vouches for any more."""

    def __init__(self, store: Store, vouching: str) -> None:
        self.vouching = vouching
        """Who vouches: the spool folder, so that its next shipper goes on, or the process where there is none."""
        self._store = store
        self._vouched: set[str] = set()
        self._well_since = self._renewed_at = monotonic()

    def vouch(self, owner: str) -> None:
        """Have it known that a process lives, before its first call in flight is stored."""
        if owner not in self._vouched:
            self._lease(owner)
            self._vouched.add(owner)

    def store_failed(self) -> None:
        """Give the shippers of other machines time, too, when the store is back."""
        self._well_since = monotonic()
        self._vouched.clear()

    def close(self, gone: Iterable[str]) -> None:
        """Turn what these processes left in flight into failed entries."""
        owners = [*gone]
        self._vouched.difference_update(owners)
        if owners and not {*owners}.isdisjoint(self._store.owners()):
            self._store.close_abandoned(owners)

    def renew(self, here: Iterable[str]) -> None:
        """Now and then vouch for the processes that are here, and close what others left who are silent."""
        now = monotonic()
        if now - self._renewed_at < RENEW_EVERY:
            return
        self._renewed_at = now
        present, silent = {*here}, []
        for owner in self._store.owners():
            if owner in present:
                self._lease(owner)
            elif now - self._well_since >= LEASE_SECONDS and self._lease(owner):
                silent.append(owner)
        self.close(silent)

    def _lease(self, owner: str) -> bool:
        return self._store.state.lease(f"owner/{owner}", self.vouching, LEASE_SECONDS) is not None
