"""Calls within calls: parents, traces and inherited labels; several loggers around one application."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
from opentelemetry import trace

from integration_logger.context import current
from integration_logger.testing import RecordingLogger
from tests.adapters.conftest import Recording
from tests.adapters.server import App, Server, answer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def calling(inner: App, log: RecordingLogger, **labels: object) -> App:
    """Return an app that labels its call and makes another one within the process."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.current().label(**labels)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(inner)) as client:
            answered = await client.post("http://inner.example.com/deep?x=1", json={"a": 1})
        await answer(200, (), answered.content)(scope, receive, send)

    return app


def test_a_call_within_a_call_knows_its_parent(log: RecordingLogger) -> None:
    """The inner entry has the outer one as its parent, the same trace, and its own id and transaction."""
    inner = log.asgi(answer(200, (), b"hello"))
    call = Server().run(log.asgi(calling(inner, log)))
    assert call.body == b"hello"
    below, above = log.entries
    assert below.url == "http://inner.example.com/deep?x=1"
    assert (below.parent_id, below.trace_id) == (above.id, above.trace_id)
    assert below.transaction_id == below.id != above.id
    assert above.parent_id is None
    assert above.trace_id == above.id.replace("-", "")


def test_labels_of_the_owner_and_the_source_are_inherited(log: RecordingLogger) -> None:
    """Tenant, application, user and source go to the calls within, all else stays; their own labels win."""
    labels = {"tenant": "acme", "application": "shop", "user_id": 7, "source_url": "/bots/3", "source_type": "bot"}
    inner = log.asgi(answer(200, (), b""), labels=lambda scope: {"application": "own"})
    Server().run(log.asgi(calling(inner, log, **labels, integration="stripe", category="x", operation="pay")))
    below, above = log.entries
    assert (above.integration, above.operation, above.labels["category"]) == ("stripe", "pay", "x")
    assert (below.tenant, below.user_id) == ("acme", "7")
    assert below.labels == {"source_url": "/bots/3", "source_type": "bot"}
    assert (below.integration, below.operation) == (None, None)
    assert above.application == "shop"
    assert below.application == "shop"  # inherited by hand-set labels, which win over the callable


def test_labels_of_the_callable_are_inherited(log: RecordingLogger) -> None:
    """A tenant that only the labels callable knows goes to the calls within as well."""
    inner = log.asgi(answer(200, (), b""))
    outer = log.asgi(calling(inner, log), labels=lambda scope: {"tenant": "acme", "category": "x"})
    Server().run(outer)
    below, above = log.entries
    assert (above.tenant, below.tenant) == ("acme", "acme")
    assert (above.labels, below.labels) == ({"category": "x"}, {})


def test_what_is_known_of_a_call_when_another_is_made_in_it_is_inherited(log: RecordingLogger) -> None:
    """A callable is asked for each call within: what it says changes as the host learns who it is that calls."""
    account: list[str] = []
    inner = log.asgi(answer(200, (), b""))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Server().serve(inner)
        for name in ("acme", "other"):
            account[:] = [name]
            await Server().serve(inner)
        await answer()(scope, receive, send)

    Server().run(log.asgi(app, labels=lambda scope: {"tenant": account[0]}))
    assert [entry.tenant for entry in log.entries] == [None, "acme", "other", "other"]
    assert log.health().labels_failed == 0


def test_the_labels_of_a_call_that_has_ended_are_settled(log: RecordingLogger) -> None:
    """What breaks after the answer, and what is called then, has the labels that the call had at its end."""
    asked: list[str] = []
    inner = log.asgi(answer(200, (), b""))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer()(scope, receive, send)
        await Server().serve(inner)
        raise KeyError("late")

    def labels(scope: Any) -> dict[str, object]:
        asked.append("asked")
        return {"tenant": f"the {len(asked)}th", "category": "x"}

    with pytest.raises(KeyError):
        Server().run(log.asgi(app, labels=labels))
    assert [(entry.tenant, entry.labels) for entry in log.entries] == [
        ("the 1th", {"category": "x"}), ("the 1th", {}), ("the 1th", {"category": "x"}),
    ]  # fmt: skip


def test_who_outlives_a_call_holds_none_of_its_bodies(log: RecordingLogger) -> None:
    """A task that was started in a call belongs to it, and needs no more than its labels for that."""
    ended = asyncio.Event()

    async def later() -> Any:
        await ended.wait()
        return current.get()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(later()))
        await answer(200, (), b"x" * 1000)(scope, receive, send)

    async def main() -> Any:
        await Server("POST", body=b"y" * 1000).serve(log.asgi(app))
        ended.set()
        return await tasks[0]

    tasks: list[Any] = []
    capture = asyncio.run(main())
    (entry,) = log.entries
    assert capture.id == entry.id
    assert (capture.request_body, capture.response_body) == (None, None)
    assert entry.request is not None
    assert entry.response is not None
    assert (entry.request.size, entry.response.size) == (1000, 1000)


