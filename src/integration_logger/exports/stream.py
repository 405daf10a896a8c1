"""What all formats share: the way from a store to chunks of a file, and how its reader learns that it is whole."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol

import msgspec

from integration_logger.entry import Entry
from integration_logger.errors import IntegrationLoggerError
from integration_logger.query import Query
from integration_logger.stores.base import Store, without_detail

Detail = bool | Callable[[Entry], bool]
"""Whether headers, bodies and all that goes with them are written; a callable decides for each entry."""


class Chunk(msgspec.Struct, frozen=True):
    """Some bytes of the file, after which so many entries are in it."""

    data: bytes
    """Empty where nothing was found for a while."""
    entries: int
    seq: int | None
    """Of the last entry that was looked at: an export can go on behind it."""


class Part(msgspec.Struct, frozen=True):
    """Some entries as they are written."""

    data: bytes
    entries: int
    seq: int | None


class Format(Protocol):
    """How entries are written down. One object writes one file."""

    suffix: str
    media_type: str

    def begin(self) -> bytes:
        """Return what stands before the first entry."""
        ...

    def parts(self, store: Store, query: Query) -> Iterator[Part]:
        """Yield the matches as they are written, some at a time."""
        ...

    def write(self, entries: Sequence[Entry]) -> Part:
        """Return some entries as they are written."""
        ...

    def end(self, entries: int, *, complete: bool) -> bytes:
        """Return what stands behind the last entry, and tells whether the export is complete."""
        ...


class BrokenOff(Exception):
    """Thrown into an export that is to end early: it tells its reader so."""


def export(format: Format, store: Store, query: Query, *, entries: int | None = None) -> Generator[Chunk]:
    """Yield the file chunk by chunk; close it, or throw ``BrokenOff`` into it, at any time.

    Whatever breaks it off, the last chunk says that it is not complete; then that is raised. ``entries`` are those
    that a file has which is gone on with: it gets no beginning. Calls that are still open are in it only where they are
    asked for by name, before all others: they have no ``seq``, and will be other entries once they have ended.
    """
    seq, found = query.cursor, entries or 0
    try:
        if entries is None:
            yield Chunk(format.begin(), 0, seq)
            if seq is None and query.wants_in_flight:
                open_calls = format.write(_in_flight(store, query))
                found = open_calls.entries
                yield Chunk(open_calls.data, found, seq)
        for part in format.parts(store, query):
            found += part.entries
            seq = seq if part.seq is None else part.seq
            yield Chunk(part.data, found, seq)
    except (IntegrationLoggerError, BrokenOff):
        yield Chunk(format.end(found, complete=False), found, seq)
        raise
    yield Chunk(format.end(found, complete=True), found, seq)


def _in_flight(store: Store, query: Query) -> Sequence[Entry]:
    return store.search(msgspec.structs.replace(query, order="desc", limit=1)).in_flight


def shown(entries: Sequence[Entry], detail: Detail) -> Sequence[Entry]:
    """Return the entries as far as they may be seen."""
    if detail is True:
        return entries
    return [entry if callable(detail) and detail(entry) else without_detail(entry) for entry in entries]


def export_one(format: Format, entry: Entry) -> bytes:
    """Return the file with one entry."""
    return format.begin() + format.write([entry]).data + format.end(1, complete=True)
