"""How the logging does everywhere: what all processes of a store have said, added up, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from integration_logger.errors import StoreError
from integration_logger.health import Health, Loss, Report, add_up, join_losses
from integration_logger.retention import Retention
from integration_logger.stores.base import Info, Store
from integration_logger.stores.reports import Reports, read_reports
from integration_logger.viewer import words

HEARD_WITHIN: Final = timedelta(minutes=1)
"""What a process has said of its present holds for so long; one that lives reports twice a minute."""
LOST_NOW: Final = timedelta(minutes=5)
"""A loss that is not older is still going on, as far as anybody can tell."""
LOST_LATELY: Final = timedelta(days=1)
"""A loss that is not older is shown in the list, so that it is seen the next morning."""
NAMED: Final = 3
"""Processes that are named where many say the same."""
PATIENCE: Final = 60.0
"""Seconds that an entry may wait for the store before somebody should look."""

Status = Literal["ok", "degraded", "failing"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    level: Literal["degraded", "failing"]
    text: str


class Problem(msgspec.Struct, frozen=True):
    """Something that processes have said is wrong with them now."""

    text: str
    processes: tuple[str, ...]
    """Host and process id of each; none where only the process that answers knows it."""


class Lost(msgspec.Struct, frozen=True):
    """All that was lost lately for one reason."""

    reason: str
    text: str
    is_now: bool
    """It may still be going on."""


class Overview:
    """The health of a store's processes at one moment; without ``reports`` only that of the process that answers."""

    def __init__(
        self, here: Health, reports: Reports | None, info: Info | None, store_problem: str | None, now: datetime
    ) -> None:
        self.here = here
        self.info = info
        self.store_problem = store_problem
        self.now = now
        self._reports = reports
        present = () if reports is None else sorted(reports.present, key=lambda report: report.at, reverse=True)
        self.processes = [report for report in present if not is_shipper(report)]
        self.shippers = [report for report in present if is_shipper(report)]

    def is_heard(self, report: Report) -> bool:
        """Tell whether what the process has said of its present still holds."""
        return self.now - report.at <= HEARD_WITHIN

    def waiting_seconds(self, shipper: Report) -> float:
        """Return how long the oldest entry of a folder has been waiting: also since its shipper is silent."""
        if not shipper.health.backlog_bytes:
            return 0.0
        return shipper.health.backlog_seconds + max(0.0, (self.now - shipper.at).total_seconds())

    @cached_property
    def total(self) -> Health | None:
        """What all processes have counted; None where that cannot be read."""
        if self._reports is None:
            return None
        return msgspec.structs.replace(
            self._reports.total,
            backlog_seconds=max(map(self.waiting_seconds, self.shippers), default=0.0),
            observers=self.observers,
            durable=self.durable,
            problems=tuple(problem.text for problem in self.problems),
        )

    @property
    def durable(self) -> bool:
        """Entries outlive the death of every process that was heard lately."""
        return self.here.durable and all(r.health.durable for r in self.processes if self.is_heard(r))

    @property
    def observers(self) -> dict[str, float]:
        """The observers that run somewhere, and for how many seconds each has been behind the log."""
        return add_up([self.here, *(r.health for r in self.processes if self.is_heard(r))]).observers

    @cached_property
    def problems(self) -> list[Problem]:
        """What is wrong now with this process and with those that were heard lately."""
        found: dict[str, list[str]] = {text: [] for text in self.here.problems}
        for report in filter(self.is_heard, self.processes):
            for text in report.health.problems:
                found.setdefault(text, []).append(name_of(report))
        return [Problem(text, tuple(processes)) for text, processes in found.items()]

    @cached_property
    def losses(self) -> tuple[Loss, ...]:
        """When entries were lost and why, the newest first."""
        total = self._reports.total.losses if self._reports else ()
        return join_losses([total, self.here.losses])[::-1]

    @cached_property
    def findings(self) -> list[Finding]:
        """What is wrong, the worst first."""
        return sorted(self._find(), key=lambda finding: finding.level != "failing")

    @property
    def status(self) -> Status:
        """``failing``: entries are being lost, or the log cannot be read. ``degraded``: somebody should look."""
        return self.findings[0].level if self.findings else "ok"

    @property
    def headline(self) -> str:
        """The status in words."""
        if self.status == "failing":
            return "The store cannot be read" if self.store_problem is not None else "Entries are being lost"
        return "Something needs attention" if self.findings else "All is well"

    def _find(self) -> Iterator[Finding]:
        if self.store_problem is not None:
            yield Finding("failing", f"The store cannot be read: {self.store_problem}")
        yield from (Finding("failing" if lost.is_now else "degraded", lost.text) for lost in self.lost_lately())
        for problem in self.problems:
            yield Finding("degraded", said(problem))
        if not self.durable and not self.problems:
            yield Finding("degraded", "Entries are kept in memory only: they are lost if the process ends.")
        waiting = max(map(self.waiting_seconds, self.shippers), default=0.0)
        if max(waiting, self.here.backlog_seconds) > PATIENCE:
            yield Finding("degraded", "Entries have been waiting for the store for more than a minute.")
        for name, seconds in self.observers.items():
            if seconds > PATIENCE:
                yield Finding("degraded", f"The observer {name} has been behind the log for {words.span(seconds)}.")

    def lost_lately(self) -> Iterator[Lost]:
        """Yield what was lost within the last day, by reason."""
        lately = [loss for loss in self.losses if self.now - loss.last <= LOST_LATELY]
        for reason in dict.fromkeys(loss.reason for loss in lately):
            found = [loss for loss in lately if loss.reason == reason]
            first, last = min(loss.first for loss in found), max(loss.last for loss in found)
            entries = sum(loss.entries for loss in found)
            were = "entry was" if entries == 1 else "entries were"
            text = f"{entries:,} {were} lost: {reason}, {_period(first, last)}."
            yield Lost(reason, text, self.now - last <= LOST_NOW)


