"""For the tests of a host: a logger that keeps its entries at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from integration_logger.entry import Entry
from integration_logger.logger import IntegrationLogger
from integration_logger.query import EVERYTHING, Query


class RecordingLogger(IntegrationLogger):
    """A logger in memory, without threads or files."""

    @property
    def entries(self) -> list[Entry]:
        """Everything recorded so far, oldest first, redacted as it would be stored."""
        while self._shipper.ship():
            pass
        return list(self.store.stream(Query(scope=EVERYTHING, order="asc")))


@contextmanager
def recording(**options: Any) -> Iterator[RecordingLogger]:
    """Yield a logger whose ``entries`` tests can look at; options are those of ``IntegrationLogger``."""
    log = RecordingLogger("memory:", spool=None, ship=None, **options)
    try:
        yield log
    finally:
        log.close()
