"""Exceptions and clients that leave, in WSGI: one entry each, and the server sees what it would see without us."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from integration_logger.testing import RecordingLogger
from tests.adapters.conftest import Recording
from tests.adapters.gateway import TEXT, App, Gateway, answer

SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
EVENTS = ("Content-Type", "text/event-stream")


def raises(error: BaseException, *chunks: bytes, begun: bool = True, headers: tuple[str, str] = TEXT) -> App:
    """Return an app that raises when it has sent these chunks."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        if begun:
            start_response("200 OK", [headers])
        yield from chunks
        raise error

    return app


def at_once(error: BaseException, *, begun: bool = False) -> App:
    """Return an app that raises before it has returned."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        if begun:
            start_response("200 OK", [TEXT])
        raise error

    return app


BEFORE = {
    "before it has returned": at_once,
    "after it has begun its answer": lambda error: at_once(error, begun=True),
    "before the first piece": raises,
    "before anything, in a generator": lambda error: raises(error, begun=False),
}


@pytest.mark.parametrize("place", BEFORE)
def test_an_exception_before_the_answer_is_one_entry_with_status_500(log: RecordingLogger, place: str) -> None:
    """What the server answers cannot be seen: status 500, no response, a label, the exception and its traceback."""
    error = ValueError(f"no such customer, api_key={SECRET}")
    with pytest.raises(ValueError) as caught:
        Gateway("POST", body=b"hi").run(log.wsgi(BEFORE[place](error)))
    assert caught.value is error
    assert error.__cause__ is error.__context__ is None
    (entry,) = log.entries
    assert (entry.status, entry.status_code, entry.error_type, entry.phase) == ("failed", 500, "exception", "wait")
    assert (entry.response, entry.labels) == (None, {"status_inferred": "true"})
    assert entry.errors[0].startswith("ValueError: no such customer")
    assert entry.traceback is not None
    assert "in app" in entry.traceback
    assert SECRET not in repr(entry)


def test_an_exception_within_the_answer_leaves_its_status(log: RecordingLogger) -> None:
    """An answer that broke off has the status that was sent, is failed, and keeps what had passed."""
    call = Gateway()
    with pytest.raises(RuntimeError, match="went away"):
        call.run(log.wsgi(raises(RuntimeError("the database went away"), b"one")))
    assert call.body == b"one"
    (entry,) = log.entries
    assert (entry.status, entry.status_code, entry.error_type, entry.phase) == (
        "failed", 200, "exception", "receive",
    )  # fmt: skip
    assert entry.errors == ("RuntimeError: the database went away",)
    assert entry.response is not None
    assert (entry.response.body, entry.response.truncated) == (b"one", True)
    assert "status_inferred" not in entry.labels


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("place", BEFORE)
def test_the_end_of_the_process_is_a_cancelled_call(
    log: RecordingLogger, place: str, error: type[BaseException]
) -> None:
    """What is no exception of the host passes through, and is no error of the endpoint."""
    with pytest.raises(error):
        Gateway().run(log.wsgi(BEFORE[place](error())))
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code, entry.phase) == ("failed", "cancelled", None, "wait")
    assert (entry.response, entry.traceback) == (None, None)


def test_scenario_14_an_answer_begun_anew_with_exc_info_is_the_one_that_counts(log: RecordingLogger) -> None:
    """An app that replaces its answer by one for the exception is recorded with that, and with the exception."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ("Content-Length", "100")])
        try:
            raise LookupError("no such order")
        except LookupError:
            start_response("500 Oops", [TEXT, ("X-Error", "1")], sys.exc_info())
        return [b"sorry"]

    call = Gateway().check(log.wsgi(app))
    assert (call.status, call.body) == (500, b"sorry")
    (entry,) = log.entries
    assert (entry.status, entry.status_code, entry.error_type) == ("failed", 500, "exception")
    assert entry.errors == ("LookupError: no such order",)
    assert entry.traceback is not None
    assert entry.response is not None
    assert (entry.response.body, dict(entry.response.headers)["X-Error"]) == (b"sorry", "1")


def test_an_answer_begun_anew_too_late_breaks_off(log: RecordingLogger) -> None:
    """Where the server has sent the first head already it raises the exception again, and the entry says so."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT])
        yield b"one"
        try:
            raise LookupError("no such order")
        except LookupError:
            start_response("500 Oops", [TEXT], sys.exc_info())
        yield b"never"

    call = Gateway()
    with pytest.raises(LookupError):
        call.check(log.wsgi(app))
    assert call.body == b"one"
    (entry,) = log.entries
    assert (entry.status, entry.status_code, entry.error_type) == ("failed", 200, "exception")


def test_an_answer_begun_twice_is_refused_by_the_server(log: RecordingLogger) -> None:
    """The server's own objection reaches the app."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        start_response("201 Created", [TEXT])
        return []

    with pytest.raises(AssertionError, match="already set"):
        Gateway().run(log.wsgi(app))
    assert log.entries[0].status_code == 500


