"""The scan: one look at all bytes that says where a secret may be.

It has no false negatives: whatever the exact pass would mask, the scan sees.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from integration_logger.redaction import databases
from integration_logger.redaction.databases import Databases
from integration_logger.redaction.names import Names
from integration_logger.redaction.search import Search
from integration_logger.redaction.suspects import Hit, Hits
from integration_logger.redaction.values import Shape


class Scanner:
    """Finds suspects in bytes; safe from any number of threads and after a fork."""

    def __init__(self, names: Names, shapes: Sequence[Shape]) -> None:
        self._names = names
        self._shapes = shapes
        self._lock = threading.Lock()
        self.hits: Hits = self._first_scan if databases.hyperscan else Search(names, shapes).hits
        """Return everything suspect in the data."""

    def _first_scan(self, data: bytes) -> Sequence[Hit]:
        """Compile when it is first needed, not while the host is being imported."""
        with self._lock:
            if self.hits == self._first_scan:
                self.hits = Databases(self._names, self._shapes).hits
        return self.hits(data)
