"""The applications of the host, those without an entry included."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import islice

from integration_logger.errors import ConfigurationError
from integration_logger.texts import safe_text
from integration_logger.viewer.access import Principal

_logger = logging.getLogger("integration_logger")

MOST = 1000

Applications = Callable[[Principal], Iterable[str] | None]
"""Gets the reader, and returns the names of all applications that there are."""


def checked(applications: object) -> Applications | None:
    """Return the callable; raises ``ConfigurationError`` for anything else."""
    if applications is not None and not callable(applications):
        raise ConfigurationError(f"applications takes a callable that gets the reader, not {applications!r}")
    return applications


def known(applications: Applications | None, principal: Principal) -> list[str]:
    """Return the applications that the reader may see; none where the host cannot say it."""
    if applications is None:
        return []
    try:
        found = [safe_text(name) for name in islice(applications(principal) or (), MOST)]
    except Exception:
        _logger.exception("applications failed; the log browser offers those that it has seen")
        return []
    return [name for name in found if name in principal.applications]