def test_a_call_after_another_is_not_within_it(log: RecordingLogger) -> None:
    """Where a call has ended, the next one of the same task has no parent."""
    app = log.asgi(answer())

    async def both() -> None:
        await Server().serve(app)
        await Server().serve(app)

    asyncio.run(both())
    assert [entry.parent_id for entry in log.entries] == [None, None]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (TRACEPARENT, TRACE),
        (f"01-{TRACE}-00f067aa0ba902b7-00-more", TRACE),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-00f067aa0ba902b7-01xyz", None),
        (f"00-{TRACE}-00f067aa0ba902b7", None),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", None),
        ("", None),
    ],
)
def test_the_trace_is_that_of_the_traceparent_header(log: RecordingLogger, header: str, expected: str | None) -> None:
    """A valid traceparent names the trace; anything else leaves the entry its own."""
    Server(headers=[(b"traceparent", header.encode())]).run(log.asgi(answer()))
    (entry,) = log.entries
    assert entry.trace_id == (expected or entry.id.replace("-", ""))
    assert re.fullmatch("[0-9a-f]{32}", entry.trace_id or "")


def test_the_current_span_of_opentelemetry_names_the_trace(log: RecordingLogger) -> None:
    """Inside of an OpenTelemetry span its trace is the entry's, before any header."""
    context = trace.SpanContext(0xABC, 0xDEF, is_remote=False)
    app = log.asgi(answer())

    async def in_a_span(scope: Any, receive: Any, send: Any) -> None:
        with trace.use_span(trace.NonRecordingSpan(context)):
            await app(scope, receive, send)

    Server(headers=[(b"traceparent", TRACEPARENT.encode())]).run(in_a_span)
    assert log.entries[0].trace_id == f"{0xABC:032x}"


def test_a_header_names_the_trace_of_calls_within(log: RecordingLogger) -> None:
    """The trace that came with a call is that of everything within it."""
    inner = log.asgi(answer(200, (), b""))
    Server(headers=[(b"traceparent", TRACEPARENT.encode())]).run(log.asgi(calling(inner, log)))
    assert [entry.trace_id for entry in log.entries] == [TRACE, TRACE]


def test_a_logger_installed_twice_records_once(log: RecordingLogger) -> None:
    """Outermost, as middleware and around a part at once: one entry, the outermost one's."""
    app = log.asgi(log.asgi(log.asgi(answer(200, (), b"hello")), exclude=["/x"]))
    assert Server().run(app).body == b"hello"
    assert len(log.entries) == 1


def test_several_loggers_record_each_their_own(recorded: Recording) -> None:
    """Two loggers around one application have an entry each, and neither is the parent of the other's."""
    one, two = recorded(), recorded()
    inner = one.asgi(two.asgi(answer(200, (), b"hello")))
    call = Server().run(one.asgi(two.asgi(one.asgi(calling(inner, one)))))
    assert call.body == b"hello"
    below, above = one.entries
    assert (below.parent_id, above.parent_id) == (above.id, None)
    assert below.trace_id == above.trace_id
    for log, other in ((one, two), (two, one)):
        assert len(log.entries) == 2
        foreign = {entry.id for entry in other.entries}
        assert all(entry.id not in foreign and entry.parent_id not in foreign for entry in log.entries)
        assert all(entry.response and entry.response.body == b"hello" for entry in log.entries)


def test_an_excluded_path_of_one_logger_is_recorded_by_the_other(recorded: Recording) -> None:
    """Options belong to the place where the logger is installed."""
    one, two = recorded(), recorded()
    Server(target="/health").run(one.asgi(two.asgi(answer()), exclude=["/health"]))
    assert (len(one.entries), len(two.entries)) == (0, 1)


def test_a_failing_logger_does_not_disturb_another(recorded: Recording) -> None:
    """A logger whose labels fail loses its labels; the other one around the same call has its own."""
    one, two = recorded(), recorded()

    def fails(scope: Any) -> Any:
        raise RuntimeError

    Server().run(one.asgi(two.asgi(answer(), labels=lambda scope: {"tenant": "a"}), labels=fails))
    assert (one.entries[0].tenant, two.entries[0].tenant) == (None, "a")
    assert (one.health().labels_failed, two.health().labels_failed) == (1, 0)
