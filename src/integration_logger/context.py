"""Which capture is under way here: what ``log.current()`` returns and what child entries take as their parent."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration_logger.capture import Capture

current: ContextVar[Capture | None] = ContextVar("integration_logger_current", default=None)
