"""What tests of the spool do again and again."""

from __future__ import annotations

import os
import random
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

from integration_logger import codec
from integration_logger.entry import Entry
from integration_logger.spool.segments import SegmentReader, segments
from tests.factories import make_entry

NOBODY = 65534


def encoded(body_size: int = 100, **fields: Any) -> tuple[Entry, bytes]:
    """Return an entry and how it lies on the spool."""
    entry = make_entry(random.Random(body_size), body_size=body_size, expires_at=None, **fields)
    return entry, codec.encode(entry)


def on_spool(folder: Path) -> list[bytes]:
    """Return everything on a spool, shipped or not, as a shipper would read it after the death of all writers."""
    found: list[bytes] = []
    for path in segments(folder):
        reader = SegmentReader(path)
        reader.writer_dead, reader.position = True, 0
        while frames := reader.read(1000):
            found += [frame.payload for frame in frames]
            reader.position = frames[-1].end
        reader.close()
    return found


def entries_on_spool(folder: Path) -> list[bytes]:
    """Return everything on a spool but the reports of processes."""
    return [payload for payload in on_spool(folder) if not codec.is_report(payload)]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let the system cut every write beyond so many bytes of a file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def without_privileges() -> Iterator[Path]:
    """A folder of one's own, in a process that the modes of files apply to, which they do not to root."""
    folder = Path(tempfile.mkdtemp())
    privileged = os.geteuid() == 0
    if privileged:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if privileged:
            os.seteuid(0)
        for path in folder.rglob("*"):
            if path.is_dir():
                path.chmod(0o700)
        folder.chmod(0o700)
        rmtree(folder)
