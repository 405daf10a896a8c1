"""Exports into a file, which can go on where they were broken off."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from integration_logger.cli.reading import opened, read_query
from integration_logger.errors import IntegrationLoggerError
from integration_logger.exports import CSV, HAR, NDJSON, SUFFIXES, Chunk, Format, export
from integration_logger.exports.columns import read_columns
from integration_logger.query import EVERYTHING, Order, Query
from integration_logger.stores import safe_url
from integration_logger.stores.base import Store

_DEFAULT: Final = "ndjson"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    store: str
    query: str
    since: str
    format: str
    columns: str | None
    bom: bool
    order: Order


class Place(msgspec.Struct, kw_only=True):
    """How far a file has come; it lies beside the file, and is written after every chunk."""

    asked: Asked
    filters: list[tuple[str, str]]
    """What was asked for when the export was begun: an age such as ``2h`` is a time there."""
    bytes: int = 0
    entries: int = 0
    seq: int | None = None


def run(asked: Asked, output: Path | None, *, resume: bool) -> int:
    """Export to a file, or to standard output; return how many entries."""
    with opened(asked.store) as store:
        return _to_stdout(store, asked) if output is None else _to_file(store, asked, output, resume=resume)


def format_of(given: str | None, output: Path | None) -> str:
    """Return the format that is asked for, or that the name of the file says."""
    if given or output is None:
        return given or _DEFAULT
    suffix = output.suffix.removeprefix(".").lower()
    if suffix not in SUFFIXES:
        endings = ", ".join(f".{name}" for name in SUFFIXES)
        raise click.UsageError(f"{output.name!r} does not tell the format: give --format, or a name with {endings}")
    return suffix


def _format(asked: Asked) -> Format:
    if asked.format == "csv":
        return CSV(read_columns(asked.columns or "standard"), bom=asked.bom)
    if asked.columns or asked.bom:
        raise click.UsageError("--columns and --bom are for CSV")
    return HAR() if asked.format == "har" else NDJSON()


def _to_stdout(store: Store, asked: Asked) -> int:
    if sys.stdout.isatty():
        raise click.UsageError("an export is a file: name one with --output, or send it on to another program")
    query = msgspec.structs.replace(read_query(asked.query, asked.since), order=asked.order)
    entries = 0
    for chunk in _shown(export(_format(asked), store, query), store, asked.order):
        sys.stdout.buffer.write(chunk.data)
        entries = chunk.entries
    return entries


def _to_file(store: Store, asked: Asked, output: Path, *, resume: bool) -> int:
    part, beside = _beside(output, "part"), _beside(output, "resume")
    format = _format(asked)
    place = _read_place(beside, part, asked) if resume else _begun(asked)
    if (place.seq or 0) > store.info().newest_seq:
        raise IntegrationLoggerError("--resume: the log was begun anew meanwhile; begin anew")
    query = msgspec.structs.replace(Query.parse(place.filters, EVERYTHING), order=asked.order, cursor=place.seq)
    with _opened(part, place.bytes) as file, _telling_how_to_go_on(place):
        chunks = export(format, store, query, entries=place.entries if place.bytes else None)
        for chunk in _shown(chunks, store, asked.order):
            file.write(chunk.data)
            file.flush()
            # A place is one between two entries: what ends a file that was broken off is cut away again.
            if (chunk.seq, chunk.entries) != (place.seq, place.entries) or not place.bytes:
                place.bytes, place.entries, place.seq = file.tell(), chunk.entries, chunk.seq
                _keep(place, beside)
    part.replace(output)
    beside.unlink(missing_ok=True)
    return place.entries


def _beside(output: Path, ending: str) -> Path:
    return output.with_name(f"{output.name}.{ending}")


@contextmanager
def _opened(part: Path, length: int) -> Iterator[BinaryIO]:
    """Open a file that only its owner may read, cut to so many bytes.

    In a folder that others may write to, they may have put a file of theirs there beforehand: that is not written to.
    """
    if not length:
        part.unlink(missing_ok=True)
    new = os.O_CREAT | os.O_EXCL if not length else os.O_NOFOLLOW
    with os.fdopen(os.open(part, os.O_WRONLY | new, 0o600), "wb") as file:
        if os.fstat(file.fileno()).st_uid != os.geteuid():
            raise IntegrationLoggerError(f"--resume: {part} belongs to somebody else; begin anew")
        file.truncate(length)
        file.seek(length)
        yield file


def _begun(asked: Asked) -> Place:
    return Place(asked=_without_password(asked), filters=read_query(asked.query, asked.since).params())


def _without_password(asked: Asked) -> Asked:
    return msgspec.structs.replace(asked, store=safe_url(asked.store))


def _read_place(beside: Path, part: Path, asked: Asked) -> Place:
    if asked.format == "har":
        raise click.UsageError("--resume: a HAR is one document, which is begun anew")
    try:
        place = msgspec.json.decode(beside.read_bytes(), type=Place)
        length = part.stat().st_size
    except (OSError, msgspec.DecodeError):
        raise IntegrationLoggerError(f"--resume: there is no {part} that was broken off") from None
    if place.asked != _without_password(asked):
        raise click.UsageError("--resume: the export was begun with other options; give the same ones")
    if length < place.bytes:
        raise IntegrationLoggerError(f"--resume: {part} is shorter than it was; begin anew")
    return place


def _keep(place: Place, beside: Path) -> None:
    new = _beside(beside, "new")
    new.unlink(missing_ok=True)
    new.touch(0o600, exist_ok=False)  # filters may name people
    new.write_bytes(msgspec.json.encode(place))
    new.replace(beside)


@contextmanager
def _telling_how_to_go_on(place: Place) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, IntegrationLoggerError, OSError):
        if place.asked.format != "har":
            text = f"Broken off after {place.entries:,} entries. The same command with --resume goes on from there."
            click.echo(text, err=True)
        raise


def _shown(chunks: Iterator[Chunk], store: Store, order: Order) -> Iterator[Chunk]:
    """Yield the chunks, with a bar of how far it is through the log where somebody looks."""
    if not sys.stderr.isatty():
        yield from chunks
        return
    newest, done = store.info().newest_seq, 0
    with click.progressbar(length=newest, file=sys.stderr, show_pos=False, item_show_func=_counted) as bar:
        for chunk in chunks:
            if chunk.seq is not None:
                place = chunk.seq if order == "asc" else newest - chunk.seq
                bar.update(max(place - done, 0), chunk)
                done = max(place, done)
            yield chunk
        bar.update(newest - done)  # what is left has nothing that is asked for


def _counted(chunk: Chunk | None) -> str:
    return f"{chunk.entries:,} entries" if chunk else ""
