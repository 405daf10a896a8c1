"""Health over all processes: what the page, the JSON and Prometheus say, to whom, and when the store is away."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from integration_logger.errors import StoreError
from integration_logger.health import Health, Report
from integration_logger.retention import Retention
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.reports import put_report
from integration_logger.viewer import Principal
from integration_logger.viewer.health import HEARD_WITHIN, LOST_LATELY, LOST_NOW, PATIENCE
from tests.reports import make_loss, make_report
from tests.viewer.server import Client, new_entry, viewer

SILENT = HEARD_WITHIN.total_seconds() + 5


class Away(MemoryStore):
    """A store that cannot be opened."""

    def open(self) -> None:
        raise StoreError("connection to db.internal refused")


def served(*reports: Report, store: MemoryStore | None = None, **options: Any) -> Client:
    """A log browser over a store whose processes have said this."""
    store = store or MemoryStore()
    for report in reports:
        put_report(store.state, report)
    return Client(viewer(store, **options))


def told(*reports: Report, **options: Any) -> dict[str, Any]:
    response = served(*reports, **options).get("/api/health")
    assert response.status_code == 200
    data: dict[str, Any] = response.json()
    return data


def samples(client: Client, path: str = "/api/health?format=prometheus", **options: Any) -> dict[str, float]:
    response = client.get(path, **options)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {}
    for family in text_string_to_metric_families(response.text):
        assert family.documentation
        assert family.type in ("counter", "gauge")
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            found[sample.name.removeprefix("integration_logger_") + (f" {labels}" if labels else "")] = sample.value
    return found


def test_all_is_well_where_nothing_is_wrong() -> None:
    """With processes that record and ship, and with none at all, the status is ok."""
    assert told()["status"] == "ok"
    data = told(make_report(captured=3), make_report("folder/shipping", shipped=3))
    assert (data["status"], data["findings"], data["problems"]) == ("ok", [], [])


def test_every_process_is_told_and_added_up() -> None:
    """Each process and each folder has a row, and totals are over all."""
    data = told(
        make_report("one", captured=3, captured_bytes=30),
        make_report("two", SILENT, pid=4712, captured=4, captured_bytes=40),
        make_report("folder/shipping", shipped=7, shipping_errors=2),
        retention=Retention("3 days"),
    )
    assert [(row["pid"], row["captured"], row["heard"]) for row in data["processes"]] == [
        (4711, 3, True),
        (4712, 4, False),
    ]
    assert [(row["owner"], row["shipped"], row["shipping_errors"]) for row in data["shippers"]] == [
        ("folder/shipping", 7, 2)
    ]
    assert (data["totals"]["captured"], data["totals"]["captured_bytes"], data["totals"]["shipped"]) == (7, 70, 7)
    assert data["store"]["entries"] == 0
    assert data["retention"]["max_bytes"] == 2 * 1024**3


@pytest.mark.parametrize(
    ("ago", "status"),
    [(1, "failing"), (LOST_NOW.total_seconds() + 5, "degraded"), (LOST_LATELY.total_seconds() + 5, "ok")],
)
def test_a_loss_is_told_for_a_day(ago: float, status: str) -> None:
    """What is being lost now is a failure, what was lost lately is to be looked at; with reason, number and time."""
    data = told(make_report(dropped={"spool full": 1200}, losses=(make_loss(ago, 1200),)))
    assert data["status"] == status
    assert data["losses"][0]["reason"] == "spool full"
    assert data["losses"][0]["entries"] == 1200
    if status != "ok":
        assert "1,200 entries were lost: spool full, " in data["findings"][0]["text"]


def test_problems_of_processes_that_are_silent_are_no_news() -> None:
    """What a process has said of its present holds for a minute; equal problems are told once, with all who have it."""
    data = told(
        make_report("one", problems=("disk full",), durable=False),
        make_report("two", pid=4712, problems=("disk full",)),
        make_report("three", SILENT, problems=("on fire",), durable=False),
    )
    assert [problem["text"] for problem in data["problems"]] == ["disk full"]
    assert sorted(data["problems"][0]["processes"]) == ["web-1 4711", "web-1 4712"]
    assert data["status"] == "degraded"
    assert told(make_report(ago=SILENT, durable=False, problems=("on fire",)))["status"] == "ok"


def test_a_problem_of_many_is_told_once_with_some_names() -> None:
    """A hundred workers with a full disk are one line."""
    data = told(*(make_report(f"worker-{n}", pid=n, problems=("disk full",)) for n in range(100)))
    (finding,) = data["findings"]
    assert finding["text"].endswith(" and 97 more: disk full")
    assert len(data["problems"][0]["processes"]) == 100


def test_entries_in_memory_only_are_told() -> None:
    """That a process has no spool is told even where it knows of no problem."""
    data = told(make_report(durable=False))
    assert (data["status"], data["totals"]["durable"]) == ("degraded", False)
    assert "in memory only" in data["findings"][0]["text"]


def test_what_waits_gets_older_though_its_shipper_is_silent() -> None:
    """The age of the oldest entry that waits grows where nobody ships it any more."""
    data = told(make_report("folder/shipping", 2 * PATIENCE, backlog_bytes=10, backlog_seconds=5.0))
    assert data["totals"]["backlog_seconds"] >= 2 * PATIENCE + 5
    assert data["status"] == "degraded"
    assert told(make_report("folder/shipping", 2 * PATIENCE))["totals"]["backlog_seconds"] == 0
    assert told(make_report("folder/shipping", 1, backlog_bytes=10, backlog_seconds=2.0))["status"] == "ok"


def test_what_the_process_that_answers_knows_is_told_at_once() -> None:
    """Its own problems and losses are in the answer before they are in State, and once when they are in both."""
    loss = make_loss()
    here = Health(problems=("disk full",), losses=(loss,))
    data = told(health=lambda: here)
    assert [problem["text"] for problem in data["problems"]] == ["disk full"]
    assert len(data["losses"]) == 1
    assert len(told(make_report(losses=(loss,)), health=lambda: here)["losses"]) == 1


def test_an_observer_that_is_behind_is_told() -> None:
    """How far each is, as the process said that runs it; for more than a minute it is to be looked at."""
    data = told(
        make_report("one", observers={"x": 7.0, "y": 0.0}), make_report("two", pid=4712, observers={"x": 754.0})
    )
    assert data["totals"]["observers"] == {"x": 754.0, "y": 0.0}
    assert data["status"] == "degraded"
    assert data["findings"][0]["text"] == "The observer x has been behind the log for 12 m 34 s."
    assert told(make_report(ago=SILENT, observers={"x": 754.0}))["status"] == "ok"
    assert samples(served(make_report(observers={"x": 7.0})))["observer_lag_seconds x"] == 7


def test_the_store_may_be_away() -> None:
    """Then the answer says so with status 200, and has what the process that answers knows."""
    data = told(store=Away(), health=lambda: Health(captured=3, problems=("disk full",)))
    assert data["status"] == "failing"
    assert data["store_problem"] == "connection to db.internal refused"
    assert (data["totals"], data["store"], data["processes"]) == (None, None, [])
    assert data["this_process"]["captured"] == 3
    page = served(store=Away()).get("/health")
    assert page.status_code == 200
    assert "connection to db.internal refused" in page.text


def test_prometheus_gets_every_number() -> None:
    """The official parser reads it, and totals are those of all processes."""
    store = MemoryStore()
    store.write([new_entry()])
    client = served(
        make_report("one", captured=3, captured_bytes=30, dropped={'a "strange"\nreason': 2}, redaction_failed=1),
        make_report("folder/shipping", shipped=2, shipping_errors=4, backlog_bytes=10, backlog_seconds=1.5),
        store=store,
    )
    found = samples(client)
    wanted = {"captured_total": 3, "captured_bytes_total": 30, "redaction_failed_total": 1, "shipped_total": 2,
              "shipping_errors_total": 4, "backlog_bytes": 10, "processes": 1, "store_up": 1, "store_entries": 1,
              "durable": 1, "problems": 0, "status ok": 1, "status failing": 0}  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    assert found["backlog_seconds"] >= 1.5
    assert found['dropped_total a "strange"\nreason'] == 2
    assert found["dropped_total spool full"] == 0


def test_prometheus_sees_no_reset_while_the_store_is_away() -> None:
    """Counters are left out then, instead of beginning anew; what is wrong is told."""
    found = samples(served(store=Away(), health=lambda: Health(captured=3)))
    assert (found["store_up"], found["status failing"]) == (0, 1)
    assert not [name for name in found if "_total" in name]


def test_the_format_is_chosen_by_parameter_or_header() -> None:
    """A scraper gets text without a parameter, a browser and a program JSON; another format is an error."""
    client = served(make_report(captured=3))
    assert samples(client, "/api/health", headers={"accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"})
    assert samples(client, "/api/health", headers={"accept": "application/openmetrics-text;q=0.8,text/plain;q=0.5"})
    for accept in ("*/*", "application/json, text/plain, */*", "text/html,application/xml;q=0.9,*/*;q=0.8"):
        assert client.get("/api/health", headers={"accept": accept}).json()["status"] == "ok"
    assert client.get("/api/health?format=json", headers={"accept": "text/plain"}).json()["status"] == "ok"
    refused = client.get("/api/health?format=xml")
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "format")


def test_the_page_shows_what_the_json_says() -> None:
    """Status, totals, losses, processes and ways to the store are on the page, as text only."""
    hostile = "<script>alert(1)</script>"
    page = served(
        make_report("one", captured=1234, dropped={"spool full": 7}, losses=(make_loss(1, 7),), problems=(hostile,)),
        make_report("folder/shipping", shipped=1200, backlog_bytes=10),
    ).get("/health")
    assert page.status_code == 200
    assert "style=" not in page.text
    assert hostile not in page.text
    for text in ("1,234", "1,200", "spool full", "web-1", "4711", "Prometheus", "Entries are being lost"):
        assert text in page.text


def test_the_list_tells_of_other_processes_to_those_who_may_know() -> None:
    """A loss in any process stands above the list, with a way to the page; limited readers see nothing of it."""
    loss = make_report(dropped={"spool full": 7}, losses=(make_loss(1, 7),))
    text = served(loss).get("/").text
    assert "7 entries were lost: spool full" in text
    assert 'href="./health"' in text
    limited = served(loss, principal=Principal("bo", role="owner", tenants=["acme"]))
    assert "entries were lost" not in limited.get("/").text
    assert 'href="./health"' not in limited.get("/").text
    assert limited.get("/health").status_code == limited.get("/api/health?format=prometheus").status_code == 403
