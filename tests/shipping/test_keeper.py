"""The keeper: what is due now and then is done, in a thread or by the calls themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from integration_logger import codec
from integration_logger.capture import Capture
from integration_logger.health import Health
from integration_logger.recorder import KEPT_WITHIN, Recorder
from integration_logger.redaction import Redactor
from integration_logger.shipping import reporter as reporter_module
from integration_logger.shipping.keeper import KEEP_EVERY, Keeper
from integration_logger.shipping.reporter import Reporter
from integration_logger.spool import writer as writer_module
from integration_logger.spool.folders import folder_bytes
from integration_logger.spool.memory_queue import MemoryQueue
from integration_logger.spool.presence import present
from integration_logger.spool.writer import SpoolWriter
from tests.spools import encoded, on_spool


class Child:
    """Counts how often it is kept."""

    def __init__(self) -> None:
        self.kept = 0

    def keep(self) -> None:
        self.kept += 1


def keeper(writer: SpoolWriter | None, memory: MemoryQueue | None = None, **options: Any) -> tuple[Keeper, Recorder]:
    queue = MemoryQueue() if memory is None else memory
    recorder = Recorder(writer or queue, Redactor(), max_body=1024)
    reporter = Reporter(recorder, "me", lambda: Health(captured=recorder.captured), announce_after=0)
    return Keeper(recorder, reporter, writer=writer, memory=queue, **options), recorder


def begin(recorder: Recorder) -> Capture:
    capture = Capture("inbound")
    capture.method = "GET"
    recorder.under_way[capture.id] = capture
    return capture


def reports(payloads: list[bytes]) -> list[Any]:
    return [codec.decode_report(payload) for payload in payloads if codec.is_report(payload)]


@pytest.fixture
def writer(tmp_path: Path) -> SpoolWriter:
    return SpoolWriter(tmp_path / "spool", "memory:", max_bytes=64 * 1024)


def test_reports_go_to_the_spool(writer: SpoolWriter) -> None:
    """A process with a spool reports there, and shows that it lives."""
    made, recorder = keeper(writer)
    call = begin(recorder)
    assert made.keep() == KEEP_EVERY
    assert present(writer.folder) == {"me": True}
    found = reports(on_spool(writer.folder))
    assert [[entry.id for entry in report.in_flight] for report in found] == [[call.id]]
    made.close()
    assert present(writer.folder) == {"me": False}


def test_reports_go_to_memory_where_there_is_no_spool() -> None:
    """A logger in memory only tells of its calls in flight all the same."""
    memory = MemoryQueue()
    made, recorder = keeper(None, memory)
    call = begin(recorder)
    made.keep()
    assert [entry.id for entry in reports(memory.peek(10))[0].in_flight] == [call.id]
    made.close()


def test_the_last_word_is_said_at_the_end(writer: SpoolWriter) -> None:
    """What has happened since the last report is told before the segment is given up."""
    made, recorder = keeper(writer)
    made.keep()
    recorder.record(begin(recorder))
    made.close()
    assert reports(on_spool(writer.folder))[-1].health.captured == 1


def test_the_segment_is_given_up_whatever_happens(writer: SpoolWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that fails does not keep the end from coming."""
    made, recorder = keeper(writer)
    begin(recorder)
    made.keep()
    monkeypatch.setattr(made._reporter, "_health", lambda: 1 / 0)
    made.close()
    assert present(writer.folder) == {"me": False}


def test_a_child_is_kept(writer: SpoolWriter) -> None:
    """Where a child ships, it is looked after with all the rest."""
    child = Child()
    made, _ = keeper(writer, child=child)
    made.keep()
    made.keep()
    assert child.kept == 2
    made.close()


def test_a_full_spool_takes_reports_within_bounds(writer: SpoolWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a spool is full is told through the spool; however long nobody ships, that takes no more than its room."""
    monkeypatch.setattr(writer_module, "REPORT_BYTES", 20_000)
    now = [1000.0]
    monkeypatch.setattr(reporter_module, "monotonic", lambda: now[0])
    made, recorder = keeper(writer)
    while writer.append(encoded(1000)[1]) is None:
        pass
    before = folder_bytes(writer.folder)
    for _ in range(300):
        now[0] += 60
        recorder.captured += 1
        made.keep()
    found = reports(on_spool(writer.folder))
    assert len(found) > 20
    assert before < folder_bytes(writer.folder) <= writer.max_bytes + 20_000
    made.close()


def test_calls_look_after_the_spool_where_threads_stand_still(writer: SpoolWriter) -> None:
    """Without threads, a call that begins some seconds after the last look does what is due; the next one does not."""
    kept: list[int] = []
    made, recorder = keeper(writer)

    def keep() -> None:
        kept.append(1)
        made.keep()

    recorder.keep, recorder.started_in = keep, os.getpid()
    recorder.record(begin(recorder))
    assert kept == []  # the thread does it, or nobody has started anything
    recorder.kept_at = begin(recorder).started - KEPT_WITHIN - 1
    recorder.record(begin(recorder))
    recorder.record(begin(recorder))
    assert kept == [1]
    made.close()
