"""Kondado's Logs API line by line: the numbers are those of the checklist that was made from its document."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from integration_logger import ALL, IntegrationLogger, Principal
from integration_logger.client import scroll
from integration_logger.compat import rates
from integration_logger.compat.kondado import Kondado, key_and_token
from integration_logger.entry import InFlight
from integration_logger.errors import ConfigurationError, StoreError
from integration_logger.ids import new_id
from integration_logger.stores.base import Page
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Viewer
from tests.compat.runs import OWNER, api, block, ran
from tests.deadlines import eventually
from tests.factories import make_entry
from tests.viewer.server import Client, serving

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def sample(store: MemoryStore) -> MemoryStore:
    """The store with the run and the model of the document, under their ids."""
    store._seq = 5181909
    store.write([ran(
        row_count=256, has_deltas=False, is_billable=True, external_ip="3.220.239.218", raw_row_count=123,
        mb_estimate=0.00231,
    )])  # fmt: skip
    store._seq = 5219429
    ended = datetime(2020, 9, 17, 0, 5, 0, 892_000, tzinfo=UTC)
    store.write([
        ran("162", log_type="model", ended=ended, duration=0.201923, job_name="Kondado - Leads", row_count=4915)
    ])  # fmt: skip
    return store


# --- golden files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pipeline_logs", "model_logs"])
def test_the_golden_files_say_what_the_document_says(name: str) -> None:
    """The same names in the same order with the same values, numbers to the digit; only the blanks are ours."""
    same = [
        json.loads(golden(file), object_pairs_hook=list, parse_float=str, parse_int=str)
        for file in (name, f"document_{name}")
    ]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("name", "path", "options"),
    [
        ("pipeline_logs", "/pipeline_logs?start_element_id=0", {}),
        ("pipeline_logs_extended", "/pipeline_logs?start_element_id=0", {"extended": True}),
        ("model_logs", "/model_logs?start_element_id=0", {}),
        ("model_logs", "/model_logs?start_element_id=0", {"extended": True}),
        ("end", "/pipeline_logs?start_element_id=5181910", {}),
        ("model_status", "/models/162/status", {}),
    ],
    ids=["pipelines", "pipelines extended", "models", "models extended", "end", "model status"],
)
def test_answers_are_the_golden_files(sample: MemoryStore, name: str, path: str, options: dict[str, Any]) -> None:
    """Byte by byte."""
    answer = api(sample, **options).get(path)
    assert (answer.status_code, answer.content) == (200, golden(name))
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("start_missing", "/pipeline_logs", 400),
        ("client_forbidden", "/pipeline_logs?start_element_id=0&client_id=2", 403),
    ],
)
def test_refusals_are_the_golden_files(store: MemoryStore, name: str, path: str, status: int) -> None:
    """Byte by byte; with ``legacy_status`` the same with 200, as the original answers."""
    reader = Principal("bea", role="supervisor", tenants={"1"})
    for options, expected in (({}, status), ({"legacy_status": True}, 200)):
        answer = api(store, reader, **options).get(path)  # type: ignore[arg-type]
        assert (answer.status_code, answer.content) == (expected, golden(name))


# --- the lines --------------------------------------------------------------------------------------------


def test_k01_other_processes_are_triggered_by_new_rows(store: MemoryStore) -> None:
    """One who is caught up gets an empty block, keeps the last id, and sees the next run when it ends."""
    client = api(store)
    store.write([ran(row_count=5)])
    rows, bookmark = block(client, 0)
    assert bookmark == rows[-1]["id"]
    assert block(client, bookmark) == ([], None)
    store.write([ran(row_count=7)])
    assert [row["row_count"] for row in block(client, bookmark)[0]] == ["7"]


def test_k02_blocks_of_50_in_ascending_order(store: MemoryStore) -> None:
    """Runs of another type, calls and in-flight runs between them do not shorten a block."""
    for _ in range(60):
        store.write([ran(), ran(log_type="model"), make_entry(body_size=0), ran(log_type=None)])
    rows, following = block(api(store), 0)
    ids = [row["id"] for row in rows]
    assert len(ids) == 50
    assert ids == sorted(ids)
    assert following == ids[-1]


def test_k03_pipelines_and_models_are_two_resources(store: MemoryStore) -> None:
    """Each lists its own runs, of what the reader may see; nothing else is served, and only to be read."""
    store.write(
        [ran("702"), ran("162", log_type="model"), ran("9", tenant="2"), ran("8", tenant="2", log_type="model")]
    )
    reader = api(store, Principal("bea", role="supervisor", tenants={"1"}))
    assert [row["pipeline_id"] for row in block(reader, 0)[0]] == [702]
    assert [row["model_id"] for row in block(reader, 0, "/model_logs")[0]] == [162]
    for method, path, status, code in (
        ("GET", "/connector_logs", 404, "NOT_FOUND"), ("POST", "/pipeline_logs", 405, "METHOD_NOT_ALLOWED"),
    ):  # fmt: skip
        answer = reader.send(method, path)
        assert (answer.status_code, answer.json()["error"], answer.json()["success"]) == (status, code, False)


def test_k04_client_id_narrows_to_one_account(store: MemoryStore) -> None:
    """Without it there are all accounts of the reader; a foreign one is refused, never an empty list."""
    store.write([ran(tenant="1"), ran(tenant="2"), ran(tenant="3"), ran(tenant=None), ran(tenant="acme")])
    limited, owner = api(store, Principal("bea", role="supervisor", tenants={"1", "2"})), api(store)
    assert [row["client_id"] for row in block(limited, 0)[0]] == [1, 2]
    assert [row["client_id"] for row in block(limited, 0, client_id="2")[0]] == [2]
    assert [row["client_id"] for row in block(owner, 0)[0]] == [1, 2, 3, None, "acme"]
    assert [row["client_id"] for row in block(owner, 0, client_id="acme")[0]] == ["acme"]
    assert block(owner, 0, client_id="4") == ([], None)
    for client, account, status in ((limited, "3", 403), (limited, "02", 403), (limited, "", 400), (owner, "", 400)):
        answer = client.get("/pipeline_logs", params={"start_element_id": "0", "client_id": account})
        assert answer.status_code == status, account
        assert answer.json()["success"] is False
    answer = owner.get("/pipeline_logs?start_element_id=0&client_id=1&client_id=2")
    assert answer.json() == {"success": False, "error": "INVALID_PARAMETER", "message": "client_id must be one account"}


@pytest.mark.parametrize(
    "given",
    ["", "start_element_id=", "start_element_id=x", "start_element_id=1.5", "start_element_id=1&start_element_id=2",
     "start_element_id=99999999999999999999", "start_element_id=%EF%BC%95", "start_element_id=0x1f",
     "start_element_id=+1"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/pipeline_logs", "/model_logs"])
def test_k05_start_element_id_is_required_and_an_integer(store: MemoryStore, path: str, given: str) -> None:
    """Anything else is refused and named."""
    answer = api(store).get(f"{path}?{given}")
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_PARAMETER")
    assert "start_element_id" in answer.json()["message"]


def test_k05_any_integer_is_a_start(store: MemoryStore) -> None:
    """Below the first id everything comes, beyond the last nothing."""
    store.write([ran()])
    client = api(store)
    assert [len(block(client, start)[0]) for start in (-(2**63) + 1, -1, 0, 1, 2**63 - 1)] == [1, 1, 1, 0, 0]


def test_k06_success_and_data_come_twice(sample: MemoryStore) -> None:
    """The envelope is that of the document, at the end too."""
    for start in (0, 5181910):
        answer = api(sample).get(f"/pipeline_logs?start_element_id={start}").json()
        assert [*answer] == ["success", "data"]
        assert [*answer["data"]] == ["success", "data", "pagination"]
        assert (answer["success"], answer["data"]["success"]) == (True, True)


def test_k07_records_are_posterior_to_the_given_id(store: MemoryStore) -> None:
    """The given id itself does not come again; ``inclusive_start`` is the other reading of the document."""
    store.write([ran() for _ in range(4)])
    assert [row["id"] for row in block(api(store), 2)[0]] == [3, 4]
    assert [row["id"] for row in block(api(store, inclusive_start=True), 2)[0]] == [2, 3, 4]


def test_k08_null_means_that_no_more_are_posterior_to_the_given_id(store: MemoryStore) -> None:
    """Only an empty block has null: on a short one it would cost the client its bookmark."""
    store.write([ran() for _ in range(50)])
    client = api(store)
    assert block(client, 0)[1] == 50
    assert block(client, 30)[1] == 50
    assert block(client, 50) == ([], None)


def test_k08_with_inclusive_start_null_means_that_no_block_follows(store: MemoryStore) -> None:
    """Then the next id is that of the record after the block."""
    store.write([ran() for _ in range(120)])
    client, start, seen = api(store, inclusive_start=True), 0, []
    blocks = []
    while start is not None:
        rows, start = block(client, start)  # type: ignore[assignment]
        blocks.append((len(rows), start))
        seen += [row["id"] for row in rows]
    assert blocks == [(50, 51), (50, 101), (20, None)]
    assert seen == [*range(1, 121)]


def test_k09_the_next_id_is_that_of_the_last_record(sample: MemoryStore) -> None:
    """As in both samples of the document."""
    for path in ("/pipeline_logs", "/model_logs"):
        rows, following = block(api(sample), 0, path)
        assert following == rows[-1]["id"]


def test_k10_a_pipeline_record_has_texts_for_numbers(store: MemoryStore) -> None:
    """Names, order and types are those of the document, whatever the figures."""
    store.write([ran(duration=3600.0, row_count=0, initial_savepoint="2026-11-19", new_savepoint={"page": 7})])
    row = block(api(store), 0)[0][0]
    sample = json.loads(golden("document_pipeline_logs"))["data"]["data"][0]
    assert [*row] == [*sample]
    assert (row["execution_time_seconds"], row["row_count"]) == ("3600.000000", "0")
    assert (row["initial_savepoint"], row["new_savepoint"]) == ("2026-11-19", {"page": 7})


def test_k11_a_model_record_has_numbers(store: MemoryStore) -> None:
    """Names, order and types are those of the document."""
    store.write([ran(log_type="model", duration=1 / 3, row_count=10**12)])
    row = block(api(store), 0, "/model_logs")[0][0]
    assert [*row] == [*json.loads(golden("document_model_logs"))["data"]["data"][0]]
    assert (row["execution_time_seconds"], row["row_count"]) == (0.333333, 10**12)


def test_k12_created_at_is_when_the_run_ended(store: MemoryStore) -> None:
    """In UTC, to the millisecond, cut and not rounded; a record is not altered later, so both dates are equal."""
    ended = datetime(2026, 11, 20, 23, 59, 59, 999_900, tzinfo=UTC)
    store.write([ran(ended=ended, duration=60.0)])
    row = block(api(store), 0)[0][0]
    assert row["createdAt"] == row["updatedAt"] == "2026-11-20T23:59:59.999Z"


def test_k13_the_name_is_that_of_the_time_of_the_run(store: MemoryStore) -> None:
    """A pipeline that gets another name leaves the old records as they are."""
    store.write([ran(job_name="Orders")])
    store.write([ran(job_name="Orders, all shops")])
    assert [row["pipeline_name"] for row in block(api(store), 0)[0]] == ["Orders", "Orders, all shops"]


def test_k14_setup_is_not_execution(store: MemoryStore) -> None:
    """What was measured is given; where only the whole and the set-up are known, their difference."""
    store.write([
        ran(duration=9.0, setup_seconds=4.0, execution_seconds=5.0),
        ran(duration=9.0, setup_seconds=2.5, execution_seconds=None),
    ])  # fmt: skip
    assert [row["execution_time_seconds"] for row in block(api(store), 0)[0]] == ["5.000000", "6.500000"]


def test_k15_row_count_is_as_reported(store: MemoryStore) -> None:
    """Rows of the run for a pipeline, of the table for a model; not reported is not zero."""
    for log_type, path, expected in (
        ("pipeline", "/pipeline_logs", ["12", None]), ("model", "/model_logs", [12, None]),
    ):  # fmt: skip
        store.write([ran(log_type=log_type, row_count=12), ran(log_type=log_type)])
        assert [row["row_count"] for row in block(api(store), 0, path)[0]] == expected


def test_k16_has_deltas_and_is_billable_are_true_or_false(store: MemoryStore) -> None:
    """Never null: what a run does not report did not happen."""
    store.write([ran(has_deltas=True, is_billable=False), ran(has_deltas=False, is_billable=True), ran()])
    found = [(row["has_deltas"], row["is_billable"]) for row in block(api(store), 0)[0]]
    assert found == [(True, False), (False, True), (False, False)]


def test_k17_savepoints_are_null_for_full_runs(store: MemoryStore) -> None:
    """And as they were reported for incremental ones."""
    store.write([ran(), ran(initial_savepoint=None, new_savepoint="2026-11-20")])
    found = [(row["initial_savepoint"], row["new_savepoint"]) for row in block(api(store), 0)[0]]
    assert found == [(None, None), (None, "2026-11-20")]


def test_k18_external_ip_is_that_of_the_run(store: MemoryStore) -> None:
    """Null where the host was not told its address; nothing is looked up."""
    store.write([ran(external_ip="203.0.113.7"), ran()])
    assert [row["external_ip"] for row in block(api(store), 0)[0]] == ["203.0.113.7", None]


def test_k19_a_connector_pulls_the_same_runs(store: MemoryStore) -> None:
    """The Python client reads the runs that this API lists, from the log browser."""
    store.write([ran(str(number)) for number in range(120)])
    with serving(Viewer(store, authorize=lambda _: OWNER)) as url:
        pulled = [entry["seq"] for entry in scroll(url, filters={"kind": "run"}, follow=False)]
    start, listed = 0, []
    while (found := block(api(store), start))[0]:
        listed += [row["id"] for row in found[0]]
        start = found[1] or 0
    assert pulled == listed


KEY, TOKEN = "key-of-warehouse", "9b41c7d2e6f80a35"
TOKENS = {
    KEY: {sha256(TOKEN.encode()).hexdigest(): Principal("warehouse", role="supervisor", tenants={"1"})},
    "key-of-ops": {sha256(b"ops-token").hexdigest(): (OWNER, datetime.now(UTC) + timedelta(days=1))},
    "old": {sha256(b"old-token").hexdigest(): (OWNER, datetime.now(UTC) - timedelta(days=1))},
}


@pytest.mark.parametrize(
    ("query", "header", "clients"),
    [
        (f"key={KEY}&token={TOKEN}", None, [1]), ("key=key-of-ops&token=ops-token", None, [1, 2]),
        ("", f"Bearer {TOKEN}", [1]), ("", "bearer ops-token", [1, 2]),
        ("", None, None), (f"key={KEY}", None, None), (f"token={TOKEN}", None, None),
        (f"key={KEY}&token=x", None, None),
        (f"key=key-of-ops&token={TOKEN}", None, None), ("key=old&token=old-token", None, None),
        ("", "Bearer old-token", None), ("", f"Basic {TOKEN}", None), ("key=&token=", None, None),
        (f"key={KEY}&token=x", f"Bearer {TOKEN}", None), ("key=%FF&token=%FF", None, None),
    ],
    ids=range(15),
)  # fmt: skip
def test_k20_key_and_token_or_bearer_say_whose_accounts(
    store: MemoryStore, query: str, header: str | None, clients: list[int] | None
) -> None:
    """A token has the accounts of its reader; a wrong, expired or half pair is 401, and never less than that."""
    store.write([ran(tenant="1"), ran(tenant="2")])
    client = Client(Kondado(store, authorize=key_and_token(TOKENS)))
    headers = {"authorization": header} if header else {}
    answer = client.get(f"/pipeline_logs?start_element_id=0&{query}", headers=headers)
    if clients is None:
        assert (answer.status_code, answer.json()["error"]) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    else:
        assert [row["client_id"] for row in answer.json()["data"]["data"]] == clients


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(rates.time, "monotonic", lambda: now[0])
    return now


def test_k21_one_request_a_second_and_twenty_a_minute(store: MemoryStore, clock: list[float]) -> None:
    """More is 429 with the documented body, byte by byte, and says when to come back; 200 with ``legacy_status``."""
    for options, status in (({}, 429), ({"legacy_status": True}, 200)):
        client = api(store, rate_limit=True, **options)  # type: ignore[arg-type]
        assert client.get("/pipeline_logs?start_element_id=0").status_code == 200
        clock[0] += 0.5
        refused = client.get("/pipeline_logs?start_element_id=0")
        assert (refused.status_code, refused.content) == (status, golden("rate_limit"))
        assert refused.headers["retry-after"] == "1"
        for _ in range(19):
            clock[0] += 1
            assert client.get("/model_logs?start_element_id=0").json()["success"] is True
        clock[0] += 1
        refused = client.get("/pipeline_logs?start_element_id=0")
        assert (refused.content, refused.headers["retry-after"]) == (golden("rate_limit"), "40")
        clock[0] += 40
        assert client.get("/pipeline_logs?start_element_id=0").json()["success"] is True
        clock[0] += 100


def test_k21_addresses_and_readers_are_counted_apart(store: MemoryStore, clock: list[float]) -> None:
    """A reader has one allowance wherever they ask from; strangers use up their address's only."""
    app = Kondado(store, authorize=key_and_token(TOKENS), rate_limit=True)
    here, there = Client(app, peer="192.0.2.1"), Client(app, peer="192.0.2.2")
    path = f"/pipeline_logs?start_element_id=0&key={KEY}&token="
    assert [here.get(path + "x").status_code, here.get(path + "x").status_code] == [401, 429]
    assert there.get(path + TOKEN).status_code == 200
    clock[0] += 0.9
    assert Client(app, peer="192.0.2.3").get(path + TOKEN).status_code == 429
    clock[0] += 0.2
    assert here.get(path + TOKEN).status_code == 200


