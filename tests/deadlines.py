"""Waiting for what must happen soon, without waiting any longer than it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """Return what the condition returns as soon as that is true; fail when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{condition} is still {found!r} after {seconds} s"
        time.sleep(0.002)
    return found
