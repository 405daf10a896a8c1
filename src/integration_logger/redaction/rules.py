"""What one Redactor takes for a secret."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from integration_logger.redaction import json, routes, text
from integration_logger.redaction.edits import Edit, apply, merge
from integration_logger.redaction.names import Keep, Names
from integration_logger.redaction.paths import Paths
from integration_logger.redaction.remembered import Remembered
from integration_logger.redaction.scan import Scanner
from integration_logger.redaction.suspects import Hits
from integration_logger.redaction.values import SHAPES, Shape


class Hidden(NamedTuple):
    """A header that is not kept as it is."""

    place: int
    name: bytes
    """As it is kept."""
    lower: bytes
    shown: str


class Rules:
    """The names and shapes that are masked, and the scan that looks for all of them at once."""

    def __init__(
        self,
        names: Iterable[str] = (),
        keep: Keep = (),
        shapes: Iterable[Shape] = (),
        paths: Iterable[str] = (),
    ) -> None:
        self.names = Names(names, keep)
        self.shapes = (*SHAPES, *shapes)
        self.paths = Paths(paths)
        self.hidden_in = Remembered(self._hidden_in)
        """Whether the template of a route has a sensitive parameter."""
        self.hidden_headers = Remembered(self._hidden_headers, size=_total)
        """Which headers of a message are sensitive, by the names of all: most callers send the same ones every time."""
        self.cookies = Remembered(self._cookies)
        """Cookies without their values, and without what their names and attributes hold that is secret."""
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

    def _hidden_headers(self, names: tuple[bytes, ...]) -> Sequence[Hidden]:
        kept = [apply(name, merge(text.by_shapes(name, self.hits(name), self.shapes))) for name in names]
        return [
            Hidden(place, name, name.lower(), name.lower().decode("latin-1"))
            for place, name in enumerate(kept)
            if name != names[place] or self.names.sensitive_header(name) or name.lower() in self.paths.headers
        ]

    def _cookies(self, masked: bytes) -> bytes:
        return apply(masked, self.within(masked, prose=False))

    def within(self, data: bytes, depth: int = 0, *, prose: bool = True) -> list[Edit]:
        """Return what is secret in a text of unknown syntax that stands within something else."""
        hits = self.hits(data)
        if not hits:
            return []
        if depth <= text.DEEPEST and json.looks_like(data) and json.is_json(data):
            return json.edits(data, hits, self, depth=depth)
        return text.edits(data, hits, self, prose=prose, depth=depth)


def _total(names: tuple[bytes, ...]) -> int:
    return sum(len(name) for name in names)
