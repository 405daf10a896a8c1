"""What all adapters have in common: which calls are recorded where the logger is installed, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from integration_logger.adapters.paths import PathFilter, Patterns
from integration_logger.bodies import OVERLAP, Body, content_type
from integration_logger.capture import add_labels
from integration_logger.context import at_work
from integration_logger.errors import ConfigurationError

if TYPE_CHECKING:
    from integration_logger.recorder import Recorder

MAX_CONTENT_TYPE: Final = 255
"""Bytes looked at of a Content-Type; what is known of each is remembered."""

MAX_DIGITS: Final = 18
"""Of a Content-Length: Python refuses to read very long ones, and a stranger shall not keep a call out of the log."""


def announced(length: bytes | None) -> int:
    """Return what a Content-Length says; -1 where there is none, or none that could be."""
    return int(length) if length is not None and len(length) <= MAX_DIGITS and length.isdigit() else -1


def report(recorder: Recorder, error: Exception) -> None:
    """Count a failure of logging, whatever else fails."""
    with suppress(Exception):
        recorder.failed(error)


class Adapter:
    """The options of one installation."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        include: Patterns,
        exclude: Patterns,
        labels: Callable[[Any], Mapping[str, object] | None] | None,
        bodies: bool,
    ) -> None:
        self.recorder = recorder
        self.wanted = PathFilter(include, exclude)
        if labels is not None and not callable(labels):
            raise ConfigurationError(
                f"labels takes a callable that gets the scope, environ or request and returns a dict, not {labels!r}"
            )
        if not isinstance(bodies, bool):
            raise ConfigurationError(f"bodies takes True or False, not {bodies!r}")
        self.labels = labels
        self.bodies = bodies
        self.limit = recorder.max_body + OVERLAP

    def body(self, type_header: bytes | None, coding: bytes | None) -> Body:
        """Return what will collect a body of this kind."""
        if type_header is not None and len(type_header) > MAX_CONTENT_TYPE:
            type_header = type_header[:MAX_CONTENT_TYPE]
        body = Body(self.limit, content_type(type_header), coding)
        if not self.bodies:
            body.leave_out("off")
        return body

    def labels_of(self, given: Any, ended: bool) -> dict[str, str | list[str]]:
        """Ask the host for the labels of a call, by what it was given for it; it need not know before the end."""
        labels: dict[str, str | list[str]] = {}
        try:
            with at_work():
                add_labels(labels, self.labels(given) or {})  # type: ignore[misc]  # asked only where there are some
        except Exception as error:  # without labels an entry is seen by fewer, never by more
            if ended:
                self.recorder.failed(error, "labels_failed")
            return {}
        return labels
