"""Runs, calls and scripts: what the host tells of them, right or wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from integration_logger import ConfigurationError, IntegrationLogger, Redactor
from integration_logger.capture import MAX_LABELS
from integration_logger.errors import QueryError, StoreError
from integration_logger.testing import RecordingLogger, recording
from tests.deadlines import eventually


@pytest.fixture
def log() -> Iterator[RecordingLogger]:
    with recording() as made:
        yield made


def test_rows_of_several_threads(log: RecordingLogger) -> None:
    """None is lost."""
    with log.run("orders") as run:

        def count() -> None:
            for _ in range(5_000):
                run.add_rows()

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert log.entries[0].run.row_count == 20_000  # type: ignore[union-attr]


class Number:
    def __index__(self) -> int:
        return 5


@pytest.mark.parametrize(
    ("given", "rows"), [(3, 3), (True, 1), (2.0, 2), (Number(), 5), (10**30, 2**63 - 1), (-(10**30), -(2**63) + 1)]
)
def test_what_counts_as_a_number_of_rows(log: RecordingLogger, given: Any, rows: int) -> None:
    """Whatever is a whole number, bounded to what stores take."""
    with log.run("orders") as run:
        run.add_rows(given)
    assert log.entries[0].run.row_count == rows  # type: ignore[union-attr]
    assert log.health().failed == 0


WRONG: dict[str, Any] = {
    "rows as text": lambda run: run.add_rows("many"),
    "rows as half": lambda run: run.add_rows(0.5),
    "rows not a number": lambda run: run.add_rows(float("nan")),
    "rows none": lambda run: run.add_rows(None),
    "rows as list": lambda run: run.add_rows([1]),
    "flag as text": lambda run: run.set(has_deltas="yes"),
    "flag as list": lambda run: run.set(is_billable=[True]),
    "megabytes as text": lambda run: run.set(mb_estimate="0.1"),
    "megabytes infinite": lambda run: run.set(mb_estimate=float("inf")),
    "unknown name": lambda run: run.set(colour="red"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_are_counted_and_change_nothing(log: RecordingLogger, name: str) -> None:
    """The host's code goes on, and so does the run."""
    with log.run("orders") as run:
        run.add_rows(7)
        WRONG[name](run)
    (entry,) = log.entries
    assert (entry.status, entry.run.row_count, log.health().failed) == ("completed", 7, 1)  # type: ignore[union-attr]


def test_savepoints_are_as_they_were(log: RecordingLogger) -> None:
    """What the host changes later is not changed in the entry; what is not given stays."""
    place = {"page": 1}
    with log.run("orders") as run:
        run.savepoint(initial=place)
        run.savepoint(place)
        place["page"] = 2
    told = log.entries[0].run
    assert told is not None
    assert (told.initial_savepoint, told.new_savepoint) == ({"page": 1}, {"page": 1})


def test_set_up_that_fails(log: RecordingLogger) -> None:
    """The time until then was set-up, and nothing was executed."""
    with pytest.raises(OSError, match="no route"), log.run("orders") as run, run.setup():
        raise OSError("no route")
    entry = log.entries[0]
    assert entry.run is not None
    assert entry.run.setup_seconds is not None
    assert entry.run.execution_seconds == pytest.approx(0, abs=0.1)


def test_external_ip_by_a_callable() -> None:
    """It is asked when a run begins; if it fails, that is counted."""
    answers: list[Any] = ["203.0.113.7", None, 7]

    def ask() -> str | None:
        found = answers.pop(0)
        if found == 7:
            raise OSError
        return found  # type: ignore[no-any-return]

    with recording(external_ip=ask) as log:
        for _ in range(3):
            with log.run("orders"):
                pass
        assert [e.run.external_ip for e in log.entries if e.run] == ["203.0.113.7", None, None]
        assert log.health().failed == 1


def test_external_ip_of_another_type() -> None:
    """It is refused when the logger is built."""
    with pytest.raises(ConfigurationError, match="external_ip takes an address"):
        IntegrationLogger(None, external_ip=7)  # type: ignore[arg-type]


def test_a_run_is_shown_while_it_runs(tmp_path: Any) -> None:
    """With its rows and savepoint so far, without waiting for anything else to be recorded."""
    log = IntegrationLogger(f"sqlite:///{tmp_path}/log.db", announce_after=0)
    try:
        with log.run("orders", tenant="1", job_id=7) as run:
            for rows in (5, 6):
                run.add_rows(rows)
                run.savepoint(new=rows)

                def shown(rows: int = rows) -> bool:
                    log.store.open()
                    found = log.store.get(run.id, _everything())
                    return found is not None and found.run is not None and found.run.new_savepoint == rows

                eventually(shown, seconds=40)
        assert log.flush(40)
        entry = log.store.get(run.id, _everything())
        assert entry is not None
        assert (entry.status, entry.run and entry.run.row_count) == ("completed", 11)
    finally:
        log.close()


