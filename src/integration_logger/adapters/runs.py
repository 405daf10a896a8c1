"""Runs of pipelines and models: what ``log.run`` gives to the host."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import force_setattr

from integration_logger.adapters.spans import SpanCapture
from integration_logger.entry import Entry, Run
from integration_logger.plain import plain
from integration_logger.texts import safe_text

if TYPE_CHECKING:
    from integration_logger.recorder import Recorder

ExternalIp = str | Callable[[], str | None] | None
"""The address that the host is seen under from outside, or what tells it."""

_LARGEST: Final = 2**63 - 1


class RunCapture(SpanCapture):
    """A run while it is under way."""

    __slots__ = ("facts", "lock", "setting_up")

    def __init__(self, recorder: Recorder, name: object, job_id: object, external_ip: ExternalIp) -> None:
        super().__init__(recorder, "run")
        self.operation = safe_text(name)
        self.facts: dict[str, Any] = {"job_name": self.operation}
        """Fields of the entry's ``Run``."""
        self.lock = Lock()
        self.setting_up: Setup | None = None
        if job_id is not None:
            self.facts["job_id"] = text = safe_text(job_id)
            self.label(job_id=text)
        if external_ip is not None:
            self._locate(external_ip)

    def _locate(self, external_ip: ExternalIp) -> None:
        try:
            found = external_ip() if callable(external_ip) else external_ip
            self.facts["external_ip"] = None if found is None else safe_text(found, 255)
        except Exception as error:
            self.misused(error)

    # --- for the host -----------------------------------------------------------------------------

    def setup(self) -> Setup:
        """Return a context manager for what comes before the work; its time is not counted as execution."""
        return Setup(self)

    def add_rows(self, count: int = 1) -> None:
        """Count rows; may be called by several threads."""
        try:
            number = _whole(count)
            with self.lock:
                self.facts["row_count"] = _bounded(self.facts.get("row_count", 0) + number)
        except Exception as error:
            self.misused(error)

    def savepoint(self, new: object = None, *, initial: object = None) -> None:
        """Keep where the run began to read (``initial``) and how far it has come (``new``), as they are now."""
        if initial is not None:
            self.facts["initial_savepoint"] = plain(initial)
        if new is not None:
            self.facts["new_savepoint"] = plain(new)

    def set(self, **facts: object) -> None:
        """Set fields of the run by name, such as ``has_deltas=True`` or ``row_count=4915``."""
        for name, value in facts.items():
            try:
                self.facts[name] = None if value is None else _READERS[name](value)
            except Exception as error:
                self.misused(error)
        if "job_id" in facts:
            self.label(job_id=self.facts.get("job_id"))

    # --- for the log --------------------------------------------------------------------------------

    def figures(self) -> Run:
        """Return what is known of the run by now."""
        facts = self.facts.copy()
        setup, duration = facts.get("setup_seconds"), self.duration
        if duration is not None:
            facts.setdefault("execution_seconds", max(0.0, duration - (setup or 0.0)))
        return Run(**facts)

    def end(self, error: BaseException | None) -> None:
        if self.setting_up is not None:
            self.setting_up.end()
        super().end(error)

    def finish(self) -> Entry:
        entry = super().finish()
        force_setattr(entry, "run", self.figures())
        return entry

    def so_far(self) -> Entry:
        entry = super().so_far()
        force_setattr(entry, "run", self.figures())
        return entry


class Setup:
    """The time before a run's work."""

    __slots__ = ("began", "run")

    def __init__(self, run: RunCapture) -> None:
        self.run = run
        self.began: float | None = None

    def __enter__(self) -> None:
        self.began, self.run.setting_up = perf_counter(), self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        """Add the time since it began; once."""
        if self.began is not None:
            facts = self.run.facts
            facts["setup_seconds"] = (facts.get("setup_seconds") or 0.0) + perf_counter() - self.began
            self.began = self.run.setting_up = None


def _whole(value: Any) -> int:
    try:
        return index(value)
    except TypeError:
        if isinstance(value, str | bytes) or value != int(value):
            raise
        return int(value)


def _bounded(number: int) -> int:
    return max(-_LARGEST, min(_LARGEST, number))


def _count(value: Any) -> int:
    return _bounded(_whole(value))


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, str | bytes) or not abs(number) < 1e15:
        raise ValueError("a number is wanted")
    return number


def _flag(value: Any) -> bool:
    if value not in (True, False):
        raise ValueError("true or false is wanted")
    return bool(value)


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "job_id": safe_text,
    "job_name": safe_text,
    "setup_seconds": _number,
    "execution_seconds": _number,
    "row_count": _count,
    "raw_row_count": _count,
    "mb_estimate": _number,
    "has_deltas": _flag,
    "is_billable": _flag,
    "initial_savepoint": plain,
    "new_savepoint": plain,
    "external_ip": safe_text,
}
