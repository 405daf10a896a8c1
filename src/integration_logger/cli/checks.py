"""What ``check`` looks at, each with what to do where it is wrong."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from integration_logger import codec
from integration_logger.cli import terminal
from integration_logger.cli.finding import Finding
from integration_logger.cli.reading import sqlite_file
from integration_logger.cli.store_checks import check_store
from integration_logger.errors import CodecError
from integration_logger.options import default_folder, store_name
from integration_logger.shipping.shipper import LOCK
from integration_logger.spool.folders import read_manifest
from integration_logger.spool.segments import HEADER, MAGIC, POSITION, segments

PATIENCE: Final = 60
"""Seconds that an entry may lie on the spool before somebody should look."""

NETWORK: Final = re.compile(
    r"nfs\d*|cifs|smb\w*|9p|afs|ceph|lustre|gpfs|beegfs|orangefs|fuse\.(?!fuse-overlayfs).+|glusterfs|ncpfs"
)
"""Types of file systems that other machines can write to, where locks and appending are not to be relied on."""


def check_all(url: str, spool: Path | None) -> Iterator[Finding]:
    """Look at the store and at its spool, which lies in its usual place unless ``spool`` says otherwise."""
    spool = spool or default_folder(url)
    yield from check_store(url)
    if path := sqlite_file(url):
        yield check_file_system(path.parent, "the store")
    if spool is not None:
        yield from check_spool(spool, url)


def check_spool(spool: Path, url: str) -> Iterator[Finding]:
    """Look at the folder itself, which tells what waits also where the store is away and no process is left."""
    try:
        if not spool.is_dir():
            yield Finding(f"no spool yet in {spool}: nothing has been recorded there")
            return
        yield check_file_system(spool, "the spool")
        yield check_writable(spool)
        yield check_manifest(spool, url)
        yield check_shipping(spool)
        yield check_rejected(spool)
    except OSError as error:
        yield Finding(
            f"the spool {spool} cannot be read: {error.strerror}",
            "run check as the user that the application runs as",
        )


def check_file_system(folder: Path, what: str) -> Finding:
    """Tell whether a folder lies on this machine: files of a log on a network file system get damaged."""
    kind = file_system(folder)
    if kind is not None and NETWORK.fullmatch(kind):
        return Finding(f"{what} lies on a network file system ({kind}): {folder}", "move it to a local disk")
    return Finding(f"{what} lies on a local file system ({kind or 'type unknown'})")


def file_system(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """Return the type of the file system that a folder lies on, None where the machine does not say."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    folder, depth, found = folder.resolve(), 0, None
    for _, point, kind, *_ in map(str.split, lines):
        place = Path(_unescape(point))
        # of two mounts at one place the later hides the earlier
        if folder.is_relative_to(place) and len(place.parts) >= depth:
            depth, found = len(place.parts), kind
    return found


def _unescape(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)


def check_writable(folder: Path) -> Finding:
    """Tell whether entries can be put on the spool, by doing it: a full disk and a foreign owner count alike."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(
            f"the spool {folder} cannot be written: {error.strerror}",
            "make room, or give the folder to the user that the application runs as",
        )
    return Finding(f"the spool {folder} can be written")


def check_manifest(folder: Path, url: str) -> Finding:
    """Tell whether the spool is for this store."""
    other = read_manifest(folder)
    if other is not None and other != store_name(url):
        return Finding(
            f"the spool {folder} is for another store ({other})", "check that one, or give the right --spool"
        )
    return Finding("the spool is for this store")


def check_shipping(folder: Path) -> Finding:
    """Tell whether somebody moves entries from the spool to the store."""
    found = [waiting for path in segments(folder) if (waiting := what_waits(path)) is not None]
    if not found:
        return Finding("nothing waits on the spool")
    size, waited = terminal.size(sum(size for size, _ in found)), time.time() - min(since for _, since in found)
    if waited < PATIENCE:
        return Finding(f"{size} wait on the spool, just written")
    text = f"{size} have been waiting on the spool for {timedelta(seconds=round(waited))}"
    if _is_locked(folder / LOCK):
        return Finding(f"{text} though a process ships", "look for the warnings of integration_logger in its log")
    return Finding(f"{text} and no process ships them", "start the application: what waits is shipped then")


def what_waits(path: Path) -> tuple[int, float] | None:
    """Return the bytes of a segment that wait, and since when; None where nothing does. Zeros lie ahead in it."""
    try:
        shipped = path.with_suffix(POSITION).read_bytes() if path.with_suffix(POSITION).exists() else b""
        with path.open("rb") as file:
            file.seek(int(shipped) if shipped.isdigit() else 0)
            left = file.read().strip(b"\0")
            return (len(left), _written(left) or path.stat().st_mtime) if left else None
    except FileNotFoundError:  # shipped and deleted meanwhile
        return None


def _written(frames: bytes) -> float | None:
    """Return when the first frame was written; None where it does not say."""
    if len(frames) < HEADER.size or not frames.startswith(MAGIC):
        return None
    _, length, _, _ = HEADER.unpack_from(frames)
    payload = frames[HEADER.size : HEADER.size + length]
    try:
        if codec.is_report(payload):
            return codec.decode_report(payload).at.timestamp()
        entry = codec.decode(payload)
    except CodecError:
        return None
    return entry.started_at.timestamp() + (entry.duration or 0)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def check_rejected(folder: Path) -> Finding:
    """Tell whether the store has refused entries."""
    rejected = len(list(folder.glob("rejected/*.bin")))
    if rejected:
        return Finding(
            f"entries set aside in {folder / 'rejected'}, damaged or refused by the store: {rejected}",
            "keep them for a report of the fault, or delete them",
        )
    return Finding("no entry was refused by the store")
