"""Runs as the records of Kondado's Logs API: its names, its order, its types."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from integration_logger.entry import Entry, Run

_DIGITS: Final = 18  # more do not fit an integer of 64 bits


def pipeline_row(entry: Entry, *, extended: bool) -> dict[str, Any]:
    """Return the record of a pipeline's run; its numbers are texts. ``extended`` adds what newer clients know."""
    run = entry.run or Run()
    seconds = _execution_seconds(entry, run)
    row = {
        "id": entry.seq,
        "client_id": number_or_text(entry.tenant),
        "pipeline_id": number_or_text(run.job_id),
        "execution_time_seconds": None if seconds is None else f"{seconds:.6f}",
        "has_deltas": bool(run.has_deltas),
        "pipeline_name": _name(entry, run),
        "row_count": _text(run.row_count),
        **_dates(entry),
        "initial_savepoint": run.initial_savepoint,
        "new_savepoint": run.new_savepoint,
        "external_ip": run.external_ip,
        "is_billable": bool(run.is_billable),
    }
    more = {"raw_row_count": _text(run.raw_row_count), "mb_estimate": _text(run.mb_estimate)}
    return row | more if extended else row


def model_row(entry: Entry, *, extended: bool) -> dict[str, Any]:
    """Return the record of a model's run; its numbers are numbers. ``extended`` adds nothing here."""
    run = entry.run or Run()
    seconds = _execution_seconds(entry, run)
    return {
        "id": entry.seq,
        "client_id": number_or_text(entry.tenant),
        "model_id": number_or_text(run.job_id),
        "execution_time_seconds": None if seconds is None else round(seconds, 6),
        "model_name": _name(entry, run),
        "row_count": run.row_count,
        **_dates(entry),
    }


def number_or_text(name: str | None) -> int | str | None:
    """Return an id as a number where it is written as one, else as it is."""
    is_number = name is not None and name.isascii() and name.isdigit() and len(name) <= _DIGITS
    return int(name) if name is not None and is_number and str(int(name)) == name else name


def _execution_seconds(entry: Entry, run: Run) -> float | None:
    if run.execution_seconds is not None:
        return run.execution_seconds
    return None if entry.duration is None else max(0.0, entry.duration - (run.setup_seconds or 0.0))


def _name(entry: Entry, run: Run) -> str | None:
    return run.job_name if run.job_name is not None else entry.operation


def _dates(entry: Entry) -> dict[str, str]:
    ended = _milliseconds(entry.ended_at or entry.started_at)
    return {"createdAt": ended, "updatedAt": ended}


def _milliseconds(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"


def _text(number: float | None) -> str | None:
    return None if number is None else f"{Decimal(repr(number)):f}"
