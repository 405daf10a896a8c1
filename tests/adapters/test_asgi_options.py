"""Options of the adapter: what is recorded, with which labels, and what happens when the host's callables fail."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from integration_logger import ALL, HEALTH_CHECKS, ConfigurationError, IntegrationLogger, Principal
from integration_logger.testing import RecordingLogger
from tests.adapters.conftest import Recording
from tests.adapters.server import Server, answer


def urls(log: RecordingLogger) -> list[str | None]:
    return [entry.url and entry.url.removeprefix("http://shop.example.com") for entry in log.entries]


PATHS = ["/", "/hooks/github", "/hooks", "/health", "/healthz", "/api/healthcheck", "/docs"]


@pytest.mark.parametrize(
    ("options", "recorded_paths"),
    [
        ({}, PATHS),
        ({"include": ["/hooks*"]}, ["/hooks/github", "/hooks"]),
        ({"include": ["/hooks/*", "/docs"]}, ["/hooks/github", "/docs"]),
        ({"exclude": ["*"]}, []),
        ({"exclude": HEALTH_CHECKS}, ["/", "/hooks/github", "/hooks", "/docs"]),
        ({"exclude": ("/hooks",)}, [path for path in PATHS if path != "/hooks"]),
        ({"include": {"/h*"}, "exclude": iter(["/health*"])}, ["/hooks/github", "/hooks"]),
    ],
)
def test_paths_decide_before_the_call(log: RecordingLogger, options: dict[str, Any], recorded_paths: list[str]) -> None:
    """``include`` admits, ``exclude`` leaves out, and a call that is left out is answered all the same."""
    app = log.asgi(answer(200, (), b"hello"), **options)
    for path in PATHS:
        call = Server(target=path).run(app)
        assert call.body == b"hello"
        assert ("integration_logger" in call.scope) == (path in recorded_paths)
    assert urls(log) == recorded_paths


@pytest.mark.parametrize(
    "options",
    [
        {"include": "/hooks"},
        {"include": b"/hooks"},
        {"include": 5},
        {"include": [b"/hooks"]},
        {"exclude": [None]},
        {"exclude": "/health"},
        {"labels": {"tenant": "1"}},
        {"labels": "tenant"},
        {"bodies": "no"},
        {"bodies": 0},
        {"bodies": None},
    ],
)
def test_a_wrong_option_is_refused_at_once(log: RecordingLogger, options: dict[str, Any]) -> None:
    """A wrong value raises ConfigurationError where it is given, naming the option."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        log.asgi(answer(), **options)


@pytest.mark.parametrize(
    "options",
    [
        {"labels": "tenant"},
        {"labels": ["tenant"]},
        {"processors": lambda entry: entry},
        {"processors": ["drop"]},
        {"max_body": -1},
        {"max_body": "64K"},
        {"max_body": True},
        {"trusted_proxies": "10.0.0.0/8"},
        {"trusted_proxies": ["ten"]},
        {"trusted_proxies": [10]},
    ],
)
def test_a_wrong_option_of_the_logger_is_refused_at_once(options: dict[str, Any]) -> None:
    """A wrong value raises ConfigurationError from the constructor, naming the option."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        IntegrationLogger(None, **options)


def test_bodies_can_be_left_out(log: RecordingLogger) -> None:
    """With ``bodies=False`` sizes and headers remain, and the entry says that the bodies were not wanted."""
    Server("POST", headers=[(b"content-type", b"text/plain")], body=b"hello").run(
        log.asgi(answer(200, [(b"content-type", b"text/plain")], b"bye"), bodies=False)
    )
    (entry,) = log.entries
    for message, size in ((entry.request, 5), (entry.response, 3)):
        assert message is not None
        assert (message.body, message.size, message.omitted, message.truncated) == (None, size, "off", False)


def test_without_a_store_the_app_is_left_alone() -> None:
    """``IntegrationLogger(None)`` wraps nothing."""
    app = answer()
    assert IntegrationLogger(None).asgi(app) is app


def test_labels_are_asked_for_at_the_end_and_those_set_by_hand_win(log: RecordingLogger) -> None:
    """The callable sees the scope as routing has left it; ``log.current().label`` overrides it."""

    async def endpoint(request: Request) -> Response:
        request.scope["account"] = 7
        log.current().label(user_id=42, application="by hand", flag=True, none=None, several=["a", 1])
        return PlainTextResponse("hello")

    def labels(scope: Any) -> dict[str, object]:
        return {"tenant": scope["account"], "application": "callable", "bot": scope["path_params"]["bot"], "no": None}

    Server(target="/bots/5").run(log.asgi(Starlette(routes=[Route("/bots/{bot}", endpoint)]), labels=labels))
    (entry,) = log.entries
    assert (entry.tenant, entry.application, entry.user_id) == ("7", "by hand", "42")
    assert entry.labels == {"bot": "5", "flag": "True", "several": ["a", "1"]}


def failing(scope: Any) -> Any:
    raise RuntimeError("no account")


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("labels", [failing, lambda scope: ["tenant"], lambda scope: 5, lambda scope: "tenant"])
def test_a_labels_callable_that_fails_costs_the_labels_only(recorded: Recording, labels: Any) -> None:
    """The host's answer and the rest of the entry are as they would be, and the failure is counted."""
    log = recorded()
    call = Server("POST", headers=[(b"content-type", b"text/plain")], body=b"hi").run(
        log.asgi(answer(200, (), b"hello"), labels=labels)
    )
    assert call.body == b"hello"
    (entry,) = log.entries
    assert (entry.tenant, entry.labels, entry.status) == (None, {}, "completed")
    assert entry.request is not None
    assert entry.request.body == b"hi"
    assert (log.health().labels_failed, log.health().failed, log.health().redaction_failed) == (1, 0, 0)


