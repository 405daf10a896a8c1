"""Reports of processes in State: how the logging does everywhere, not only in the process that one asks.

Those of processes that have ended are folded into one row some time later, so that State stays small and no total
ever goes down.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from integration_logger import codec
from integration_logger.errors import CodecError
from integration_logger.health import Health, Report, add_up, grown
from integration_logger.stores.state import ABSENT, State

_PREFIX: Final = "health/"
_ENDED: Final = "health-ended"
FOLD_AFTER: Final = timedelta(hours=1)
"""Silence after which a process is taken for ended; one that lives reports at least twice a minute."""
FOLD_WAITING_AFTER: Final = timedelta(days=1)
"""The same where entries wait that nobody ships: somebody should have seen that by then."""
MOST_REMEMBERED: Final = 200
"""Processes whose counts are remembered after they were folded, the last ones: one may come back."""


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """What processes have counted that have ended."""

    total: Health = Health()
    reports: dict[str, Report] = {}
    """The last report of each that was folded, by owner."""


class Reports(msgspec.Struct, frozen=True):
    """What all processes of a store have said of themselves."""

    present: tuple[Report, ...]
    """Of each process, those that ended long ago aside."""
    ended: Ended

    @property
    def total(self) -> Health:
        """What all have counted since there is this store."""
        return add_up([self.ended.total, *(_news(report, self.ended) for report in self.present)])


def put_report(state: State, report: Report) -> None:
    """Note the newest report of a process."""
    state.put(f"{_PREFIX}{report.owner}", codec.encode(replace(report, in_flight=(), ended=())))


def get_report(state: State, owner: str) -> Report | None:
    """Return the newest report of a process, or None where there is none that can be read."""
    found = state.get(f"{_PREFIX}{owner}")
    return (_ended(state.get(_ENDED)) or Ended()).reports.get(owner) if found is None else _read(found)


def all_reports(state: State) -> list[Report]:
    """Return the newest report of each process, those that ended long ago aside."""
    return [report for value in state.list(_PREFIX).values() if (report := _read(value)) is not None]


def read_reports(state: State) -> Reports:
    """Return what all processes have said, those that have ended included."""
    present = all_reports(state)  # first: one that is folded meanwhile is then known twice, and counted once
    return Reports(tuple(present), _ended(state.get(_ENDED)) or Ended())


def fold_reports(state: State, now: datetime) -> None:
    """Add up what processes have counted that have been silent for long, and delete their rows.

    May be left at any point, and done by several at a time: each is counted once.
    """
    value = state.get(_ENDED)  # first: if it is still the same in the end, nobody has folded what is listed now
    ended = _ended(value)
    rows = {row: report for row in state.list(_PREFIX).items() if (report := _read(row[1])) is not None}
    old = {row: report for row, report in rows.items() if now - report.at > _patience(report)}
    if not old or ended is None:
        return
    if state.put(_ENDED, codec.encode(_folded(ended, old.values())), expected=ABSENT if value is None else value):
        for key, found in old:
            state.delete(key, expected=found)  # who reports meanwhile has come back


def _patience(report: Report) -> timedelta:
    return FOLD_WAITING_AFTER if report.health.backlog_bytes else FOLD_AFTER


def _folded(ended: Ended, old: Collection[Report]) -> Ended:
    past = {"backlog_bytes": 0, "backlog_seconds": 0.0, "durable": True, "problems": ()}
    total = add_up([ended.total, *(replace(_news(report, ended), **past) for report in old)])
    known = ended.reports | {report.owner: replace(report, health=replace(report.health, losses=())) for report in old}
    return Ended(total, dict([*known.items()][-MOST_REMEMBERED:]))


def _news(report: Report, ended: Ended) -> Health:
    """Return what a process has counted that was not folded."""
    former = ended.reports.get(report.owner)
    return report.health if former is None else grown(report.health, former.health)


def _read(value: bytes) -> Report | None:
    try:
        return codec.decode_report(value)
    except CodecError:  # of a newer version
        return None


_decoder: Final = msgspec.msgpack.Decoder(Ended)


def _ended(value: bytes | None) -> Ended | None:
    """Return what was folded; None where a newer version has done so."""
    if value is None:
        return Ended()
    try:
        return _decoder.decode(value)
    except msgspec.DecodeError:
        return None
