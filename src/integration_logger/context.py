"""What is under way here: the call that is captured, the attempts that belong together, and our own doings.

Tasks and threads take it along (``contextvars.copy_context``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from integration_logger.capture import Capture
    from integration_logger.transactions import Transaction

ENVIRON_KEY: Final = "integration_logger.capture"
"""Where a capture lies in the environ, for the log browser to leave itself out; names without a dot are text."""

current: ContextVar[Capture | None] = ContextVar("integration_logger_current", default=None)
"""What ``log.current()`` returns and what child entries take as their parent."""

attempts: ContextVar[Transaction | None] = ContextVar("integration_logger_attempts", default=None)
"""What the calls are attempts of that are made here, within ``log.attempts()``."""

unrecorded: ContextVar[bool] = ContextVar("integration_logger_unrecorded", default=False)
"""True while the logger itself is at work: what it calls is not recorded, or that would never end."""


def at_work() -> AbstractContextManager[None]:
    """The logger itself is at work, or asks the host something for the log's sake."""
    return _unrecorded(True)


def host_at_work() -> AbstractContextManager[None]:
    """The host does work of its own, in a thread of the logger."""
    return _unrecorded(False)


@contextmanager
def _unrecorded(value: bool) -> Iterator[None]:
    token = unrecorded.set(value)
    try:
        yield
    finally:
        with suppress(ValueError):  # ended from another context, as the garbage collector does
            unrecorded.reset(token)


class _Nested(Protocol):
    @property
    def recorder(self) -> object: ...
    @property
    def outer(self) -> Self | None: ...


Found = TypeVar("Found", bound=_Nested)


def own(found: Found | None, recorder: object) -> Found | None:
    """Return the nearest that is of this logger, looking outward: several loggers may see the same call."""
    while found is not None and found.recorder is not recorder:
        found = found.outer
    return found


def other(found: Found | None, recorder: object) -> Found | None:
    """Return the nearest that is of another logger, looking outward."""
    while found is not None and found.recorder is recorder:
        found = found.outer
    return found
