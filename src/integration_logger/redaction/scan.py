"""The scan: one look at all bytes that says where a secret may be.

It has no false negatives: whatever the exact pass would mask, the scan sees.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

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
        self._search = Search(names, shapes).hits
        self._compiling: threading.Thread | None = None
        self.hits: Hits = self._meanwhile if databases.hyperscan else self._search
        """Return everything suspect in the data."""

    def prepare(self) -> None:
        """Begin to compile, which takes a fifth of a second; does nothing where that is done or under way."""
        if "uwsgi" in sys.modules and self.hits == self._meanwhile:
            self._compile()  # it forks without telling Python, whose end would wait for a thread that is not there
        # a forked child has none of its parent's threads
        if self.hits == self._meanwhile and (self._compiling is None or not self._compiling.is_alive()):
            # no daemon: an interpreter that ends within native code is brought down by it
            self._compiling = threading.Thread(target=self._compile, name="integration-logger-patterns", daemon=False)
            with suppress(RuntimeError):  # no more threads to be had: the slower search serves on
                self._compiling.start()

    def _compile(self) -> None:
        self.hits = Databases(self._names, self._shapes).hits

    def _meanwhile(self, data: bytes) -> Sequence[Hit]:
        """Search with the standard library until the patterns are compiled: no request shall wait for that."""
        self.prepare()
        return self._search(data)
