"""Entries field by field: what ``Store.columns`` gives, and how it comes from whole entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from integration_logger import codec
from integration_logger.entry import Entry, Run

WHOLE_ONLY: Final = ("request", "response", "variables", "traceback", "redacted")
"""Fields that lists do not have, or not all of."""
FIELDS: Final = tuple(name for name in Entry.__struct_fields__ if name not in WHOLE_ONLY)
"""Fields that can be asked for one by one."""


def column(entries: Sequence[Entry], field: str) -> list[Any]:
    """Return the values of a field; what has parts as compact JSON, None where it has none."""
    values = [getattr(entry, field) for entry in entries]
    write = WRITERS.get(field)
    return values if write is None else [write(value) if value else None for value in values]


def json_text(value: object) -> str:
    """Return plain data as compact JSON."""
    return codec.to_json(value).decode()


def run_text(run: Run) -> str:
    """Return a run as JSON under its public names."""
    return json_text({name: getattr(run, name) for name in Run.__struct_fields__})


WRITERS: Final[dict[str, Callable[[Any], str]]] = {"labels": json_text, "errors": json_text, "run": run_text}
"""Fields that have parts."""