class Figure(msgspec.Struct, frozen=True):
    """One number of the page."""

    name: str
    value: str
    more: str = ""
    is_bad: bool = False


def figures(overview: Overview) -> list[Figure]:
    """Return what the page shows of all processes together, what is always of interest first."""
    total = overview.total
    if total is None:
        return []
    lost = sum(total.dropped.values())
    always = [
        Figure("Captured", f"{total.captured:,}", words.size(total.captured_bytes)),
        Figure("Shipped", f"{total.shipped:,}"),
        Figure("Waiting", words.size(total.backlog_bytes), words.span(total.backlog_seconds or None)),
        Figure("Lost", f"{lost:,}", is_bad=lost > 0),
        Figure("Redaction failed", f"{total.redaction_failed:,}", is_bad=total.redaction_failed > 0),
        Figure("Shipping errors", f"{total.shipping_errors:,}"),
    ]
    others = [
        Figure(name, f"{getattr(total, field):,}", is_bad=field != "discarded")
        for field, name in _IF_ANY.items()
        if getattr(total, field)
    ]
    return [*always, *others]


_IF_ANY: Final = {
    "rejected": "Refused by the store",
    "corrupt": "Damaged on the spool",
    "failed": "Failures of logging",
    "labels_failed": "Without labels",
    "classify_failed": "Not classified",
    "observer_errors": "Failures of observers",
    "discarded": "Left out by processors",
}


def is_shipper(report: Report) -> bool:
    """Tell whether it is a spool folder that this report is of."""
    return report.owner.endswith("/shipping")


def name_of(report: Report) -> str:
    """Return what people call a process: its machine and its number there."""
    return f"{report.host} {report.pid}"


def said(problem: Problem) -> str:
    """Return who says what, a few by name."""
    names, others = problem.processes[:NAMED], len(problem.processes) - NAMED
    who = ", ".join(names) + (f" and {others} more" if others > 0 else "")
    return f"{who}: {problem.text}" if who else problem.text


def _period(first: datetime, last: datetime) -> str:
    begin, end = f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}"
    return f"{begin} UTC" if begin == end else f"{begin} to {end.removeprefix(f'{first:%Y-%m-%d} ')} UTC"


class Watch:
    """Looks at the health of a store's processes."""

    def __init__(
        self, store: Store, open: Callable[[], None], here: Callable[[], Health], retention: Retention | None
    ) -> None:
        self._store = store
        self._open = open
        self._here = here
        self.retention = retention

    def look(self, *, info: bool = True) -> Overview:
        """Return how it stands now; never raises: a store that is away is what is asked about most."""
        here, now = self._here(), datetime.now(UTC)
        try:
            self._open()
            reports, found = read_reports(self._store.state), self._store.info() if info else None
        except StoreError as error:
            return Overview(here, None, None, str(error), now)
        return Overview(here, reports, found, None, now)


def to_data(overview: Overview, retention: Retention | None) -> dict[str, Any]:
    """Return what ``/api/health`` says, as plain data."""
    total = overview.total
    return {
        "status": overview.status,
        "findings": overview.findings,
        "totals": None if total is None else _plain(total, "losses", "problems"),
        "processes": [_process(report, overview) for report in overview.processes],
        "shippers": [_shipper(report, overview) for report in overview.shippers],
        "losses": overview.losses,
        "problems": overview.problems,
        "store": overview.info,
        "store_problem": overview.store_problem,
        "retention": None if retention is None else retention.to_data(),
        "this_process": _plain(overview.here),
    }


def _plain(health: Health, *without: str) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(health).items() if name not in without}


def _process(report: Report, overview: Overview) -> dict[str, Any]:
    own = ("captured", "captured_bytes", "discarded", "failed", "redaction_failed", "labels_failed", "classify_failed")
    counts = {name: getattr(report.health, name) for name in (*own, "dropped", "observers", "durable", "problems")}
    return _who(report, overview) | counts


def _shipper(report: Report, overview: Overview) -> dict[str, Any]:
    counts = {
        name: getattr(report.health, name)
        for name in ("shipped", "rejected", "corrupt", "shipping_errors", "backlog_bytes")
    }
    return _who(report, overview) | counts | {"backlog_seconds": overview.waiting_seconds(report)}


def _who(report: Report, overview: Overview) -> dict[str, Any]:
    return {
        "owner": report.owner,
        "host": report.host,
        "pid": report.pid,
        "started_at": report.started_at,
        "heard_at": report.at,
        "heard": overview.is_heard(report),
    }
