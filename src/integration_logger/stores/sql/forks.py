"""What a database whose connections must not cross a fork does about forks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final
from weakref import WeakSet

from integration_logger.errors import StoreError
from integration_logger.forks import in_child

PATIENCE: Final = 1.0
"""Seconds that a fork waits for transactions that are under way."""


class ForkGate:
    """Entered by everybody who uses connections, so that a process forks with none open.

    A connection that a child inherits is worse than useless where the library keeps count of locks in memory, as
    SQLite does: the child then believes in locks that it does not hold, and what it writes through connections of
    its own can be lost. If a transaction outlasts the patience of a fork, the child must leave the database alone.
    """

    def __init__(self, disconnect: Callable[[], None]) -> None:
        self._disconnect = disconnect
        """Closes all connections that nobody uses."""
        self._begin()
        self._barred = False
        _gates.add(self)

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside = threading.local()
        self._users = 0
        self._forking = False

    def __enter__(self) -> None:
        if self._barred:
            raise StoreError("this process was forked while its parent used the store: begin it anew, or fork earlier")
        depth = getattr(self._inside, "depth", 0)
        with self._changed:
            if not depth:
                self._changed.wait_for(lambda: not self._forking)
            self._users += 1
        self._inside.depth = depth + 1

    def __exit__(self, *_: object) -> None:
        if not getattr(self._inside, "depth", 0):
            return  # entered by the parent
        self._inside.depth -= 1
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    def close(self, ends_at: float) -> None:
        """Before a fork: let nobody in, wait for those inside, and disconnect."""
        mine = getattr(self._inside, "depth", 0)
        with self._changed:
            self._forking = True
            self._changed.wait_for(lambda: self._users <= mine, max(0.0, ends_at - monotonic()))
        self._disconnect()

    def reopen(self) -> None:
        """In the parent: go on."""
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def inherit(self) -> None:
        """In the child: begin anew, without the parent's users."""
        self._barred = self._barred or self._users > 0
        if not self._forking:  # nobody has told of this fork before
            self._disconnect()
        self._begin()


_gates: WeakSet[ForkGate] = WeakSet()


def _before() -> None:
    ends_at = monotonic() + PATIENCE
    for gate in [*_gates]:
        gate.close(ends_at)


def _after_in_parent() -> None:
    for gate in [*_gates]:
        gate.reopen()


def _after_in_child() -> None:
    for gate in [*_gates]:
        gate.inherit()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent)
in_child(_after_in_child)
