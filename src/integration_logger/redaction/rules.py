"""What one Redactor takes for a secret."""

from __future__ import annotations

from collections.abc import Iterable

from integration_logger.redaction import json, routes, text
from integration_logger.redaction.edits import Edit
from integration_logger.redaction.names import Keep, Names
from integration_logger.redaction.remembered import Remembered
from integration_logger.redaction.scan import Scanner
from integration_logger.redaction.suspects import Hits
from integration_logger.redaction.values import SHAPES, Shape


class Rules:
    """The names and shapes that are masked, and the scan that looks for all of them at once."""

    def __init__(self, names: Iterable[str] = (), keep: Keep = (), shapes: Iterable[Shape] = ()) -> None:
        self.names = Names(names, keep)
        self.shapes = (*SHAPES, *shapes)
        self.hidden_in = Remembered(self._hidden_in)
        """Whether the template of a route has a sensitive parameter."""
        self._scanner = Scanner(self.names, self.shapes)

    @property
    def hits(self) -> Hits:
        """The scan."""
        return self._scanner.hits

    def prepare(self) -> None:
        """Begin to compile what is looked for, away from any request."""
        self._scanner.prepare()

    def _hidden_in(self, route: str) -> bool:
        return routes.hides(route, self.names)

    def within(self, data: bytes, depth: int = 0, *, prose: bool = True) -> list[Edit]:
        """Return what is secret in a text of unknown syntax that stands within something else."""
        hits = self.hits(data)
        if not hits:
            return []
        if depth <= text.DEEPEST and json.looks_like(data) and json.is_json(data):
            return json.edits(data, hits, self, depth=depth)
        return text.edits(data, hits, self, prose=prose, depth=depth)
