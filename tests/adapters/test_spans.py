"""Code of the host that becomes an entry: with, before functions of four sorts, nested, failing, in other contexts."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from integration_logger import ConfigurationError, Integration, IntegrationLogger
from integration_logger.context import current
from integration_logger.entry import Entry
from integration_logger.testing import RecordingLogger, recording


class Broken(Exception):
    pass


@pytest.fixture
def log() -> Iterator[RecordingLogger]:
    with recording() as made:
        yield made
        assert current.get() is None, "what was begun is left"
        health = made.health()
        assert (health.failed, health.redaction_failed) == (0, 0)


SPANS: dict[str, Callable[[IntegrationLogger], Any]] = {
    "call": lambda log: log.call("C2E"),
    "script": lambda log: log.script("rule"),
    "run": lambda log: log.run("orders"),
}
KINDS = pytest.mark.parametrize("kind", SPANS)


@KINDS
def test_with(log: RecordingLogger, kind: str) -> None:
    """What ends is completed, its duration is known, and it is current as long as it lasts."""
    with SPANS[kind](log) as span:
        assert log.current() is span
    (entry,) = log.entries
    assert (entry.kind, entry.status, entry.outcome, entry.has_errors) == (kind, "completed", "success", False)
    assert entry.duration is not None


@KINDS
def test_an_exception_is_recorded_and_raised_on(log: RecordingLogger, kind: str) -> None:
    """It is the same object, and the entry has its text and its traceback."""
    error = Broken("no such table")
    with pytest.raises(Broken) as raised, SPANS[kind](log):
        raise error
    assert raised.value is error
    (entry,) = log.entries
    assert (entry.status, entry.error_type) == ("failed", "script" if kind == "script" else "exception")
    assert entry.errors == ("Broken: no such table",)
    assert "raise error" in (entry.traceback or "")


def test_an_error_that_does_not_stop(log: RecordingLogger) -> None:
    """It is a success with a warning."""
    with log.run("orders") as run:
        run.error("row 7: no price")
        log.current().error("row 9: no price")
    (entry,) = log.entries
    assert (entry.status, entry.outcome, entry.has_errors) == ("completed", "success", True)
    assert entry.errors == ("row 7: no price", "row 9: no price")


@pytest.mark.parametrize(
    ("error", "status", "error_type"),
    [(SystemExit(0), "completed", None), (SystemExit(), "completed", None), (SystemExit("bad"), "failed", "exception"),
     (SystemExit(3), "failed", "exception"), (KeyboardInterrupt(), "failed", "cancelled"),
     (GeneratorExit(), "completed", None), (asyncio.CancelledError(), "failed", "cancelled")],
    ids=lambda value: repr(value) if isinstance(value, BaseException) else str(value),
)  # fmt: skip
def test_what_is_no_exception_of_the_code(
    log: RecordingLogger, error: BaseException, status: str, error_type: str | None
) -> None:
    """``sys.exit()`` is an ordinary end, an interruption is cancelled."""
    with pytest.raises(type(error)), log.run("orders"):
        raise error
    assert [(e.status, e.error_type) for e in log.entries] == [(status, error_type)]


def test_nested(log: RecordingLogger) -> None:
    """Each has the one around it as its parent, and takes tenant, application, user and source from it."""
    with log.run("orders", tenant="1", application="bot", user_id="7", source_url="/bots/3", category="x") as run:
        with log.call("C2E") as call:
            with log.script("rule"):
                pass
            assert log.current() is call
        assert log.current() is run
    script, inner, outer = log.entries
    assert (script.parent_id, inner.parent_id, outer.parent_id) == (inner.id, outer.id, None)
    assert {(e.tenant, e.application, e.user_id, e.labels.get("source_url")) for e in log.entries} == {
        ("1", "bot", "7", "/bots/3")
    }
    assert {entry.trace_id for entry in log.entries} == {outer.trace_id}
    assert "category" not in inner.labels


def test_a_function(log: RecordingLogger) -> None:
    """It keeps its name, arguments, result and exceptions."""

    @log.run("orders")
    def load(rows: int, *, broken: bool = False) -> int:
        """Load."""
        assert log.current().kind == "run"  # type: ignore[union-attr]
        if broken:
            raise Broken
        return rows

    assert (load.__name__, load.__doc__, load(3)) == ("load", "Load.", 3)
    with pytest.raises(Broken):
        load(3, broken=True)
    assert [entry.status for entry in log.entries] == ["completed", "failed"]


def test_a_coroutine(log: RecordingLogger) -> None:
    """Calls at the same time are entries of their own, and each has its own children."""

    @log.run("orders")
    async def load(name: str) -> str:
        log.current().label(category=name)
        await asyncio.sleep(0)
        async with log.call("C2E") as call:
            await asyncio.sleep(0)
            call.label(category=name)
        return name

    async def main() -> list[str]:
        return await asyncio.gather(*map(load, "abc"))

    assert inspect.iscoroutinefunction(load)
    assert asyncio.run(main()) == ["a", "b", "c"]
    runs = {entry.id: entry.labels["category"] for entry in log.entries if entry.kind == "run"}
    calls = [entry for entry in log.entries if entry.kind == "call"]
    assert sorted(runs.values()) == ["a", "b", "c"]
    assert [runs[call.parent_id or ""] for call in calls] == [call.labels["category"] for call in calls]


def test_a_cancelled_coroutine(log: RecordingLogger) -> None:
    """It is recorded as cancelled, and stays cancelled."""

    async def main() -> None:
        began = asyncio.Event()

        @log.run("orders")
        async def wait() -> None:
            began.set()
            await asyncio.sleep(60)

        task = asyncio.create_task(wait())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [entry.error_type for entry in log.entries] == ["cancelled"]


def echo(log: IntegrationLogger, seen: list[bool]) -> Callable[[], Generator[object, object, str]]:
    @log.run("echo")
    def generator() -> Generator[object, object, str]:
        given: object = None
        for _ in range(3):
            seen.append(log.current() is not None and current.get() is not None)
            try:
                given = yield given
            except Broken:
                given = "caught"
        return "end"

    return generator


def test_a_generator(log: RecordingLogger) -> None:
    """Items, values sent, exceptions thrown in and the result pass; between two items the entry is not current."""
    seen: list[bool] = []
    generator = echo(log, seen)
    assert inspect.isgeneratorfunction(inspect.unwrap(generator))
    items = generator()
    assert current.get() is None
    assert next(items) is None
    assert current.get() is None
    assert items.send("a") == "a"
    assert items.throw(Broken()) == "caught"
    assert log.entries == []
    with pytest.raises(StopIteration) as stop:
        next(items)
    assert stop.value.value == "end"
    assert seen == [True] * 3
    assert [entry.status for entry in log.entries] == ["completed"]


@pytest.mark.parametrize("leave", ["close", "forget"])
def test_a_generator_that_is_left(log: RecordingLogger, leave: str) -> None:
    """Its reader may stop when it has enough: that is no failure, and what it cleans up belongs to it."""
    closed = []

    @log.run("rows")
    def rows() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(log.current())

    items = rows()
    assert next(iter(items)) == 0
    if leave == "close":
        items.close()  # type: ignore[attr-defined]
    del items
    gc.collect()
    (entry,) = log.entries
    assert (entry.status, [span.id for span in closed]) == ("completed", [entry.id])  # type: ignore[union-attr]


def test_a_generator_that_fails(log: RecordingLogger) -> None:
    """Its exception is the entry's."""

    @log.script("rows")
    def rows() -> Iterator[int]:
        yield 1
        raise Broken("half way")

    with pytest.raises(Broken):
        list(rows())
    assert [entry.errors for entry in log.entries] == [("Broken: half way",)]


