"""Reports: what a process tells of itself, how often, how much, and never a secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integration_logger import codec
from integration_logger.capture import Capture
from integration_logger.health import Health, Report
from integration_logger.recorder import Recorder
from integration_logger.redaction import Redactor
from integration_logger.shipping import reporter as reporter_module
from integration_logger.shipping.reporter import (
    NEWS_BYTES,
    REPORT_ANYWAY,
    REPORT_EVERY,
    REPORT_EVERY_IF_PATIENT,
    Reporter,
)
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.stores.base import MAX_IN_FLIGHT

CANARY = "c4n4ry-c4n4ry-c4n4ry"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor()


class Process:
    """A process with a clock of its own, and all reports that it has made."""

    def __init__(self, redactor: Redactor, announce_after: float = 2.0, **options: Any) -> None:
        self.now = 1000.0
        self.health = Health()
        self.refuses: str | None = None
        self.payloads: list[bytes] = []
        self.recorder = Recorder(MemoryQueue(), redactor, max_body=1024, **options)
        self.reporter = Reporter(self.recorder, "me", lambda: self.health, announce_after=announce_after)

    def append(self, payload: bytes) -> str | None:
        if self.refuses is None:
            self.payloads.append(payload)
        return self.refuses

    def begin(self, **fields: Any) -> Capture:
        capture = Capture("inbound")
        capture.started = self.now
        for name, value in fields.items():
            setattr(capture, name, value)
        self.recorder.under_way[capture.id] = capture
        return capture

    def report(self, after: float = REPORT_EVERY, **options: Any) -> Report | None:
        """Let time pass; return the report that is made then."""
        self.now += after
        before = len(self.payloads)
        self.reporter.report(self.append, **options)
        return codec.decode_report(self.payloads[-1]) if len(self.payloads) > before else None


Make = Callable[..., Process]


@pytest.fixture
def process(redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(*args: Any, **options: Any) -> Process:
        made = Process(redactor, *args, **options)
        monkeypatch.setattr(reporter_module, "monotonic", lambda: made.now)
        monkeypatch.setattr(reporter_module, "perf_counter", lambda: made.now)
        return made

    return make


def told(report: Report | None) -> list[str]:
    return [] if report is None else [entry.id for entry in report.in_flight]


def test_nothing_new_is_not_told(process: Make) -> None:
    """A process in which nothing happens is silent; a change of its counts is told once."""
    made = process()
    assert made.report() is None
    made.health = Health(captured=1)
    report = made.report()
    assert report is not None
    assert (report.owner, report.health.captured) == ("me", 1)
    assert made.report() is None


def test_a_process_that_lives_is_heard_of(process: Make) -> None:
    """Once it has said something, it says so again every half minute; one that never recorded stays silent."""
    made = process()
    assert made.report(10 * REPORT_ANYWAY) is None
    made.health = Health(captured=1)
    assert made.report() is not None
    assert made.report(REPORT_ANYWAY - 1) is None
    report = made.report()
    assert report is not None
    assert report.health.captured == 1
    assert made.report() is None


def test_a_call_is_told_once_it_is_old_enough_and_once_it_has_gone(process: Make) -> None:
    """News of a call: that it is in flight, what has changed of it, that it is over; in between nothing."""
    made = process(announce_after=5)
    call = made.begin(method="GET")
    assert made.report(4) is None
    assert told(made.report(2)) == [call.id]
    assert made.report() is None
    call.label(tenant="acme")
    report = made.report()
    assert report is not None
    assert [entry.tenant for entry in report.in_flight] == ["acme"]
    made.recorder.record(call)
    report = made.report()
    assert report is not None
    assert (report.in_flight, report.ended) == ((), (call.id,))
    assert made.report() is None


def test_a_discarded_call_disappears(process: Make) -> None:
    """A call that was told and is then left out of the log has ended, whether it still runs or not."""
    made = process(announce_after=0)
    first, second = made.begin(), made.begin()
    second.discard()
    assert told(made.report()) == [first.id]
    first.discard()
    report = made.report()
    assert report is not None
    assert report.ended == (first.id,)


def test_calls_are_told_at_once_where_that_is_asked_for(process: Make) -> None:
    """With ``announce_after=0`` the first look after the begin tells it, if the last report is a second old."""
    made = process(announce_after=0)
    assert made.report() is None
    first = made.begin()
    assert told(made.report(0.1)) == [first.id]
    second = made.begin()
    assert made.report(0.1) is None
    assert told(made.report(0.9)) == [second.id]


def test_it_is_patient_where_room_is_scarce(process: Make) -> None:
    """While the spool is full there are fewer reports; the last one before the end is made in any case."""
    made = process()
    made.health = Health(captured=1)
    assert made.report() is not None
    made.health = Health(captured=2)
    assert made.report(REPORT_EVERY_IF_PATIENT - 1, patient=True) is None
    assert made.report(1, patient=True) is not None
    made.health = Health(captured=3)
    assert made.report(0, patient=True, last=True) is not None


def test_what_could_not_be_appended_is_told_the_next_time(process: Make) -> None:
    """A report that found no room is lost, its news are not."""
    made = process(announce_after=0)
    call = made.begin()
    made.health, made.refuses = Health(captured=1), "spool full"
    assert made.report() is None
    made.refuses = None
    report = made.report()
    assert report is not None
    assert told(report) == [call.id]
    assert report.health.captured == 1
    made.recorder.record(call)
    made.refuses = "spool full"
    assert made.report() is None
    made.refuses = None
    report = made.report()
    assert report is not None
    assert report.ended == (call.id,)


def test_news_are_bounded_and_complete(process: Make) -> None:
    """Many large calls are told in several reports, oldest first, each of them once; none is larger than it may be."""
    made = process(announce_after=0)
    calls = [made.begin() for _ in range(40)]
    for call in calls:
        call.label(**{f"label-{number}": "x " * 2000 for number in range(5)})
    found: list[str] = []
    while report := made.report():
        found += told(report)
        assert len(made.payloads[-1]) < NEWS_BYTES + 4096
    assert found == [call.id for call in calls]
    assert len(made.payloads) > 2


def test_no_more_are_told_than_a_page_shows(process: Make) -> None:
    """Of very many calls the oldest are told, and the others as those end."""
    made = process(announce_after=0)
    calls = [made.begin() for _ in range(MAX_IN_FLIGHT + 5)]
    assert told(made.report()) == [call.id for call in calls[:MAX_IN_FLIGHT]]
    for call in calls[:5]:
        made.recorder.record(call)
    assert told(made.report()) == [call.id for call in calls[MAX_IN_FLIGHT:]]


def test_a_call_that_cannot_be_told_holds_up_no_other(process: Make) -> None:
    """One that is too large, or cannot be encoded, is left out until it ends."""
    made = process(announce_after=0)
    large, odd, good = made.begin(), made.begin(http_version="\ud800"), made.begin()
    large.label(**{f"label-{number}": "x " * 2000 for number in range(200)})
    assert told(made.report()) == [good.id]
    assert made.report() is None
    assert odd.id in made.recorder.under_way


def test_hostile_labels_and_errors_are_told_as_text(process: Make) -> None:
    """NUL, lone surrogates and objects that cannot be read make no report unreadable."""

    class Unreadable:
        def __str__(self) -> str:
            raise RuntimeError(CANARY)

    made = process(announce_after=0)
    call = made.begin()
    call.label(a="\x00", b="\ud800", c=Unreadable(), **{"\ud800": "x"})
    call.error("\ud800\x00")
    report = made.report()
    assert report is not None
    assert told(report) == [call.id]
    assert report.in_flight[0].labels["a"] == "\x00"
    assert CANARY not in str(report)


def test_no_secret_is_told(process: Make) -> None:
    """What is masked in an entry is masked in what is told of a call: in URL, labels and errors."""
    made = process(announce_after=0, labels={"api_key": CANARY, "environment": "test"})
    call = made.begin(method="GET", url=f"https://u:{CANARY}@shop.example.com/?token={CANARY}", host="shop.example.com")
    call.label(password=CANARY, tenant="acme")
    call.error(f"Authorization: Bearer {CANARY}")
    report = made.report()
    assert report is not None
    assert CANARY.encode() not in made.payloads[-1]
    entry = report.in_flight[0]
    assert (entry.status, entry.tenant, entry.labels["environment"]) == ("processing", "acme", "test")
    assert (entry.request, entry.response) == (None, None)


def test_a_call_that_cannot_be_redacted_tells_nothing_of_itself(process: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where redaction fails, a call in flight is told with nothing that a stranger could have written."""
    made = process(announce_after=0)

    def fail(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(made.recorder, "redactor", type("Broken", (), {"redact": fail})())
    call = made.begin(method=CANARY, url=f"https://shop.example.com/{CANARY}")
    report = made.report()
    assert told(report) == [call.id]
    assert CANARY.encode() not in made.payloads[-1]
    assert report is not None
    assert report.in_flight[0].status == "processing"


def test_callables_are_not_asked_while_a_call_is_under_way(process: Make) -> None:
    """The host's callables run when a call ends, and in the thread that serves it."""
    asked: list[str] = []

    def labels() -> dict[str, str | list[str]]:
        asked.append("asked")
        return {}

    made = process(announce_after=0, labels=labels)
    call = made.begin(late_labels=labels)
    assert told(made.report()) == [call.id]
    assert asked == []
