"""Secrets of a path that are said again: a page that is left for another one names itself in ``Referer``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from msgspec.structs import force_setattr

from integration_logger.redaction.edits import MASK
from integration_logger.redaction.known import SHORTEST

if TYPE_CHECKING:
    from integration_logger.entry import Entry


def silence(entry: Entry, secrets: Iterable[bytes]) -> Iterator[str]:
    """Mask what the path of a call has shown to be secret in its headers and errors, and yield the places."""
    listed = [form for secret in secrets for form in {secret, unquote_to_bytes(secret)} if len(form) >= SHORTEST]
    for half, message in (("request", entry.request), ("response", entry.response)):
        for place, (name, value) in enumerate(message.raw_headers if message else ()):
            if (kept := _without(value, listed)) != value and message:
                headers = [*message.raw_headers]
                headers[place] = name, kept
                force_setattr(message, "raw_headers", headers)
                yield f"{half}.headers: as in url"
    errors = tuple([_text(text, listed) for text in entry.errors])
    if errors != tuple(entry.errors):
        force_setattr(entry, "errors", errors)
        yield "errors: as in url"
    if entry.traceback and (traceback := _text(entry.traceback, listed)) != entry.traceback:
        force_setattr(entry, "traceback", traceback)
        yield "traceback: as in url"


def _text(text: str, secrets: list[bytes]) -> str:
    return _without(text.encode("utf-8", "surrogatepass"), secrets).decode("utf-8", "surrogatepass")


def _without(data: bytes, secrets: list[bytes]) -> bytes:
    for secret in secrets:
        data = data.replace(secret, MASK)
    return data
