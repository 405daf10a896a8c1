"""Whether entries wait on the spool that nobody ships, where a logger leaves that to others (``ship=None``)."""

from __future__ import annotations

from time import monotonic
from typing import Final

from integration_logger.shipping.child import is_free
from integration_logger.shipping.shipper import LOCK
from integration_logger.spool.writer import SpoolWriter

PATIENCE: Final = 60.0
"""Seconds without a shipper before it is said: one may be about to start again."""


class Neglect:
    """Looks whether somebody ships; must be asked now and then."""

    def __init__(self, writer: SpoolWriter) -> None:
        self._writer = writer
        self._since: float | None = None
        """When entries waited for the first time that nobody ships."""

    @property
    def text(self) -> str | None:
        """The trouble in words; None while all is well."""
        if self._writer.shipped() or not is_free(self._writer.folder / LOCK):
            self._since = None
            return None
        if self._since is None:
            self._since = monotonic()
        return "nobody ships the spool" if monotonic() - self._since >= PATIENCE else None
