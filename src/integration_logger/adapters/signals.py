"""Exceptions that a framework answers itself before the server could see them: Flask and Django tell of each."""

from __future__ import annotations

import sys
from typing import Any, Final

from integration_logger.context import current

_SIGNALS: Final = ("flask.signals", "django.core.signals")


def listen() -> None:
    """Be told by the frameworks that are imported; to ask again changes nothing."""
    for module in _SIGNALS:
        signal = getattr(sys.modules.get(module), "got_request_exception", None)
        if signal is not None:
            signal.connect(_note)


def _note(sender: object = None, exception: Exception | None = None, **more: Any) -> None:
    """Leave an exception to the call that is being served, for every logger around it."""
    capture = current.get()
    while capture is not None:
        capture.answered_for = exception or sys.exception()
        capture = capture.outer
