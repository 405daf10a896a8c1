"""The recorder: processors and labels of the host, and one boundary behind which no failure of logging gets out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from integration_logger import ConfigurationError, Entry, codec
from integration_logger.capture import Capture
from integration_logger.recorder import KNOWN_METHODS, Recorder, bare
from integration_logger.redaction import Redactor
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.testing import RecordingLogger, recording
from tests.adapters.server import Server, answer

REDACTOR = Redactor()


def log_with(**options: Any) -> Any:
    return recording(redact=REDACTOR, **options)


def call(log: RecordingLogger, target: str = "/", body: bytes = b"hello") -> Server:
    return Server("POST", target, [(b"content-type", b"text/plain")], body).run(log.asgi(answer(200, (), b"bye")))


def test_processors_change_entries_in_turn() -> None:
    """Each processor gets what the one before it returned, before anything is masked."""

    def first(entry: Entry) -> Entry:
        assert entry.request is not None
        assert entry.request.body == b"password=hunter2-hunter2"
        return replace(entry, operation="first")

    def second(entry: Entry) -> Entry:
        assert entry.operation == "first"
        return replace(entry, labels={"note": "password=hunter3-hunter3"}, operation=f"{entry.operation}, second")

    with log_with(processors=[first, second]) as log:
        call(log, body=b"password=hunter2-hunter2")
        (entry,) = log.entries
    assert entry.operation == "first, second"
    assert "hunter2-hunter2" not in repr(entry)
    assert "hunter3-hunter3" not in repr(entry)


def test_a_processor_may_drop_an_entry() -> None:
    """An entry for which a processor returns None is left out and counted, and later processors do not see it."""
    seen: list[Entry] = []

    def drop(entry: Entry) -> Entry | None:
        return None if entry.url and entry.url.endswith("/drop") else entry

    with log_with(processors=[drop, lambda entry: seen.append(entry) or entry]) as log:
        call(log, "/drop")
        call(log, "/keep")
        assert len(log.entries) == len(seen) == 1
        health = log.health()
    assert (health.discarded, health.captured, health.failed) == (1, 1, 0)


@pytest.mark.parametrize("wrong", [lambda entry: 1 / 0, lambda entry: True, lambda entry: {}, lambda: None])
def test_a_processor_that_fails_costs_the_entry_its_content(wrong: Any) -> None:
    """The host has its answer; of the entry only what no stranger could have written is kept."""
    with log_with(processors=[wrong]) as log:
        assert call(log, "/secret?token=hunter2", b"hunter2").body == b"bye"
        (entry,) = log.entries
        health = log.health()
    assert (health.redaction_failed, health.failed, health.captured) == (1, 0, 1)
    assert (entry.method, entry.status_code, entry.status) == ("POST", 200, "completed")
    assert entry.duration is not None
    assert entry.has_errors
    assert (entry.url, entry.host, entry.request, entry.response, entry.labels) == (None, None, None, None, {})
    assert entry.redacted == ("entry: redaction_failed",)
    assert "hunter2" not in repr(entry)


def test_labels_that_cannot_be_had_are_counted() -> None:
    """A callable for constant labels that raises costs the labels only."""

    def labels() -> dict[str, object]:
        raise LookupError

    with log_with(labels=labels) as log:
        call(log)
        (entry,) = log.entries
        assert (entry.labels, entry.tenant) == ({}, None)
        assert entry.url == "http://shop.example.com/"
        assert (log.health().labels_failed, log.health().redaction_failed) == (1, 0)


@pytest.mark.parametrize("labels", [lambda: 5, lambda: ["tenant"], lambda: "tenant"])
def test_labels_of_a_wrong_type_are_counted(labels: Any) -> None:
    """What is no dict is no labels."""
    with log_with(labels=labels) as log:
        call(log)
        assert log.entries[0].labels == {}
        assert log.health().labels_failed == 1


def test_labels_that_are_no_dict_are_refused() -> None:
    """A wrong value is told when the logger is made."""
    with pytest.raises(ConfigurationError, match="labels"):
        Recorder(None, None, max_body=1, labels="tenant")  # type: ignore[arg-type]


class Full:
    """A spool that takes nothing."""

    def append(self, payload: bytes) -> str | None:
        return "spool full"


def test_dropped_entries_are_counted_by_reason() -> None:
    """What the spool does not take is counted, and not as captured."""
    recorder = Recorder(Full(), REDACTOR, max_body=10)
    for _ in range(3):
        recorder.record(Capture("call"))
    assert recorder.dropped == {"spool full": 3}
    assert recorder.captured == 0


class Breaks:
    """A spool that raises, with a secret in its text."""

    def append(self, payload: bytes) -> str | None:
        raise RuntimeError("hunter2")


def test_warnings_are_rare_and_tell_nothing_of_the_data(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand failures make one warning, which names the kind of the error and not its text."""
    recorder = Recorder(Breaks(), REDACTOR, max_body=10)
    with caplog.at_level(logging.WARNING, "integration_logger"):
        for _ in range(1000):
            recorder.record(Capture("call"))
    assert recorder.failures["failed"] == 1000
    assert [record.getMessage() for record in caplog.records] == ["recording an entry failed: RuntimeError"]


