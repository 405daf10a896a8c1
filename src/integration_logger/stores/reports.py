"""Reports of processes in State: how the logging does everywhere, not only in the process that one asks."""

from __future__ import annotations

from typing import Final

import msgspec

from integration_logger import codec
from integration_logger.errors import CodecError
from integration_logger.health import Report
from integration_logger.stores.state import State

_PREFIX: Final = "health/"


def put_report(state: State, report: Report) -> None:
    """Note the newest report of a process."""
    state.put(f"{_PREFIX}{report.owner}", codec.encode(msgspec.structs.replace(report, in_flight=(), ended=())))


def get_report(state: State, owner: str) -> Report | None:
    """Return the newest report of a process, or None where there is none that can be read."""
    found = state.get(f"{_PREFIX}{owner}")
    return None if found is None else _read(found)


def all_reports(state: State) -> list[Report]:
    """Return the newest report of each process, those that ended long ago aside."""
    return [report for value in state.list(_PREFIX).values() if (report := _read(value)) is not None]


def _read(value: bytes) -> Report | None:
    try:
        return codec.decode_report(value)
    except CodecError:  # of a newer version
        return None
