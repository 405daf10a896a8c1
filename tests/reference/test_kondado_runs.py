"""What Kondado's logs of pipelines and models offer, in our own words; its own shapes are tested elsewhere."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from time import sleep
from typing import Any

import pytest

from integration_logger.testing import RecordingLogger
from tests.reference.conftest import Reader

NAME = "Kondado - Blog - wp_options"


def pipeline(log: RecordingLogger, rows: int = 256, **labels: Any) -> None:
    given = {"log_type": "pipeline", "job_id": 702, "tenant": "1"} | labels
    with log.run(NAME, **given) as run:
        run.add_rows(rows)
        run.set(has_deltas=False, is_billable=True)


def test_k7_blocks_after_a_given_one(log: RecordingLogger, reader: Reader) -> None:
    """K7: fifty runs after the given place, ascending; other entries are not among them."""
    for rows in range(120):
        pipeline(log, rows)
        with log.call("C2E"):
            pass
    first = reader.get("/api/runs?order=asc&cursor=0")
    second = reader.get(f"/api/runs?order=asc&cursor={first['next_cursor']}")
    assert [item["run"]["row_count"] for item in first["items"] + second["items"]] == [*range(100)]
    assert {item["kind"] for item in first["items"]} == {"run"}


def test_k8_the_end(log: RecordingLogger, reader: Reader) -> None:
    """K8: at the end there is nothing more, and the place stays good for what comes later."""
    pipeline(log, 1)
    end = reader.get("/api/runs?order=asc&cursor=0")
    again = reader.get(f"/api/runs?order=asc&cursor={end['next_cursor']}")
    assert (len(end["items"]), end["has_more"], again["items"]) == (1, False, [])
    pipeline(log, 2)
    later = reader.get(f"/api/runs?order=asc&cursor={again['next_cursor']}")
    assert [item["run"]["row_count"] for item in later["items"]] == [2]


def test_k9_the_last_one_is_the_place_to_go_on_from(log: RecordingLogger, reader: Reader) -> None:
    """K9: the ``seq`` of the last run is a cursor."""
    for rows in range(3):
        pipeline(log, rows)
    items = reader.get("/api/runs?order=asc&cursor=0&limit=2")["items"]
    rest = reader.get(f"/api/runs?order=asc&cursor={items[-1]['seq']}")["items"]
    assert [item["run"]["row_count"] for item in rest] == [2]


def test_k10_what_a_pipeline_tells(log: RecordingLogger, reader: Reader) -> None:
    """K10: all that the record of a pipeline has."""
    with log.run(NAME, log_type="pipeline", job_id=702, tenant="1") as run:
        run.add_rows(256)
        run.savepoint(initial="2026-11-19", new="2026-11-20")
        run.set(has_deltas=True, is_billable=False, raw_row_count=300, mb_estimate=0.00231)
    entry = reader.one("kind=run&log_type=pipeline")
    seconds = entry["run"].pop("execution_seconds")
    assert isinstance(seconds, float)
    assert entry["tenant"] == "1"
    assert entry["run"] == {
        "job_id": "702",
        "job_name": NAME,
        "setup_seconds": None,
        "row_count": 256,
        "raw_row_count": 300,
        "mb_estimate": 0.00231,
        "has_deltas": True,
        "is_billable": False,
        "initial_savepoint": "2026-11-19",
        "new_savepoint": "2026-11-20",
        "external_ip": "3.220.239.218",
    }


def test_k11_what_a_model_tells(log: RecordingLogger, reader: Reader) -> None:
    """K11: rows and seconds as numbers, and nothing of what only pipelines have."""
    with log.run("Kondado - Leads", log_type="model", job_id=162) as run:
        run.set(row_count=4915)
    told = reader.one("kind=run&log_type=model")["run"]
    assert (told["row_count"], told["has_deltas"], told["is_billable"], told["new_savepoint"]) == (
        4915,
        None,
        None,
        None,
    )


def test_k12_when_it_ended(log: RecordingLogger, reader: Reader) -> None:
    """K12: in UTC, and not when it began."""
    before = datetime.now(UTC)
    with log.run(NAME):
        sleep(0.01)
    entry = reader.one()
    began, ended = (datetime.fromisoformat(entry[name]) for name in ("started_at", "ended_at"))
    assert before <= began < ended <= datetime.now(UTC)


def test_k13_names_are_snapshots(log: RecordingLogger, reader: Reader) -> None:
    """K13: a run keeps the name that its pipeline had then; both are found by the id."""
    for name in ("Old name", "New name"):
        with log.run(name, job_id=702):
            pass
    found = reader.items("label.job_id=702")
    assert [item["run"]["job_name"] for item in found] == ["New name", "Old name"]


def test_k14_set_up_is_not_execution(log: RecordingLogger, reader: Reader) -> None:
    """K14: the seconds of execution leave out what comes before the work."""
    with log.run(NAME) as run:
        with run.setup():
            sleep(0.05)
        with run.setup():
            sleep(0.05)
    entry = reader.one()
    told = entry["run"]
    assert told["setup_seconds"] >= 0.1
    assert told["execution_seconds"] == pytest.approx(entry["duration"] - told["setup_seconds"], abs=1e-5)


def test_k15_rows(log: RecordingLogger, reader: Reader) -> None:
    """K15: of a pipeline those of this run, of a model those of its table."""
    pipeline(log, 200)
    pipeline(log, 56)
    with log.run("Leads", log_type="model") as run:
        run.set(row_count=4000)
        run.set(row_count=4915)
    assert [item["run"]["row_count"] for item in reader.items()] == [4915, 56, 200]


@pytest.mark.parametrize("flag", [True, False, None])
def test_k16_deltas_and_billing(log: RecordingLogger, reader: Reader, flag: bool | None) -> None:
    """K16: yes, no, or not told."""
    with log.run(NAME) as run:
        run.set(has_deltas=flag, is_billable=flag)
    told = reader.one()["run"]
    assert (told["has_deltas"], told["is_billable"]) == (flag, flag)


@pytest.mark.parametrize("value", [None, "2026-11-20", 5181910, {"page": 7, "after": "x"}, ["a", 1]])
def test_k17_savepoints(log: RecordingLogger, reader: Reader, value: Any) -> None:
    """K17: any value, or none for a full read."""
    with log.run(NAME) as run:
        run.savepoint(initial=value, new=value)
    told = reader.one()["run"]
    assert (told["initial_savepoint"], told["new_savepoint"]) == (value, value)


def test_k18_the_address_of_the_server(log: RecordingLogger, reader: Reader) -> None:
    """K18: as the host has given it, once for all or for one run; it is never looked up."""
    with log.run(NAME, job_id="a"):
        pass
    with log.run(NAME, job_id="b") as run:
        run.set(external_ip="198.51.100.7")
    addresses = {item["run"]["job_id"]: item["run"]["external_ip"] for item in reader.items()}
    assert addresses == {"a": "3.220.239.218", "b": "198.51.100.7"}


def test_k24_failed_runs(log: RecordingLogger, reader: Reader) -> None:
    """K24: a run that failed says so, why, and how far it came; it is the last run all the same."""
    pipeline(log, 10)
    with suppress(ConnectionError), log.run(NAME, log_type="pipeline", job_id=702, tenant="1") as run:
        run.add_rows(99)
        run.savepoint(new="page 3")
        raise ConnectionError("the source is away")
    entry = reader.one("kind=run&outcome=error")
    assert (entry["status"], entry["errors"]) == ("failed", ["ConnectionError: the source is away"])
    assert (entry["run"]["row_count"], entry["run"]["new_savepoint"]) == (99, "page 3")
    last = log.last_run("pipeline", job_id=702, tenant="1")
    assert last is not None
    assert last.id == entry["id"]
    succeeded = log.last_run("pipeline", job_id=702, outcome="success")
    assert succeeded is not None
    assert succeeded.run is not None
    assert succeeded.run.row_count == 10
