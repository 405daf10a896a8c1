"""What fails within the logger stays there: the caller gets its answer, or its own exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integration_logger import bodies, codec
from integration_logger.adapters import httpx_call
from integration_logger.capture import Capture
from integration_logger.recorder import Recorder
from integration_logger.testing import RecordingLogger
from tests.adapters.clients import Library, calling, every_library
from tests.adapters.conftest import Recording


class Boom(Exception):
    """What the faulty parts raise."""


def explode(*args: Any, **options: Any) -> Any:
    raise Boom("broken")


class _BrokenRedactor:
    prepare = redact = explode


PLACES: dict[str, tuple[Any, str]] = {
    "making a capture": (httpx_call, "Capture"),
    "the mark": (httpx_call, "Mark"),
    "its mark": (httpx_call, "mark_of"),
    "the trace": (httpx_call, "own"),
    "the request's stream": (httpx_call, "request_stream"),
    "the answer's stream": (httpx_call, "response_stream"),
    "what is at hand": (httpx_call, "_is_at_hand"),
    "collecting": (bodies.Body, "feed"),
    "judging a failure": (httpx_call.httpx_errors, "failure"),
    "whose failure": (httpx_call.httpx_errors, "of_the_client"),
    "noting a failure": (Capture, "fail"),
    "finishing": (Capture, "finish"),
    "encoding": (codec, "encode"),
    "reporting": (Recorder, "failed"),
}


@every_library
@pytest.mark.parametrize("place", PLACES)
def test_scenario_31_no_fault_of_ours_reaches_the_caller(
    library: Library, place: str, recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks in capture, redactor or recorder: answers, parts and exceptions are those of the bare client."""
    log = recorded()
    owner, name = PLACES[place]
    if place == "reporting":
        monkeypatch.setattr(httpx_call, "Capture", explode)
    monkeypatch.setattr(owner, name, explode)
    _three_calls(library, log)
    assert log.recorder.under_way == {}


@every_library
def test_scenario_31_a_broken_redactor_spool_processor_and_labels(library: Library, recorded: Recording) -> None:
    """One after the other, and what is left of the entry holds nothing of the call."""
    for option in ({"processors": [explode]}, {"labels": explode}, {}):
        log = recorded(**option)
        if not option:
            log.recorder.redactor = _BrokenRedactor()
            log.recorder.spool = type("Full", (), {"append": explode})()
        _three_calls(library, log, labels=explode)
        assert "labels" in option or "secret-secret" not in repr(log.entries)
        assert log.health().problems == ()


def _three_calls(library: Library, log: RecordingLogger, **options: Any) -> None:
    """Make a call that is answered, one that breaks off, and one that is not answered at all."""
    error = library.module.ReadError("gone")

    def answer(request: Any) -> Any:
        if request.url.path == "/not":
            raise error
        broken = error if request.url.path == "/broken" else None
        return library.module.Response(200, content=library.parts(b"secret-", b"secret", error=broken))

    transport = library.transport(answer)
    with calling(log.httpx(library.make(transport=transport), **options)) as caller:
        body = [b"secret-secret", b"two"]
        assert caller.stream("POST", "http://a.example/", content=library.parts(*body)) == [b"secret-", b"secret"]
        assert _raised(lambda: caller.get("http://a.example/broken")) is error
        assert _raised(lambda: caller.get("http://a.example/not")) is error
        assert transport.sent[0] == body


def _raised(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")