def test_a_labels_callable_may_return_nothing(log: RecordingLogger) -> None:
    """None and an empty dict are no labels."""
    for nothing in (None, {}):
        Server().run(log.asgi(answer(), labels=lambda scope, nothing=nothing: nothing))
    assert [entry.labels for entry in log.entries] == [{}, {}]


def test_labels_of_any_type_are_stored_as_bounded_text(log: RecordingLogger) -> None:
    """Names and values become text, whatever they are, and no label is longer than an error text."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.current().label(bad=Unreadable(), long="x" * 10_000, bytes=b"b")
        await answer(204)(scope, receive, send)

    Server().run(log.asgi(app, labels=lambda scope: {1: 2.5, ("a",): {"b": 1}}))
    labels = log.entries[0].labels
    assert labels["1"] == "2.5"
    assert labels["('a',)"] == "{'b': 1}"
    assert labels["bytes"] == "b'b'"
    assert labels["bad"] == "<Unreadable without a readable text>"
    assert len(labels["long"]) < 5000


@pytest.mark.parametrize(
    "constants", [{"environment": "test", "tenant": "t"}, lambda: {"environment": "test", "tenant": "t"}]
)
def test_constant_labels_are_on_every_entry_and_give_way_to_its_own(recorded: Recording, constants: Any) -> None:
    """Labels of the logger fill what the call has not said."""
    log = recorded(labels=constants)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/own":
            log.current().label(tenant="mine", environment="own")
        await answer(204)(scope, receive, send)

    for target in ("/", "/own"):
        Server(target=target).run(log.asgi(app))
    assert [(entry.tenant, entry.labels) for entry in log.entries] == [
        ("t", {"environment": "test"}),
        ("mine", {"environment": "own"}),
    ]


def test_an_error_that_does_not_stop_the_call_is_noted(log: RecordingLogger) -> None:
    """``log.current().error`` marks the entry and leaves its outcome."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.current().error("email: invalid")
        for number in range(100):
            log.current().error(number)
        await answer(200)(scope, receive, send)

    Server().run(log.asgi(app))
    (entry,) = log.entries
    assert (entry.status, entry.outcome, entry.has_errors, entry.error_type) == ("completed", "success", True, None)
    assert entry.errors[:2] == ("email: invalid", "0")
    assert len(entry.errors) == 50


def test_a_call_can_be_discarded(log: RecordingLogger) -> None:
    """``log.current().discard`` leaves the call out, what fails after it included."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.current().discard()
        await answer(200)(scope, receive, send)
        raise ValueError

    with pytest.raises(ValueError):
        Server().run(log.asgi(app))
    assert log.entries == []
    assert log.health().failed == 0


def test_outside_of_a_call_nothing_happens(log: RecordingLogger) -> None:
    """``log.current()`` takes the same calls where there is nothing to put them on."""
    log.current().label(tenant="1")
    log.current().error("x")
    log.current().discard()
    assert log.entries == []


def test_the_log_browser_leaves_itself_out(recorded: Recording) -> None:
    """Looking at the log is not in the log, wherever it is mounted and however many loggers are around it."""
    log, other = recorded(), recorded()
    viewer = log.viewer(authorize=lambda request: Principal("ana", role="owner", tenants=ALL))
    app = Starlette(routes=[Mount("/a/b/logs", app=viewer), Route("/", lambda request: PlainTextResponse("shop"))])
    wrapped = other.asgi(log.asgi(app))
    assert Server(target="/a/b/logs/api/entries").run(wrapped).status == 200
    assert Server(target="/a/b/logs/nothing").run(wrapped).status == 404
    assert Server(target="/").run(wrapped).status == 200
    assert urls(log) == urls(other) == ["/"]


def test_the_client_is_told_by_trusted_proxies_only(recorded: Recording) -> None:
    """A forwarded address counts where the peer is a trusted proxy."""
    log = recorded(trusted_proxies=["10.0.0.0/8"])
    forwarded = [(b"x-forwarded-for", b"198.51.100.7, 10.1.1.1")]
    for peer in ("10.2.3.4", "192.0.2.1"):
        Server(headers=forwarded, client=(peer, 1)).run(log.asgi(answer()))
    Server(headers=forwarded, client=None).run(log.asgi(answer()))
    assert [entry.client_ip for entry in log.entries] == ["198.51.100.7", "192.0.2.1", None]
