"""Options of the WSGI adapter, calls within calls, and several loggers around one application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from integration_logger import HEALTH_CHECKS, ConfigurationError, IntegrationLogger
from integration_logger.testing import RecordingLogger
from tests.adapters.conftest import Recording
from tests.adapters.gateway import TEXT, App, Gateway, answer

PATHS = ["/", "/hooks/github", "/health", "/caf\N{LATIN SMALL LETTER E WITH ACUTE}"]


@pytest.mark.parametrize(
    ("options", "mounted", "recorded_paths"),
    [
        ({}, "", PATHS),
        ({"include": ["/hooks*", "/caf\N{LATIN SMALL LETTER E WITH ACUTE}"]}, "", [PATHS[1], PATHS[3]]),
        ({"exclude": HEALTH_CHECKS}, "", [PATHS[0], PATHS[1], PATHS[3]]),
        ({"exclude": ["*"]}, "", []),
        ({"exclude": ["/shop/health"]}, "/shop", [PATHS[0], PATHS[1], PATHS[3]]),
        ({"exclude": ["/health"]}, "/shop", PATHS),
    ],
)
def test_paths_decide_before_the_call(
    log: RecordingLogger, options: dict[str, Any], mounted: str, recorded_paths: list[str]
) -> None:
    """``include`` admits, ``exclude`` leaves out, by the whole path; what is left out is answered all the same."""
    app = log.wsgi(answer("200 OK", [TEXT], b"hello"), **options)
    seen = []
    for path in PATHS:
        call = Gateway(target=path, SCRIPT_NAME=mounted).check(app)
        assert call.body == b"hello"
        if len(log.entries) > len(seen):
            seen.append(path)
    assert seen == recorded_paths


@pytest.mark.parametrize(
    "options", [{"include": "/hooks"}, {"exclude": [None]}, {"labels": {"tenant": "1"}}, {"bodies": "no"}]
)
def test_a_wrong_option_is_refused_at_once(log: RecordingLogger, options: dict[str, Any]) -> None:
    """A wrong value raises ConfigurationError where it is given, naming the option."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        log.wsgi(answer(), **options)


def test_without_a_store_the_app_is_left_alone() -> None:
    """``IntegrationLogger(None)`` wraps nothing."""
    app = answer()
    assert IntegrationLogger(None).wsgi(app) is app


def test_bodies_can_be_left_out(log: RecordingLogger) -> None:
    """With ``bodies=False`` sizes and headers remain, and the entry says that the bodies were not wanted."""
    Gateway("POST", headers=[TEXT], body=b"hello").check(log.wsgi(answer("200 OK", [TEXT], b"bye"), bodies=False))
    (entry,) = log.entries
    for message, size in ((entry.request, 5), (entry.response, 3)):
        assert message is not None
        assert (message.body, message.size, message.omitted, message.truncated) == (None, size, "off", False)


def test_labels_are_asked_for_at_the_end_and_those_set_by_hand_win(log: RecordingLogger) -> None:
    """The callable sees the environ as the app has left it; ``log.current().label`` overrides it."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["shop.account"] = 7
        log.current().label(application="by hand")
        return answer(checked=False)(environ, start_response)

    wrapped = log.wsgi(app, labels=lambda environ: {"tenant": environ["shop.account"], "application": "callable"})
    Gateway().check(wrapped)
    (entry,) = log.entries
    assert (entry.tenant, entry.application) == ("7", "by hand")


def test_a_labels_callable_that_fails_costs_the_labels_only(recorded: Recording) -> None:
    """The answer and the rest of the entry are as they would be, and the failure is counted."""
    log = recorded()

    def fails(environ: Any) -> Any:
        raise RuntimeError("no account")

    assert Gateway().check(log.wsgi(answer("200 OK", [TEXT], b"hello"), labels=fails)).body == b"hello"
    assert log.entries[0].labels == {}
    assert (log.health().labels_failed, log.health().failed) == (1, 0)


def test_a_call_can_be_left_out_by_its_own_code(log: RecordingLogger) -> None:
    """``discard`` leaves no entry."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        log.current().discard()
        return answer(checked=False)(environ, start_response)

    Gateway().check(log.wsgi(app))
    assert log.entries == []


def calling(inner: App, log: RecordingLogger, **labels: object) -> App:
    """Return an app that makes a call of its own before it answers."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        log.current().label(**labels)
        Gateway(target="/inner").run(inner)
        start_response("200 OK", [TEXT])
        return [b"hello"]

    return app


def test_a_call_within_a_call_is_its_child(log: RecordingLogger) -> None:
    """The entry of a call made in another one has that as its parent, its trace, and its owner's labels."""
    inner = log.wsgi(answer())
    Gateway().check(log.wsgi(calling(inner, log, tenant="acme", integration="stripe")))
    Gateway().check(inner)
    below, above, after = log.entries
    assert (below.parent_id, below.trace_id, below.tenant) == (above.id, above.trace_id, "acme")
    assert below.integration is None
    assert (above.parent_id, after.parent_id) == (None, None)


def test_a_logger_installed_twice_records_once(log: RecordingLogger) -> None:
    """Around the application and around a part of it at once: one entry, the outermost one's."""
    app = log.wsgi(log.wsgi(log.wsgi(answer("200 OK", [TEXT], b"hello"))))
    assert Gateway().check(app).body == b"hello"
    assert len(log.entries) == 1


def test_several_loggers_record_each_their_own(recorded: Recording) -> None:
    """Two loggers around one application have an entry each, and each knows its own current call."""
    one, two = recorded(), recorded()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        one.current().label(who="one")
        two.current().label(who="two")
        return answer("200 OK", [TEXT], b"hello", checked=False)(environ, start_response)

    Gateway().check(one.wsgi(two.wsgi(one.wsgi(app))))
    for log, name in ((one, "one"), (two, "two")):
        (entry,) = log.entries
        assert (entry.labels, entry.parent_id) == ({"who": name}, None)
        assert entry.response is not None
        assert entry.response.body == b"hello"


def test_the_header_names_the_trace(log: RecordingLogger) -> None:
    """A valid traceparent is the entry's trace."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    Gateway(headers=[("Traceparent", f"00-{trace}-00f067aa0ba902b7-01")]).check(log.wsgi(answer()))
    assert log.entries[0].trace_id == trace


def test_a_call_is_under_way_until_it_is_recorded(log: RecordingLogger) -> None:
    """The logger knows each call from its beginning to its end, and none after that, however it has ended."""
    seen: list[int] = []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        seen.append(len(log.recorder.under_way))
        start_response("200 OK", [TEXT])
        if environ["PATH_INFO"] == "/broken":
            raise ValueError
        yield b"one"
        seen.append(len(log.recorder.under_way))

    Gateway().check(log.wsgi(app))
    Gateway(leaves_after=1).check(log.wsgi(app))
    with pytest.raises(ValueError):
        Gateway(target="/broken").run(log.wsgi(app))
    assert seen == [1, 1, 1, 1]
    assert log.recorder.under_way == {}