def test_a_generator_that_never_began(log: RecordingLogger) -> None:
    """Nothing has happened, so nothing is recorded."""
    generator = echo(log, [])
    generator().close()
    assert log.entries == []


def test_an_async_generator(log: RecordingLogger) -> None:
    """As a generator: items, sending, throwing, leaving."""

    @log.run("rows")
    async def rows() -> AsyncIterator[Any]:
        given: Any = 0
        while True:
            await asyncio.sleep(0)
            assert log.current().kind == "run"  # type: ignore[union-attr]
            try:
                given = yield given
            except Broken:
                given = "caught"

    async def main() -> None:
        items: Any = rows()
        assert await anext(items) == 0
        assert current.get() is None
        assert await items.asend(5) == 5
        assert await items.athrow(Broken()) == "caught"
        await items.aclose()
        with suppress(StopAsyncIteration):
            await anext(items)

    asyncio.run(main())
    assert [entry.status for entry in log.entries] == ["completed"]


def test_an_async_generator_that_ends_and_one_that_fails(log: RecordingLogger) -> None:
    """The end of the items is the end of the entry; an exception is its failure."""

    @log.run("rows")
    async def rows(broken: bool) -> AsyncIterator[int]:
        yield 1
        if broken:
            raise Broken

    async def main() -> None:
        assert [item async for item in rows(False)] == [1]
        with pytest.raises(Broken):
            [item async for item in rows(True)]

    asyncio.run(main())
    assert [entry.status for entry in log.entries] == ["completed", "failed"]


