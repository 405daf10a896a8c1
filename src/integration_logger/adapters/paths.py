"""Which paths an adapter records, decided before the call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from typing import Final

from integration_logger.errors import ConfigurationError

Patterns = Iterable[str] | None

HEALTH_CHECKS: Final = (
    "/health", "/health/*", "/healthz", "/_health", "/_healthz", "*/healthcheck", "*/health-check", "*/health_check",
    "*/heartbeat", "/ping", "/ready", "/readyz", "/live", "/livez", "/status/live", "/status/ready",
)  # fmt: skip
"""Paths that load balancers and orchestrators ask for all day; give it as ``exclude=HEALTH_CHECKS``."""


class PathFilter:
    """Tells whether a path is recorded: it matches ``include``, if there is any, and nothing of ``exclude``.

    ``*`` stands for anything, slashes too; a pattern matches the whole path. Raises ``ConfigurationError`` for
    anything but lists of text.
    """

    def __init__(self, include: Patterns, exclude: Patterns) -> None:
        self._include = _compile("include", include)
        self._exclude = _compile("exclude", exclude)

    @property
    def limited(self) -> bool:
        """Whether there are patterns at all."""
        return self._include is not None or self._exclude is not None

    def __call__(self, path: str) -> bool:
        """Return whether calls of this path are recorded."""
        if self._include is not None and not self._include(path):
            return False
        return self._exclude is None or not self._exclude(path)


def _compile(option: str, patterns: Patterns) -> Callable[[str], object] | None:
    if patterns is None:
        return None
    listed = [*patterns] if isinstance(patterns, Iterable) else [patterns]
    if isinstance(patterns, str) or not all(isinstance(pattern, str) for pattern in listed):
        raise ConfigurationError(f"{option} takes a list of path patterns such as ['/health*'], not {patterns!r}")
    return re.compile("|".join(translate(pattern) for pattern in listed)).match if listed else None