def _everything() -> Any:
    from integration_logger.query import EVERYTHING

    return EVERYTHING


def test_last_run_within_a_tenant(log: RecordingLogger) -> None:
    """Jobs of another tenant, of another type and other kinds of entries are not looked at."""
    for tenant, log_type, rows in (("1", "pipeline", 1), ("2", "pipeline", 2), ("1", "model", 3)):
        with log.run("orders", tenant=tenant, log_type=log_type, job_id=702) as run:
            run.add_rows(rows)
    with log.call("C2E", tenant="1", log_type="pipeline", job_id="702"):
        pass
    assert len(log.entries) == 4

    def rows_of(*words: Any, **filters: Any) -> int | None:
        found = log.last_run(*words, **filters)
        return found.run.row_count if found and found.run else None

    assert rows_of("pipeline", job_id=702, tenant="1") == 1
    assert rows_of("pipeline", job_id="702") == 2
    assert rows_of(job_id=702) == 3
    assert rows_of() == 3
    assert rows_of("pipeline", job_id=702, tenant="3") is None
    assert rows_of("pipeline", job_id=70) is None
    with pytest.raises(QueryError, match="is not a filter"):
        log.last_run(colour="red")


def test_last_run_says_where_it_cannot_be_told(tmp_path: Any) -> None:
    """ "Never" would be the wrong answer."""
    (tmp_path / "log.db").mkdir()
    log = IntegrationLogger(f"sqlite:///{tmp_path}/log.db")
    with pytest.raises(StoreError):
        log.last_run("pipeline")


BODIES: dict[str, tuple[Any, str | None, str]] = {
    "dict": ({"a": [1, None]}, "application/json", '{"a":[1,null]}'),
    "text": ("caf\u00e9 \udcff", "text/plain; charset=utf-8", "caf\u00e9 ?"),
    "bytes": (b"plain text", None, "plain text"),
    "time": ({"at": datetime(2026, 11, 21, tzinfo=UTC)}, "application/json", '{"at":"2026-11-21T00:00:00+00:00"}'),
    "object": (ValueError("x"), "application/json", '"ValueError: x"'),
    "list": ([float("nan"), 2**70], "application/json", f'["nan","{2**70}"]'),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_of_calls(log: RecordingLogger, name: str) -> None:
    """Anything may be sent and come back."""
    body, content_type, text = BODIES[name]
    with log.call("C2E") as call:
        call.request(body)
        call.response(body)
    (entry,) = log.entries
    for half in (entry.request, entry.response):
        assert half is not None
        assert (half.content_type, (half.body or b"").decode(), half.truncated) == (content_type, text, False)
        assert half.size == len(text.encode())


def test_long_bodies_are_cut(log: RecordingLogger) -> None:
    """To ``max_body``, whether they are given as bytes or as data."""
    for body in (b"word " * 100_000, {"a": ["word " * 10] * 100_000}, {"a": "word " * 100_000}):
        with log.call("C2E") as call:
            call.request(body)
    for entry in log.entries:
        assert entry.request is not None
        assert entry.request.truncated
        assert 60_000 < len(entry.request.body or b"") <= 65_536


@pytest.mark.parametrize("code", ["many", 7, 10_000, [200], True])
def test_a_status_code_that_is_none(log: RecordingLogger, code: Any) -> None:
    """It is counted, and the call goes on without."""
    with log.call("C2E") as call:
        call.response({}, status_code=code)
    (entry,) = log.entries
    assert (entry.status, entry.status_code, log.health().failed) == ("completed", None, 1)


@pytest.mark.parametrize(
    ("code", "status", "error_type"),
    [(200, "completed", None), ("202", "completed", None), (404, "failed", "http_4xx"), (503, "failed", "http_5xx")],
)
def test_the_status_code_decides(log: RecordingLogger, code: Any, status: str, error_type: str | None) -> None:
    """As for HTTP."""
    with log.call("C2E") as call:
        call.response({}, status_code=code)
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code) == (status, error_type, int(code))


def test_attempts_of_one_call(log: RecordingLogger) -> None:
    """Retries by hand are attempts of one call, whatever sort of call it is."""
    with log.attempts():
        for code in (500, 200):
            with log.call("C2E") as call:
                call.response(status_code=code)
    first, second = log.entries
    assert (first.attempt, second.attempt, second.transaction_id) == (1, 2, first.id)


def test_a_call_that_failed_without_an_exception(log: RecordingLogger) -> None:
    """The host says so."""
    with log.call("C2E") as call:
        call.fail("validation", "no such address")
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.errors) == ("failed", "validation", ("no such address",))


