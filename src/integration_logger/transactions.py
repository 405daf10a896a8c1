"""One call as the host sees it, and the attempts that were made of it: redirects, round trips for auth, retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_logger.context import attempts, current, other, own

if TYPE_CHECKING:
    from integration_logger.capture import Capture


class Transaction:
    """One call as the host sees it, which may take several attempts: redirects, round trips for auth, retries."""

    __slots__ = ("count", "id", "outer", "recorder", "within")

    def __init__(self, recorder: object, outer: Transaction | None = None, within: Capture | None = None) -> None:
        self.recorder = recorder
        self.within = within
        """What its attempts are made in, and nothing that is made in them."""
        self.outer = other(outer, recorder)
        """That of another logger."""
        self.id: str | None = None
        self.count = 0

    def add(self, capture: Capture) -> None:
        """Make a capture the next attempt."""
        self.count += 1
        capture.attempt = self.count
        if self.id is None:
            self.id = capture.id
        else:
            capture.transaction_id = self.id

    def take_back(self) -> None:
        """Forget the last attempt: somebody further inside records it."""
        self.count -= 1
        if self.count == 0:
            self.id = None


def transaction_here(recorder: object) -> Transaction | None:
    """Return what a call that begins here is an attempt of, within ``log.attempts()``."""
    transaction = own(attempts.get(), recorder)
    if transaction is None:
        return None
    here = own(current.get(), recorder)
    while here is not transaction.within and here is not None and here.kind in ("script", "run"):
        here = own(here.outer, recorder)
    return transaction if here is transaction.within else None
