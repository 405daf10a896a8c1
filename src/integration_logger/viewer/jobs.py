"""The page of runs: what ran last of each pipeline and model, and how its runs went over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from integration_logger.entry import Entry
from integration_logger.query import Scope
from integration_logger.runs import runs_only
from integration_logger.stores.base import Store
from integration_logger.viewer.charts import Chart, chart
from integration_logger.viewer.params import PageState, Pairs
from integration_logger.viewer.words import visible

MOST_RUNS: Final = 1000
"""The newest runs that are looked at."""
DEFAULT_RANGE: Final = "30d"
IN_A_ROW: Final = 30
"""Runs in the small drawing of a job."""
IN_A_CHART: Final = 120
LISTED: Final = 100
"""Runs of one job that are listed."""

Key = tuple[str | None, str | None, str]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline or model: all runs with the same tenant, type and id, or name where it has no id."""

    name: str
    id: str | None
    log_type: str
    tenant: str
    application: str
    runs: Sequence[Entry]
    """The newest first."""
    failed: int
    small: Chart
    href: str
    """The address of this page with nothing but this job."""

    @property
    def last(self) -> Entry:
        """What ran last, or runs now."""
        return self.runs[0]


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    """All that the template of the page asks for."""

    jobs: list[Job]
    covered: int
    complete: bool
    chosen: Job | None
    """The job, where it is the only one that the page is about."""
    large: Chart | None


def read_state(params: Iterable[tuple[str, str]], scope: Scope) -> PageState:
    """Read the parameters of the page; raises as ``Query.parse`` does."""
    given: Pairs = [*params]
    if not {"range", "since", "till"}.intersection(name for name, _ in given):
        given.append(("range", DEFAULT_RANGE))
    state = PageState.read(given, scope)
    return replace(state, query=replace(state.query, limit=MOST_RUNS, cursor=None))


def jobs(store: Store, state: PageState) -> Jobs:
    """Return the jobs whose runs answer the page's query, the one that began last first."""
    page = store.search(runs_only(state.query))
    grouped: dict[Key, list[Entry]] = {}
    for run in sorted((*page.in_flight, *page.entries), key=lambda run: run.started_at, reverse=True):
        grouped.setdefault(_key(run), []).append(run)
    found = [_job(runs, state) for runs in grouped.values()]
    is_asked = any(c.field in ("label.job_id", "operation") and not c.negated for c in state.query.conditions)
    chosen = found[0] if len(found) == 1 and is_asked else None
    return Jobs(
        jobs=found,
        covered=len(page.entries),
        complete=not page.has_more,
        chosen=chosen,
        large=chart(chosen.runs, max(IN_A_ROW, min(IN_A_CHART, len(chosen.runs)))) if chosen else None,
    )


def _key(run: Entry) -> Key:
    return run.tenant, run.log_type, _id(run) or f"={run.operation}"


def _id(run: Entry) -> str | None:
    return run.run.job_id if run.run else None


def _job(runs: Sequence[Entry], state: PageState) -> Job:
    last, id = runs[0], _id(runs[0])
    same = [("label.job_id", id)] if id else [("operation", last.operation or "")]
    same += [(name, value) for name in ("tenant", "log_type") if (value := getattr(last, name))]
    kept = [pair for pair in state.pairs() if pair[0] not in dict(same)]
    return Job(
        name=visible((last.run and last.run.job_name) or last.operation or "without a name"),
        id=id and visible(id),
        log_type=visible(last.log_type or ""),
        tenant=visible(last.tenant or ""),
        application=visible(last.application or ""),
        runs=runs,
        failed=sum(run.status == "failed" for run in runs),
        small=chart(runs, IN_A_ROW),
        href=f"?{urlencode([*kept, *same])}",
    )