def test_variables_are_those_at_the_end(log: RecordingLogger) -> None:
    """A dict is read when the script has ended; what was set is as it was then, and wins."""
    variables = {"a": 1, "b": 1}
    with log.script("rule", variables=variables) as script:
        script.set(b=[1])
        variables.update(a=2, b=2)
    assert log.entries[0].variables == {"a": 2, "b": [1]}


@pytest.mark.parametrize(
    ("given", "kept"),
    [(lambda: 7, {"value": 7}), ([1], {"value": [1]}), (dict, None), (lambda: None, None), (None, None)],
)
def test_variables_that_are_no_dict(log: RecordingLogger, given: Any, kept: Any) -> None:
    """They are kept as they are; none are none."""
    with log.script("rule", variables=given):
        pass
    assert log.entries[0].variables == kept


def test_variables_that_cannot_be_read(log: RecordingLogger) -> None:
    """That is counted; the script's own exception goes on."""
    with pytest.raises(KeyError), log.script("rule", variables=lambda: {"a": 1 / 0}):
        raise KeyError("own")
    assert log.entries[0].errors == ("KeyError: 'own'",)
    assert (log.health().failed, log.health().redaction_failed) == (1, 0)


LINKS = {
    "https://a.example/x?y#z": True, "http://a.example": True, "/bots/3#n7": True, "bots/3": True, "?a=b": True,
    "#n7": True, "javascript:alert(1)": False, "JaVaScRiPt:alert(1)": False, "java\tscript:alert(1)": False,
    "\x01javascript:alert(1)": False, " javascript:alert(1)": False, "data:text/html,x": False, "//evil.example": False,
    "/\\evil.example": False, "\\\\evil.example": False, "https:evil": False, "https:///x": False, "": False,
    "ftp://a.example": False, "vbscript:x": False,
}  # fmt: skip


@pytest.mark.parametrize("address", LINKS)
def test_where_a_source_may_lead(log: RecordingLogger, address: str) -> None:
    """To the web, or into the application; anything else is left out, and that is noted."""
    with log.call("C2E", source_url=address):
        pass
    (entry,) = log.entries
    assert entry.labels.get("source_url") == (address if LINKS[address] else None)
    assert ("labels.source_url: no address of the web" in entry.redacted) is not LINKS[address]


def test_a_source_of_many_addresses_is_none(log: RecordingLogger) -> None:
    """A list is no address."""
    with log.call("C2E", source_url=["/a", "/b"]):
        pass
    assert "source_url" not in log.entries[0].labels


def test_labels_are_bounded(log: RecordingLogger) -> None:
    """In number, in values and in length, names included."""
    with log.call("C2E") as call:
        call.label(**{f"n{number}": "x" for number in range(1000)}, category=["y"] * 1000)
        call.label(n0="changed", **{"k" * 1_000_000: "v"})
    labels = log.entries[0].labels
    assert len(labels) == MAX_LABELS
    assert labels["n0"] == "changed"
    with log.call("C2E", category=["y"] * 1000, note="word " * 300_000):
        pass
    labels = log.entries[1].labels
    assert (len(labels["category"]), len(labels["note"]) < 5000) == (MAX_LABELS, True)


SECRETS = {
    "name": {"password": "hunter2-Kan4rie,vogel"},
    "shape": {"note": "sk_live_4eC39HqLyjWDarjtT1zdp7dc"},
    "card": {"note": "paid with 4111111111111111 today"},
    "known": {"note": "our own Zebra-Crossing-77 secret"},
    "deep": {"a": [{"b": {"token": "Zx81kQ0pLm44vB2nT7"}}]},
}


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_kept_anywhere(name: str) -> None:
    """Names, savepoints, variables, labels, bodies, errors and tracebacks; while it runs, too."""
    data = SECRETS[name]
    secret = next(value for value in _leaves(data))
    said = f"{next(iter(data))}={secret}" if name == "name" else f"token={secret}" if name == "deep" else secret
    with recording(redact=Redactor(values=["Zebra-Crossing-77"])) as log:
        seen = []
        with log.run(said, job_id=said, category=said, tenant=said) as run:
            run.savepoint(initial=data, new=said)
            run.error(said)
            seen.append(log.recorder.so_far(run))
            with log.call(said, operation=said) as call:
                call.request(data)
                call.response(said)
                seen.append(log.recorder.so_far(call))
            with suppress(ValueError), log.script(said, variables=data) as script:
                script.set(more=data, note=said)
                raise ValueError(said)
        text = repr([*log.entries, *seen]) + json.dumps([repr(entry.run) for entry in log.entries])
        for piece in (secret.split()[-2] if name == "card" else secret).split(","):
            hidden = "Zebra-Crossing-77" if name == "known" else piece
            assert hidden not in text
        assert log.health().redaction_failed == 0


def _leaves(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    else:
        for item in data.values() if isinstance(data, dict) else data:
            yield from _leaves(item)