class Callee:
    async def __call__(self) -> str:
        return "called"

    def method(self) -> str:
        return "method"

    @staticmethod
    def static() -> str:
        return "static"


def test_whatever_can_be_called(log: RecordingLogger) -> None:
    """Methods, partial functions, objects and classes, each as the sort of function that it is."""
    assert asyncio.run(log.run("object")(Callee())()) == "called"
    assert log.run("method")(Callee().method)() == "method"
    assert log.run("static")(Callee.static)() == "static"
    assert log.run("partial")(partial(int, "7"))() == 7
    assert log.run("builtin")(len)([1]) == 1
    assert [entry.operation for entry in log.entries] == ["object", "method", "static", "partial", "builtin"]


@pytest.mark.parametrize("wrong", [None, 5, "text", classmethod(lambda cls: 1)], ids=["none", "5", "text", "class"])
def test_what_cannot_be_called_is_refused_at_once(log: RecordingLogger, wrong: Any) -> None:
    """A decorator before something else is a mistake of the programmer, told where it was made."""
    with pytest.raises(ConfigurationError, match="a function is wanted"):
        log.run("orders")(wrong)


@KINDS
def test_a_decorator_without_its_brackets_is_refused_at_once(log: RecordingLogger, kind: str) -> None:
    """Else it would fail when the function is called."""
    with pytest.raises(ConfigurationError, match="takes a name first"):
        getattr(log, kind)(lambda: 1)


def test_one_object_for_several(log: RecordingLogger) -> None:
    """The same object may be entered again, within itself, by several tasks and by several threads."""
    span = log.run("shared")

    async def use(name: str) -> None:
        with span as run:
            run.label(category=name)
            await asyncio.sleep(0.001 * (ord(name) % 3))
            with span:
                pass
            assert log.current() is run

    async def main() -> None:
        await asyncio.gather(*map(use, "abc"))

    asyncio.run(main())
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: asyncio.run(use(name)), "abcd"))
    entries = {entry.id: entry for entry in log.entries}
    inner = [entry for entry in entries.values() if entry.parent_id]
    assert len(entries) == 14
    assert len(inner) == 7
    assert all("category" in entries[entry.parent_id or ""].labels for entry in inner)


def test_ended_in_another_context(log: RecordingLogger) -> None:
    """Frameworks enter and leave a dependency in two threads: the right entry ends."""
    span = log.run("dependency")
    thread = threading.Thread(target=span.__enter__)
    thread.start()
    thread.join()
    with log.run("other"):
        span.__exit__(None, None, None)
        assert log.current().operation == "other"  # type: ignore[union-attr]
    assert [(entry.operation, entry.parent_id) for entry in log.entries] == [("dependency", None), ("other", None)]


def test_two_loggers_do_not_meet(log: RecordingLogger) -> None:
    """Each finds its own entry as the current one, and its own parent."""
    with recording() as other, log.run("ours") as ours, other.run("theirs") as theirs:
        assert (log.current(), other.current()) == (ours, theirs)
        with log.call("C2E") as call:
            assert (call.parent_id, other.current()) == (ours.id, theirs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_within_a_run(log: RecordingLogger) -> None:
    """The child leaves its parent's code, too; the run is its parent's, and recorded once."""
    reader, writer = os.pipe()
    with log.run("forking") as run:
        run.add_rows(1)
        child = os.fork()
    if child == 0:
        os.write(writer, bytes([log.recorder.captured, len(log.recorder.under_way)]))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 2) == b"\0\0"
    assert [entry.operation for entry in log.entries] == ["forking"]


def test_discarded(log: RecordingLogger) -> None:
    """A run that found nothing to do may leave itself out."""
    with log.run("orders") as run:
        run.discard()
    assert log.entries == []


