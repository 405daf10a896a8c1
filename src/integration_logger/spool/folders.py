"""What belongs to a spool folder as a whole: which store it is for, how full it is, what the dead have left in it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Final

from integration_logger.descriptors import Descriptor
from integration_logger.ids import new_id
from integration_logger.spool.aside import write_private
from integration_logger.spool.segments import POSITION, SEGMENT, UNNAMED

MANIFEST: Final = "manifest.json"
TROUBLE: Final = "ship.trouble"
RULES: Final = "retention.json"
JOB: Final = ".job"
"""What a child that ships is told, until it has read it."""
JOB_SECONDS: Final = 60.0
"""After so long nobody will read it any more."""


def claim_folder(folder: Path, store: str) -> None:
    """Make the folder and note which store it is for; raise ``OSError`` where it is another one's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (other := read_manifest(folder)) is None:
        _write_manifest(folder, store)
        other = read_manifest(folder)
    if other != store:
        raise OSError(0, f"the spool folder belongs to another store ({other})")


def read_manifest(folder: Path) -> str | None:
    """Return which store a spool folder is for, or None where it does not say."""
    return _read(folder, "store")


def folder_id(folder: Path) -> str | None:
    """Return the UUID of a spool folder, which no other folder on any machine has; None where it does not say."""
    return _read(folder, "id")


def _read(folder: Path, name: str) -> str | None:
    try:
        found = json.loads((folder / MANIFEST).read_bytes()).get(name)
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def _write_manifest(folder: Path, store: str) -> None:
    """Put the manifest there whole, and only if no other process does so at the same time."""
    draft = folder / f".{MANIFEST}-{new_id()}"
    try:
        write_private(draft, json.dumps({"store": store, "id": new_id(), "version": 1}).encode())
        try:
            os.link(draft, folder / MANIFEST)
        except FileExistsError:
            if read_manifest(folder) is None:  # damaged: it says nothing that could be lost
                draft.replace(folder / MANIFEST)
    finally:
        draft.unlink(missing_ok=True)


def write_rules(folder: Path, store: str, rules: bytes) -> None:
    """Leave the rules of retention in the folder, for a shipper in another process; raises ``OSError``."""
    claim_folder(folder, store)
    draft = folder / f".{RULES}-{new_id()}"
    write_private(draft, rules)
    draft.replace(folder / RULES)


def read_rules(folder: Path) -> bytes | None:
    """Return the rules that were left in the folder, or None where there are none."""
    try:
        return (folder / RULES).read_bytes()
    except OSError:
        return None


def note_trouble(folder: Path, text: str | None) -> None:
    """Let every process of the folder know why nothing is shipped, or that all is well again."""
    with suppress(OSError):
        (folder / TROUBLE).unlink(missing_ok=True)
        if text is not None:
            write_private(folder / TROUBLE, text.encode())


def read_trouble(folder: Path) -> str | None:
    """Return why nothing is shipped, as the shipper of the folder has noted it; None while all is well."""
    with suppress(OSError):
        return (folder / TROUBLE).read_text("utf-8", "replace") or None
    return None


def folder_bytes(folder: Path) -> int:
    """Return the bytes in all segments of a folder, those made ready included, as far as it can be read."""
    found = 0
    with suppress(OSError), os.scandir(folder) as files:
        for file in files:
            if file.name.endswith((SEGMENT, UNNAMED)):
                with suppress(OSError):
                    found += file.stat(follow_symlinks=False).st_size
    return found


def tidy(folder: Path) -> None:
    """Delete what dead processes left: what has no name yet, positions of segments that have gone, jobs never read."""
    for path in [*folder.iterdir()]:
        if path.suffix == UNNAMED:
            with suppress(OSError):
                file = Descriptor(path, os.O_RDONLY)
                if file.lock():
                    path.unlink()
                file.close()
        elif _is_left(path):
            path.unlink(missing_ok=True)


def _is_left(path: Path) -> bool:
    if path.suffix == POSITION:
        return not path.with_suffix(SEGMENT).exists()
    return path.suffix == JOB and _age(path) > JOB_SECONDS


def _age(path: Path) -> float:
    with suppress(FileNotFoundError):
        return time() - path.stat().st_mtime
    return 0.0