def test_an_exception_answered_by_the_app_itself_has_its_status(log: RecordingLogger) -> None:
    """A handler that answers within its ``except`` shows what it is for, without being told to."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        try:
            raise LookupError("no such order")
        except LookupError:
            start_response("502 Bad Gateway", [TEXT])
        return [b"sorry"]

    Gateway().check(log.wsgi(app))
    (entry,) = log.entries
    assert (entry.status_code, entry.error_type, entry.errors) == (
        502, "exception", ("LookupError: no such order",),
    )  # fmt: skip


class Answer:
    """An iterable that counts how often it is closed."""

    def __init__(self, *chunks: bytes, error: BaseException | None = None) -> None:
        self.chunks = chunks
        self.error = error
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


def returns(answer: Any, *headers: tuple[str, str]) -> App:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*(headers or [TEXT])])
        return answer

    return app


@pytest.mark.parametrize("leaves_after", [None, 0, 1, 2])
def test_scenario_14_what_the_app_returns_is_closed_once(log: RecordingLogger, leaves_after: int | None) -> None:
    """``close`` is called once, at the end and where the client leaves before it."""
    answer = Answer(b"a", b"b")
    Gateway(leaves_after=leaves_after).run(log.wsgi(returns(answer)))
    assert answer.closed == 1
    (entry,) = log.entries
    left = leaves_after is not None
    assert (entry.status, entry.error_type) == (("failed", "disconnect") if left else ("completed", None))
    assert entry.response is not None
    assert entry.response.truncated == (leaves_after in (1, 2))
    assert entry.status_code == 200


def test_scenario_14_a_client_that_leaves_ends_the_generator(log: RecordingLogger) -> None:
    """The generator's ``finally`` runs, as part of the call."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT])
        try:
            while True:
                yield b"more "
        finally:
            log.current().label(ended="yes")

    Gateway(leaves_after=3).check(log.wsgi(app))
    (entry,) = log.entries
    assert (entry.error_type, entry.phase, entry.labels) == ("disconnect", "receive", {"ended": "yes"})
    assert entry.response is not None
    assert (entry.response.body, entry.response.truncated) == (b"more more more ", True)


def test_leaving_is_how_event_streams_end(log: RecordingLogger) -> None:
    """A client that leaves an event stream is no failure."""
    Gateway(leaves_after=1).check(log.wsgi(returns(iter([b"data: 1\n\n", b"data: 2\n\n"]), EVENTS)))
    (entry,) = log.entries
    assert (entry.status, entry.error_type) == ("completed", None)


def test_what_breaks_at_the_end_is_an_entry_of_its_own(log: RecordingLogger) -> None:
    """An exception of ``close`` after the whole answer is a call within it, and leaves it a success."""
    error = RuntimeError("the session was not closed")
    with pytest.raises(RuntimeError) as caught:
        Gateway().run(log.wsgi(returns(Answer(b"done", error=error))))
    assert caught.value is error
    answered, after = log.entries
    assert (answered.kind, answered.status) == ("inbound", "completed")
    assert (after.kind, after.operation, after.parent_id) == ("call", "after-response", answered.id)
    assert after.errors == ("RuntimeError: the session was not closed",)


def test_what_breaks_after_the_announced_length_is_an_entry_of_its_own(log: RecordingLogger) -> None:
    """The client has the whole answer, and nothing that follows is part of the call."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT, ("Content-Length", "4")])
        yield b"done"
        raise RuntimeError("the mail was not sent")

    with pytest.raises(RuntimeError):
        Gateway().run(log.wsgi(app))
    assert [entry.operation for entry in log.entries] == [None, "after-response"]


def test_a_client_that_leaves_while_it_is_written_to(log: RecordingLogger) -> None:
    """What the server raises from ``write`` reaches the app, and is the client's leaving."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [TEXT])
        write(b"one")
        return []

    def refuse(chunk: bytes | None) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Gateway(on_send=refuse).run(log.wsgi(app))
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code) == ("failed", "disconnect", 200)


def test_a_server_that_forgets_to_close(log: RecordingLogger) -> None:
    """An answer thrown away unfinished is recorded when nothing refers to it any more."""
    call = Gateway()
    answer = log.wsgi(raises(ValueError(), b"one"))(call.environ, call.start_response)
    assert next(iter(answer)) == b"one"
    del answer, call
    gc.collect()
    assert [entry.error_type for entry in log.entries] == ["disconnect"]


def test_nothing_keeps_a_finished_call_in_memory(log: RecordingLogger) -> None:
    """When a call has ended, no circle of references holds it until the garbage collector comes."""

    class Environ(dict[str, Any]):
        pass

    gc.disable()
    try:
        for app in (answer(checked=False), returns(iter([b"a"]))):
            call = Gateway()
            environ = Environ(call.environ)
            alive = weakref.ref(environ)
            call.environ = environ
            call.run(log.wsgi(app))
            call.answer = ()
            del call, environ
            assert alive() is None
    finally:
        gc.enable()


NONSENSE = [lambda: None, lambda: 5, lambda: ["text"], lambda: [5], lambda: iter(["text"]), lambda: iter([5])]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_left_to_the_server(recorded: Recording, nonsense: Callable[[], Any]) -> None:
    """What is no answer raises where it does without us, or reaches the server as it is; there is an entry of it."""
    log = recorded()
    outcome = []
    for wrapped in (False, True):
        app = returns(nonsense())
        call = Gateway()
        try:
            call.run(log.wsgi(app) if wrapped else app)
        except TypeError as error:
            outcome.append((str(error), call.sent))
        else:
            outcome.append(("", call.sent))
    assert outcome[0] == outcome[1]
    assert len(log.entries) == 1
