"""The page of runs, and the pane of runs and scripts, in a real browser."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from integration_logger.entry import Entry, InFlight, Run
from tests.browser.conftest import Log, Open
from tests.factories import make_entry

pytestmark = pytest.mark.browser

HOSTILE = "\u202eevil\u2066<script>alert(1)</script>" + "W" * 4000
JOBS = (
    ("Kondado - Blog - wp_options", "702", "pipeline", "1"), ("Kondado - Leads", "162", "model", "1"),
    ("Orders of the shop", None, "pipeline", "acme"), (HOSTILE, "9", "model", None),
)  # fmt: skip


def make_run(rng: random.Random, place: int, **fields: object) -> Entry:
    """Return a run of one of the jobs, the newer the higher its place."""
    name, id, log_type, tenant = JOBS[place % len(JOBS)]
    failed, rows = rng.random() < 0.15, rng.randrange(10, 40_000)
    seconds = rng.lognormvariate(1, 0.6)
    run = Run(
        job_id=id,
        job_name=name,
        row_count=rows,
        raw_row_count=rows + 7,
        setup_seconds=0.31,
        execution_seconds=seconds - 0.31,
        initial_savepoint=f"2026-11-{place % 27 + 1:02}",
        new_savepoint={"page": place, "after": name},
        has_deltas=True,
        is_billable=False,
        external_ip="203.0.113.7",
    )
    common = {
        "kind": "run",
        "started_at": datetime.now(UTC) - timedelta(hours=2 * (160 - place)),
        "status": "failed" if failed else "completed",
        "error_type": "exception" if failed else None,
        "errors": (f"ConnectionError: {name} could not be read",) if failed else (),
        "has_errors": failed,
        "duration": seconds,
        "operation": name,
        "log_type": log_type,
        "tenant": tenant,
        "labels": {"job_id": id} if id else {},
        "run": run,
    }
    empty = dict.fromkeys(("integration", "status_code", "method", "url", "host", "route", "request", "response"))
    return make_entry(rng, body_size=0, **common | empty | fields)


@pytest.fixture
def busy(log: Log) -> Log:
    """A log with runs of four jobs, one of which goes on."""
    rng = random.Random(7)
    log.store.write([make_run(rng, place) for place in range(160)])
    open_run = make_run(rng, 160, status="processing", duration=None, errors=(), has_errors=False, error_type=None)
    log.store.write([], in_flight=[InFlight(owner="one", entry=open_run)])
    return log


def test_from_the_list_to_one_job_and_its_run(busy: Log, open_page: Open) -> None:
    """Calls leads to Runs, a job to its runs, a bar of its drawing to the entry; no script complains."""
    page = open_page("")
    page.get_by_role("link", name="Runs", exact=True).click()
    page.wait_for_url("**/runs")
    assert page.locator("h1").inner_text() == "4 jobs"
    page.get_by_role("link", name="Kondado - Blog - wp_options").click()
    assert page.locator("h1").inner_text() == "Kondado - Blog - wp_options"
    assert page.locator(".run-drawing .run-bar").count() == 41
    assert page.locator(".run-drawing .is-open").count() == 1
    page.locator(".run-drawing a").first.click()
    page.wait_for_url("**/entries/*")
    assert "Rows" in page.locator(".run-figures").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("path", ["runs", "runs?label.job_id=9"])
def test_nothing_is_cut_off(busy: Log, open_page: Open, path: str, width: int, scheme: str) -> None:
    """Whatever a job is called, the page does not scroll sideways, and nothing of it is run."""
    page = open_page(path, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "\u202e" not in page.locator("main").inner_text()


def test_it_needs_no_script(busy: Log, open_page: Open) -> None:
    """Jobs, their drawings and their addresses are there without scripts."""
    page = open_page("runs?log_type=model", java_script_enabled=False)
    assert page.locator("table.jobs tbody tr").count() == 2
    assert page.locator(".job-chart svg").count() == 2


def test_variables_open_and_close(log: Log, open_page: Open) -> None:
    """The variables of a script are a tree below its error; a masked value is a chip."""
    variables = {"cart": {"items": [{"sku": "MUG", "price": 12}]}, "api_key": "[REDACTED]", "many": [*range(50)]}
    script = make_entry(
        kind="script", url=None, started_at=datetime.now(UTC), status="failed", error_type="script",
        errors=("KeyError: 'total'",), variables=variables, redacted=("variables.api_key: name",), request=None,
        response=None, status_code=None, operation="price rule",
    )  # fmt: skip
    log.store.write([script])
    page = open_page(f"entries/{script.id}")
    assert "KeyError: 'total'" in page.locator(".headline").inner_text()
    assert page.locator(".tree-box mark.masked").get_attribute("title") == 'redacted: name "api_key"'
    assert page.get_by_text("MUG").is_visible()
    many = page.locator(".tree-box details", has_text="many")
    assert not many.get_by_text("49", exact=True).first.is_visible()
    many.locator("summary").click()
    assert many.get_by_text("49", exact=True).first.is_visible()
