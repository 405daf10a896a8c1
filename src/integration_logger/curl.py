"""The shell command that repeats a captured request, safe to paste into bash."""

from __future__ import annotations

import re
import shlex

import msgspec

from integration_logger.entry import Entry


class Curl(msgspec.Struct, frozen=True):
    """A command, and what to know before running it."""

    text: str | None
    """None where there is no HTTP request to repeat."""
    notes: tuple[str, ...] = ()


def curl(entry: Entry) -> Curl:
    """Return the command that sends the captured request once more."""
    if entry.url is None or not re.match(r"https?://", entry.url, re.IGNORECASE):
        return Curl(None, ("There is no HTTP request to repeat.",))
    return Curl(f"curl -X {shlex.quote(entry.method or 'GET')} {shlex.quote(entry.url)}")
