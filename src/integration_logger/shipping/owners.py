"""Whose calls are in flight, and what becomes of them when their process has gone.

On the same machine a process is told to live by the lock of its file in the spool folder; for all others the
shipper of its folder vouches by a lease in the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Final

from integration_logger.errors import StoreError
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
        owners = {*gone}
        self._vouched -= owners
        if owners:
            for owner in owners.intersection(self._store.owners()):
                self._close(owner)

    def _close(self, owner: str) -> None:
        try:
            self._store.close_abandoned([owner])
        except Exception as error:  # what cannot be closed shall not hold up what can be shipped
            if isinstance(error, StoreError) and not error.data_error:
                raise

    def renew(self, here: Iterable[str]) -> None:
        """Now and then vouch for the processes that are here, and close what others left who are silent."""
        if monotonic() - self._renewed_at < RENEW_EVERY:
            return
        present, owners = {*here}, self._store.owners()
        if monotonic() - self._renewed_at > 2 * RENEW_EVERY:
            self._well_since = monotonic()  # the store hung, and may have done so for the others, too
        self._renewed_at = monotonic()
        for owner in present.intersection(owners):
            self._lease(owner)
        if monotonic() - self._well_since >= LEASE_SECONDS:
            self.close([owner for owner in owners if owner not in present and self._lease(owner)])

    def _lease(self, owner: str) -> bool:
        return self._store.state.lease(f"owner/{owner}", self.vouching, LEASE_SECONDS) is not None
