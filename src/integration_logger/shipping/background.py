"""The threads of one logger: one keeps its spool in order, one ships, one deletes what has expired."""

from __future__ import annotations

from time import monotonic

from integration_logger.errors import StoreError
from integration_logger.shipping.housekeeping import PURGE_EVERY, Housekeeping
from integration_logger.shipping.keeper import Keeper
from integration_logger.shipping.shipper import INTERVAL, LONGEST_PAUSE, Shipper
from integration_logger.shipping.threads import Worker
from integration_logger.spool.folders import note_trouble
from integration_logger.trouble import Trouble, describe


class Background:
    """Runs what the request path does not wait for: ``start`` it once, ``stop`` it once."""

    def __init__(self, keeper: Keeper | None, shipper: Shipper | None, *, threads: bool = True) -> None:
        self.shipping = Trouble()
        self.purging = Trouble()
        self.shipper = shipper
        self.keeper = keeper
        self._pause = INTERVAL
        self._told: str | None = ""
        """The trouble that was noted in the folder; at first nobody knows what a former shipper has left there."""
        self._ends_at = monotonic()
        self._threads = threads
        self._keeping = [Worker("keeper", keeper.keep)] if keeper and threads else []
        self._shipping = [Worker("shipper", self._ship, self._ship_last)] if shipper and threads else []
        self._housekeeping = Housekeeping(shipper.store, shipper.retention) if shipper else None
        self._purging = [Worker("purger", self._purge)] if shipper and threads else []

    def start(self) -> None:
        """Start the threads; raises ``RuntimeError`` where the system has none left, and leaves none running."""
        try:
            for worker in (*self._keeping, *self._shipping, *self._purging):
                worker.start()
        except RuntimeError:
            self.stop(0)
            raise

    def wake(self) -> None:
        """Have the spool and the store looked at now."""
        for worker in (*self._keeping, *self._shipping):
            worker.wake()
        if self.keeper is not None and not self._threads:
            self.keeper.keep()

    def stop(self, timeout: float) -> bool:
        """Give up the segment, ship what is left and end; return whether all that took at most ``timeout`` seconds."""
        self._ends_at = monotonic() + timeout
        _stop(self._keeping, self._ends_at)
        child = None
        if self.keeper is not None:
            self.keeper.close()
            child = self.keeper.child
        ended = _stop([*self._shipping, *self._purging], self._ends_at)
        return (child is None or child.stop(max(0.0, self._ends_at - monotonic()))) and ended

    def _ship(self) -> float:
        shipper = self.shipper
        try:
            if shipper is not None:
                shipper.ship()
        except BaseException as error:  # whatever the store or the disk does, it is tried again
            text = str(error) if isinstance(error, StoreError) else describe(error)
            if shipper is not None:
                shipper.counts["shipping_errors"] += 1
            self.shipping.warn("shipping to the store failed, entries wait on the spool: %s", text)
            self._tell(text)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            return self._pause
        self.shipping.end()
        self._tell(None if shipper is None else shipper.left)
        self._pause = INTERVAL
        return 0 if shipper is not None and shipper.more else INTERVAL

    def _tell(self, trouble: str | None) -> None:
        """Leave word for the processes that this one ships for: they cannot see what is wrong here."""
        shipper = self.shipper
        if shipper is not None and shipper.folder is not None and shipper.has_folder and trouble != self._told:
            note_trouble(shipper.folder, trouble)
            self._told = trouble

    def _ship_last(self) -> None:
        """Ship what was just given up, here and by processes that have gone, unless the store is known to be away."""
        if self.shipper is not None:
            self.shipper.look_again()
        while self.shipping.text is None and self._ship() == 0 and monotonic() < self._ends_at:
            pass
        if self.shipper is not None:
            self.shipper.close()

    def _purge(self) -> float:
        shipper = self.shipper
        if self._housekeeping is None or shipper is None or not shipper.active or self.shipping.text is not None:
            return 1.0
        try:
            self._housekeeping.work()
        except BaseException as error:
            text = str(error) if isinstance(error, StoreError) else describe(error)
            self.purging.warn("deleting expired entries failed: %s", text)
            return LONGEST_PAUSE
        self.purging.end()
        return PURGE_EVERY


def _stop(workers: list[Worker], ends_at: float) -> bool:
    for worker in workers:
        worker.stop()
    ended = [worker.join(max(0.0, ends_at - monotonic())) for worker in workers]
    return all(ended)