def test_k21_callers_without_end_take_no_memory_without_end(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    """The one who has been silent longest is forgotten."""
    monkeypatch.setattr(rates, "MAX_CALLERS", 3)
    limited = rates.Rates([(1, 1.0)])
    assert [limited.wait(caller) for caller in "abcd"] == [0, 0, 0, 0]
    assert len(limited._callers) == 3
    assert limited.wait("d") == 1


def test_k22_newer_fields_come_when_asked_for(store: MemoryStore) -> None:
    """As texts, after all others, without an exponent."""
    store.write([ran(raw_row_count=123, mb_estimate=2.31e-07), ran()])
    rows = block(api(store, extended=True), 0)[0]
    assert [(row["raw_row_count"], row["mb_estimate"]) for row in rows] == [("123", "0.000000231"), (None, None)]
    assert [*rows[0]][-2:] == ["raw_row_count", "mb_estimate"]
    assert "raw_row_count" not in block(api(store), 0)[0][0]


def test_k23_the_status_of_a_pipeline(store: MemoryStore) -> None:
    """It runs, or it does not; what went wrong the last time is told. Of another reader's pipeline nothing is known."""
    begun = msgspec.structs.replace(ran(), status="processing", duration=None)
    store.write([ran(errors=("the source is away",)), ran("703")], in_flight=[InFlight(owner=new_id(), entry=begun)])
    client = api(store)
    assert client.get("/pipelines/702/status").content == golden("pipeline_status")
    assert client.get("/pipelines/703/status").json()["703"] == {
        "status": "active", "is_running": False, "is_active": True, "is_blocked": False, "raw_msg": None,
    }  # fmt: skip
    foreign = api(store, Principal("bo", role="supervisor", tenants={"2"}))
    for reader, path in (
        (client, "/pipelines/704/status"), (client, "/models/702/status"), (foreign, "/pipelines/702/status"),
    ):  # fmt: skip
        answer = reader.get(path)
        assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
    assert foreign.get("/pipelines/702/status?client_id=1").status_code == 403
    assert client.get("/pipelines/702/status?client_id=2").status_code == 404


def test_k24_failed_runs_are_left_out_unless_asked_for(store: MemoryStore) -> None:
    """A record has no place for a failure, so a client would take it for a success."""
    store.write([ran(), ran(errors=("the source is away",)), ran()])
    assert [row["id"] for row in block(api(store), 0)[0]] == [1, 3]
    assert [row["id"] for row in block(api(store, include_failed=True), 0)[0]] == [1, 2, 3]


# --- what the document does not speak of --------------------------------------------------------------------


def test_a_page_that_ran_out_of_its_time_is_not_the_end(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Null would tell the client that there is nothing more."""
    store.write([ran() for _ in range(60)])
    search = store.search
    monkeypatch.setattr(store, "search", lambda query: search(query) if query.cursor >= 10 else Page(
        entries=(), next_cursor=query.cursor + 5, has_more=True,
    ))  # fmt: skip
    rows, following = block(api(store), 0)
    assert ([row["id"] for row in rows], following) == ([*range(11, 61)], 60)


@pytest.mark.parametrize(
    ("name", "written"),
    [("1", 1), ("007", "007"), ("0", 0), ("acme", "acme"), ("9" * 18, int("9" * 18)), ("9" * 19, "9" * 19),
     ("-1", "-1"), ("٣", "٣"), ("", ""), (None, None), ("8" * 5000, "8" * 5000)],
    ids=range(11),
)  # fmt: skip
def test_ids_are_numbers_where_they_are_written_as_numbers(
    store: MemoryStore, name: str | None, written: int | str | None
) -> None:
    """And texts where a number would be another id, or too large for a client."""
    store.write([ran(name, tenant=name)])
    row = block(api(store), 0)[0][0]
    assert (row["client_id"], row["pipeline_id"]) == (written, written)


def test_without_a_decision_about_access_it_is_not_built(store: MemoryStore) -> None:
    """As the log browser."""
    with pytest.raises(ConfigurationError, match="authorize"):
        Kondado(store, authorize=None)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="SHA-256"):
        key_and_token({"key": {"not a digest": OWNER}})
    with pytest.raises(ConfigurationError, match="key_and_token"):
        key_and_token({1: {}})  # type: ignore[dict-item]


@pytest.mark.parametrize("legacy_status", [False, True])
def test_what_goes_wrong_here_is_told_in_its_own_envelope(store: MemoryStore, legacy_status: bool) -> None:
    """A store that is away, a host that fails, a role that may not: with their status, and no word of the cause."""

    class Away(MemoryStore):
        def search(self, query: object) -> Page:
            raise StoreError("password=hunter2")

    def fails(_: object) -> None:
        raise RuntimeError("password=hunter2")

    stranger = Principal("eve", role="agent", tenants=ALL)
    for app, status, code in (
        (Kondado(Away(), authorize=lambda _: OWNER, legacy_status=legacy_status), 503, "UNAVAILABLE"),
        (Kondado(store, authorize=fails, legacy_status=legacy_status), 500, "INTERNAL_ERROR"),
        (Kondado(store, authorize=lambda _: stranger, legacy_status=legacy_status), 403, "FORBIDDEN"),
    ):
        answer = Client(app).get("/pipeline_logs?start_element_id=0")
        assert answer.status_code == (200 if legacy_status and status < 500 else status)
        assert (answer.json()["success"], answer.json()["error"]) == (False, code)
        assert "hunter2" not in answer.text


def test_a_logger_serves_what_it_recorded_and_does_not_log_that(tmp_path: Path) -> None:
    """From ``log.run`` to the record of the API; reading it is no event of the log."""
    log = IntegrationLogger(f"sqlite:///{tmp_path}/log.db", external_ip="203.0.113.7")
    with log.run("Orders", log_type="pipeline", job_id=702, tenant="1") as run:
        with run.setup():
            time.sleep(0.05)
        run.add_rows(250)
        run.add_rows(6)
        run.savepoint(initial="2026-11-19", new="2026-11-20")
        run.set(has_deltas=True, is_billable=True)
    with suppress(ZeroDivisionError), log.run("Orders", log_type="pipeline", job_id=702, tenant="1"):
        raise ZeroDivisionError("no rows to divide")
    assert log.flush(10)
    client = Client(log.asgi(log.compat.kondado(authorize=lambda _: OWNER)))
    (row,) = block(client, 0)[0]
    assert 0 <= float(row.pop("execution_time_seconds")) < 0.05
    assert row.pop("createdAt") == row.pop("updatedAt")
    assert row == {
        "id": 1, "client_id": 1, "pipeline_id": 702, "has_deltas": True, "pipeline_name": "Orders", "row_count": "256",
        "initial_savepoint": "2026-11-19", "new_savepoint": "2026-11-20", "external_ip": "203.0.113.7",
        "is_billable": True,
    }  # fmt: skip
    assert "no rows to divide" in client.get("/pipelines/702/status").json()["702"]["raw_msg"]
    assert log.health().captured == 2
    log.close()


def test_a_run_under_way_is_running(tmp_path: Path) -> None:
    """As soon as its process has told of it, in the status and in no block; when it has ended, the other way round."""
    log = IntegrationLogger(f"sqlite:///{tmp_path}/log.db", announce_after=0)
    client = Client(log.compat.kondado(authorize=lambda _: OWNER))

    def is_running() -> bool:
        return client.get("/models/162/status").json().get("data", {}).get("162", {}).get("is_running") is True

    with log.run("Leads", log_type="model", job_id=162):
        eventually(is_running)
        assert block(client, 0, "/model_logs") == ([], None)
    assert log.flush(10)
    assert not is_running()
    assert len(block(client, 0, "/model_logs")[0]) == 1
    log.close()