def test_a_logging_handler_of_the_host_that_raises_is_no_obstacle() -> None:
    """Not even the warning about a failure may fail towards the host."""

    class Raises(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError

    filter_ = Raises()
    logger = logging.getLogger("integration_logger")
    logger.addFilter(filter_)
    try:
        with log_with(processors=[lambda entry: 1 / 0]) as log:  # type: ignore[list-item,return-value]
            assert call(log).body == b"bye"
            assert log.health().redaction_failed == 1
    finally:
        logger.removeFilter(filter_)


@pytest.mark.parametrize("start", [RuntimeError, OSError, MemoryError])
def test_an_entry_is_kept_although_shipping_cannot_begin(start: type[Exception]) -> None:
    """A process that can start no thread has its entries on the spool, and the failure is counted."""

    def fails() -> None:
        raise start

    spool = MemoryQueue()
    recorder = Recorder(spool, REDACTOR, max_body=10, start=fails)
    recorder.record(Capture("call"))
    assert len(spool) == 1
    assert recorder.failures["failed"] == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_not_caught(stop: type[BaseException]) -> None:
    """Only exceptions of logging are held back."""

    class Stops:
        def append(self, payload: bytes) -> str | None:
            raise stop

    with pytest.raises(stop):
        Recorder(Stops(), REDACTOR, max_body=10).record(Capture("call"))


def finished(change: Callable[[Capture], None]) -> Entry:
    capture = Capture("inbound")
    change(capture)
    return bare(capture)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [(200, None, "completed"), (399, None, "completed"), (400, None, "failed"), (None, None, "failed"),
     (200, "failed", "failed")],
)  # fmt: skip
def test_a_bare_entry_has_the_outcome_of_its_call(code: int | None, status: Any, expected: str) -> None:
    """Status and code remain where nothing else could be kept."""

    def change(capture: Capture) -> None:
        capture.status_code, capture.status = code, status

    entry = finished(change)
    assert (entry.status, entry.status_code) == (expected, code)


@pytest.mark.parametrize("method", [*sorted(KNOWN_METHODS), "hunter2", None])
def test_a_bare_entry_has_a_method_only_if_it_is_a_known_one(method: str | None) -> None:
    """A method is written by the client, who may write anything."""

    def change(capture: Capture) -> None:
        capture.method = method

    assert finished(change).method == (method if method in KNOWN_METHODS else None)


@pytest.mark.parametrize(
    ("given", "kept"), [(("timeout", "send"), ("timeout", "send")), (("hunter2",) * 2, (None,) * 2)]
)
def test_a_bare_entry_has_an_error_type_only_if_it_is_a_known_one(given: Any, kept: Any) -> None:
    """The host may give any text for one."""

    def change(capture: Capture) -> None:
        capture.fail(given[0], phase=given[1])

    entry = finished(change)
    assert (entry.error_type, entry.phase) == kept


# --- calls under way ----------------------------------------------------------------------------------


def test_calls_are_under_way_until_they_are_recorded() -> None:
    """Each call is known from its begin to its end, also one that is discarded or fails to be recorded."""
    with log_with() as log:
        seen: list[int] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(len(log.recorder.under_way))
            if scope["path"] == "/discarded":
                log.current().discard()
            await answer(200, (), b"bye")(scope, receive, send)

        for path in ("/", "/discarded"):
            Server("GET", path).run(log.asgi(app))
        assert seen == [1, 1]
        assert log.recorder.under_way == {}


def test_what_is_told_of_a_call_under_way_is_redacted() -> None:
    """Constant labels are put on it, secrets are masked, and nothing is counted as a failure."""
    with log_with(labels={"environment": "test", "api_key": "c4n4ry-c4n4ry"}) as log:
        capture = Capture("inbound")
        capture.url = "https://shop.example.com/?token=c4n4ry-c4n4ry"
        entry = log.recorder.so_far(capture)
        assert entry.labels["environment"] == "test"
        assert "c4n4ry" not in str(codec.to_dict(entry))
        assert log.recorder.failures == {}


def test_a_call_under_way_that_cannot_be_redacted_is_bare() -> None:
    """Where redaction fails it is told that there is a call, and nothing else; the failure is counted."""

    class Broken:
        def prepare(self) -> None: ...

        def redact(self, entry: Entry, max_body: int) -> Entry:
            raise RuntimeError("c4n4ry")

    recorder = Recorder(MemoryQueue(), Broken(), max_body=10)
    capture = Capture("inbound")
    capture.url = capture.method = "c4n4ry"
    entry = recorder.so_far(capture)
    assert (entry.id, entry.status, entry.errors, entry.has_errors) == (capture.id, "processing", (), False)
    assert "c4n4ry" not in str(codec.to_dict(entry))
    assert recorder.failures["redaction_failed"] == 1


def test_a_forked_child_has_no_calls_under_way() -> None:
    """Calls, counts and losses are the parent's."""
    recorder = Recorder(Full(), REDACTOR, max_body=10)
    capture = Capture("inbound")
    recorder.record(capture)
    recorder.under_way[capture.id] = capture
    recorder.begin_anew()
    assert recorder.under_way == {}
    assert (recorder.captured, recorder.dropped, recorder.losses) == (0, {}, ())


def test_losses_of_one_reason_are_told_together() -> None:
    """A stretch of losses is one, with its first and last time and its number."""
    recorder = Recorder(Full(), REDACTOR, max_body=10)
    for _ in range(5):
        recorder.record(Capture("inbound"))
    assert [loss.entries for loss in recorder.losses] == [5]
    assert recorder.losses[0].first <= recorder.losses[0].last
