"""Every function of the logging half made to raise in turn: the host notices nothing, and no secret gets out."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration_logger import Entry, IntegrationLogger, bodies, capture, codec, recorder
from integration_logger.processors import Processor
from integration_logger.redaction import Redactor
from integration_logger.spool import segments, writer
from tests.factories import make_entry
from tests.faults import ADAPTERS, CALLS, CANARY, TARGETS, Target, answers, break_it, bytes_in, code_of, wsgi_answers

TOLD_IN_THE_ENTRY = {
    "_format_traceback", "decode", "_inflate", "_gunzip", "_undeflate", "_unzstd", "_is_whole_zstd", "_unbrotli",
}  # fmt: skip
"""An entry without a traceback, or with an unparseable body, is no failure of logging."""
ALONE = answers(None)
WSGI_ALONE = wsgi_answers(None)
SHARED = Redactor()


def test_the_canary_is_masked_where_nothing_fails(tmp_path: Path) -> None:
    """Without faults every call is recorded whole, and the canary is nowhere."""
    log = make(tmp_path, SHARED)
    assert answers(log) == ALONE
    health = log.health()
    assert health.captured == len(CALLS) + 1
    assert (health.failed, health.redaction_failed, health.labels_failed, health.dropped) == (0, 0, 0, {})
    finish(log, tmp_path)


@pytest.mark.parametrize("error", [RuntimeError, OSError])
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.module.__name__[19:]}:{target.label}")
def test_a_function_that_raises_is_counted_and_changes_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target, error: type[Exception]
) -> None:
    """The host's answers are byte for byte the same, the failure is in ``health()``, and no secret on any disk."""
    log = make(tmp_path, SHARED)
    with monkeypatch.context() as patch:
        raised = break_it(target, patch, error)
        got = answers(log)
    assert got == ALONE
    if raised:
        health = log.health()
        counted = health.failed + health.redaction_failed + health.labels_failed + sum(health.dropped.values())
        assert counted or not health.durable or target.name in TOLD_IN_THE_ENTRY
    finish(log, tmp_path)


@pytest.mark.parametrize(
    "target",
    [t for t in TARGETS if t.module in (*ADAPTERS, capture, bodies, recorder)],
    ids=lambda target: f"{target.module.__name__[19:]}:{target.label}",
)
def test_a_function_that_raises_changes_no_answer_by_wsgi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target
) -> None:
    """By WSGI the host's answers are byte for byte the same too, the failure is counted, and no secret gets out."""
    gc.collect()  # calls of other tests, which may not have ended because what ends them was broken
    log = make(tmp_path, SHARED)
    with monkeypatch.context() as patch:
        raised = break_it(target, patch, RuntimeError)
        got = wsgi_answers(log)
    assert got == WSGI_ALONE
    if raised:
        health = log.health()
        counted = health.failed + health.redaction_failed + health.labels_failed + sum(health.dropped.values())
        assert counted or target.name in TOLD_IN_THE_ENTRY
    finish(log, tmp_path)


def fails(entry: Entry) -> Entry:
    """A processor of the host that never works."""
    raise RuntimeError(CANARY)


@pytest.mark.parametrize(
    "target", [t for t in TARGETS if t.module in (recorder, codec, writer, segments)], ids=lambda target: target.label
)
def test_a_second_failure_within_the_first_changes_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target
) -> None:
    """Where what deals with a failure fails as well, the answers are the same, and nothing secret is kept."""
    log = make(tmp_path, SHARED, fails)
    with monkeypatch.context() as patch:
        break_it(target, patch, RuntimeError)
        got = answers(log)
    assert got == ALONE
    finish(log, tmp_path)


@pytest.mark.parametrize(
    "target", [t for t in TARGETS if t.module in (writer, segments)], ids=lambda target: target.label
)
def test_a_failure_of_a_spool_that_cannot_be_written_changes_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target
) -> None:
    """Where the folder cannot be made either, the answers are the same, and health says what is wrong."""
    (tmp_path / "log.db.spool").write_bytes(b"in the way")
    log = make(tmp_path, SHARED)
    with monkeypatch.context() as patch:
        break_it(target, patch, RuntimeError)
        got = answers(log)
    assert got == ALONE
    health = log.health()
    assert not health.durable or health.failed
    log.close()
    assert CANARY.encode() not in bytes_in(tmp_path)


def make(folder: Path, redactor: Redactor, processor: Processor = lambda entry: entry) -> IntegrationLogger:
    return IntegrationLogger(
        f"sqlite:///{folder}/log.db",
        ship=None,
        redact=redactor,
        processors=[processor],
        labels={"environment": "test", "password": CANARY, "tenant": "t"},
    )


def finish(log: IntegrationLogger, folder: Path) -> None:
    """Ship what is on the spool, and look for the canary in all files before and after."""
    assert CANARY.encode() not in bytes_in(folder)
    log.close()
    shipping = IntegrationLogger(f"sqlite:///{folder}/log.db", redact=SHARED)
    shipping.flush()
    stored = bytes_in(folder)
    shipping.close()
    assert CANARY.encode() not in stored
    assert CANARY.encode() not in bytes_in(folder)


def run_by(function: Callable[[], object]) -> set[Any]:
    """Return the code of all Python functions that this one calls."""
    called: set[Any] = set()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: called.add(frame.f_code))
    try:
        function()
    finally:
        sys.setprofile(before)
    return called


def test_a_redactor_that_cannot_be_made_ready_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails while the scanner is built costs every entry its content, and the host nothing."""
    once = run_by(lambda: Redactor().redact(make_entry(), 100)) - run_by(lambda: SHARED.redact(make_entry(), 100))
    building = [target for target in TARGETS if code_of(vars(target.owner)[target.name]) in once]
    assert len(building) > 3
    for number, target in enumerate(building):
        folder = tmp_path / str(number)
        folder.mkdir()
        with monkeypatch.context() as patch:
            break_it(target, patch, RuntimeError)
            try:
                log = make(folder, Redactor())
            except RuntimeError:  # told to the developer, at start
                continue
            assert answers(log) == ALONE
        log.close()
        assert CANARY.encode() not in bytes_in(folder)
