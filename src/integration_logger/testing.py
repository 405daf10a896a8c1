"""For the tests of a host: a logger that keeps its entries at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from integration_logger import codec
from integration_logger.entry import Entry
from integration_logger.logger import IntegrationLogger
from integration_logger.query import EVERYTHING, Query
from integration_logger.redaction.known import forms

FRAGMENT: Final = 8
"""So many characters of a secret in a row give it away."""


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


def assert_redacted(entries: Entry | Iterable[Entry], *secrets: str) -> None:
    """Fail if any of the secrets, or eight characters of one in a row, is in what is stored of these entries.

    They are looked for as they are and as JSON, URLs, HTML and base64 write them. Entries in which nothing was masked
    fail too: then the secrets never came so far, and their absence proves nothing.
    """
    listed = [entries] if isinstance(entries, Entry) else [*entries]
    if not secrets or not all(secrets):
        raise ValueError("assert_redacted takes the secrets that were sent, none of them empty")
    if not any(entry.redacted for entry in listed):
        raise AssertionError(f"in {len(listed)} entries nothing was masked: was the secret in what was recorded?")
    shown = {piece for secret in secrets for form in forms(secret) for piece in _pieces(form)}
    for entry in listed:
        for field, value in codec.to_dict(entry).items():
            text = codec.to_json(value).decode() + str(value)
            if leaked := next((piece for piece in shown if piece in text), None):
                raise AssertionError(f"{field} of entry {entry.id} shows {leaked!r}, which is of a secret")


def _pieces(text: str) -> Iterator[str]:
    for start in range(max(1, len(text) - FRAGMENT + 1)):
        yield text[start : start + FRAGMENT]