@KINDS
def test_a_fault_of_ours_is_not_the_hosts(log: RecordingLogger, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an entry cannot begin or end, the code goes on as if nothing were recorded, and it is counted."""

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the log")

    for name in ("__init__", "end", "finish"):
        with monkeypatch.context() as patch, recording() as broken:
            span = SPANS[kind](broken)
            with span as capture:
                pass
            patch.setattr(type(capture), name, fail)
            with span as capture:
                capture.label(tenant="1")
                capture.set(row_count=1) if kind == "run" else capture.error("none")
            assert span(lambda: 7)() == 7
            health = broken.health()
            assert health.failed + health.redaction_failed == 2


def test_nothing_is_recorded_without_a_store() -> None:
    """The same calls do nothing, and a decorator leaves the function as it is."""
    log = IntegrationLogger(None)

    def function() -> int:
        return 7

    assert log.run("orders")(function) is function
    with log.run("orders") as run, run.setup():
        run.add_rows(3)
        run.savepoint("a", initial="b")
        run.set(has_deltas=True)
        run.label(tenant="1")
        run.error("none")
        run.discard()
    with log.call("C2E") as call, log.script("rule", variables=dict) as script:
        call.request({})
        call.response({}, status_code=200)
        call.fail("validation", "none")
        script.set(a=1)
    assert log.last_run("pipeline", job_id=702) is None
    assert log.recorder.under_way == {}


def test_a_hundred_thousand_calls_leave_nothing_behind() -> None:
    """A decorated function that is called without end holds on to nothing."""
    log = IntegrationLogger("memory:", spool=None, ship=None)
    log.recorder.spool, log.recorder.redactor = Counts(), Passes()

    @log.run("orders", tenant="1")
    def load(number: int) -> int:
        if number % 1000 == 0:
            raise Broken(number)
        return number

    def many(count: int) -> None:
        for number in range(count):
            with suppress(Broken):
                load(number)

    many(2_000)
    gc.collect()
    before = len(gc.get_objects())
    many(100_000)
    gc.collect()
    assert len(gc.get_objects()) - before < 100
    assert log.recorder.under_way == {}
    assert log.recorder.captured == 102_000


class Passes:
    """A redactor that looks at nothing, so that the test does not take long."""

    def prepare(self) -> None: ...

    def redact(self, entry: Entry, max_body: int) -> Entry:
        return entry


class Counts:
    """A spool that keeps nothing."""

    def append(self, payload: bytes) -> str | None:
        return None


def test_a_generator_with_wrong_arguments(log: RecordingLogger) -> None:
    """It never began: the host is told so, and nothing is under way."""

    @log.script("export")
    def export(table: str) -> Iterator[str]:
        yield table

    @log.script("export")
    async def export_async(table: str) -> AsyncIterator[str]:
        yield table

    async def first(items: Any) -> None:
        await anext(items)

    with pytest.raises(TypeError, match="table"):
        next(export())  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="table"):
        asyncio.run(first(export_async()))  # type: ignore[call-arg]
    assert (log.recorder.under_way, log.entries) == ({}, [])


def test_what_has_ended_holds_nothing_of_what_was_around_it(log: RecordingLogger) -> None:
    """Work that plans its next turn from within goes on for ever, and each is within the one before."""
    depths = []

    async def main() -> None:
        done = asyncio.Event()

        def turn(left: int) -> None:
            with log.script("turn") as capture:
                outer, depth = capture.outer, 0
                while outer is not None:
                    outer, depth = outer.outer, depth + 1
                depths.append(depth)
                if left:
                    asyncio.get_running_loop().call_later(0, turn, left - 1)
                else:
                    done.set()

        turn(9)
        await done.wait()

    asyncio.run(main())
    assert max(depths) == 1
    ids = {entry.id for entry in log.entries}
    assert sum(entry.parent_id in ids for entry in log.entries) == 9


def test_what_the_host_does_for_the_log_is_no_entry() -> None:
    """Labels, processors and classify may use functions that are recorded elsewhere, without end otherwise."""
    made: list[RecordingLogger] = []

    def ask(*_: Any) -> dict[str, object]:
        with made[0].call("cache"), made[0].script("rule") as script:
            script.set(a=1)
            return {"tenant": "acme"}

    def process(entry: Entry) -> Entry:
        ask()
        return entry

    def classify(entry: Entry) -> str:
        return "failed" if ask() else "completed"

    partner = Integration("partner", classify=classify)
    with recording(processors=[process], labels=ask, integrations=[partner]) as log:
        made.append(log)
        with log.call("C2E", integration="partner"):
            pass
        (entry,) = log.entries
        assert (entry.tenant, entry.status) == ("acme", "failed")
        assert not sum(log.recorder.failures.values())


def test_a_fault_of_the_hosts_logging_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that raises does so where nobody waits for it: what the host does for its entries goes on."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise Broken("handler")

    with recording() as log:
        monkeypatch.setattr(log.recorder.redactor, "redact", None)
        logger, handler = logging.getLogger("integration_logger"), Handler()
        logger.addHandler(handler)
        try:
            with log.run("orders") as run:
                run.add_rows("many")  # type: ignore[arg-type]
        finally:
            logger.removeHandler(handler)
        assert (log.recorder.failures["failed"], log.recorder.failures["redaction_failed"]) == (1, 1)
