"""A stretch of the host's own code that becomes an entry: a context manager and a decorator, sync or async."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import Token
from os import getpid
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from integration_logger.adapters.decorators import decorated
from integration_logger.adapters.trace_context import OPENTELEMETRY, trace_id
from integration_logger.capture import Capture, Detached
from integration_logger.context import current, own, unrecorded
from integration_logger.entry import Kind
from integration_logger.errors import ConfigurationError
from integration_logger.forks import this_process

if TYPE_CHECKING:
    from integration_logger.recorder import Recorder

F = TypeVar("F", bound=Callable[..., Any])


class SpanCapture(Capture):
    """A stretch of code under way; the host has it from ``with``."""

    __slots__ = ("process",)

    failure: str = "exception"
    """``error_type`` of one that ends by an exception."""

    def __init__(self, recorder: Recorder, kind: Kind) -> None:
        super().__init__(kind)
        self.recorder = recorder
        self.process = getpid()
        self.outer = around = current.get()
        if (parent := own(around, recorder)) is not None:
            self.inherit(parent)
        if OPENTELEMETRY in sys.modules:
            self.trace_id = trace_id(None) or self.trace_id

    def end(self, error: BaseException | None) -> None:
        """Note how it ended."""
        self.duration = perf_counter() - self.started
        if error is None or is_ordinary(error):
            if self.status is None and self.status_code is None:
                self.status = "completed"
        elif isinstance(error, Exception | SystemExit):
            self.fail(self.failure, error)
        else:
            self.fail("cancelled", f"{type(error).__name__} while the {self.kind} was under way")

    def misused(self, error: Exception) -> None:
        """Count what the host has given and cannot be taken; its code goes on."""
        cast("Recorder", self.recorder).failed(error)


def is_ordinary(error: BaseException) -> bool:
    """Tell whether this is how code ends that has not failed: a generator that is left, ``sys.exit()``."""
    return isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and not error.code)


class Unrecorded(Detached):
    """What ``with`` gives where nothing is recorded: it takes the same calls and does nothing."""

    def fail(self, error_type: str, text: object = None) -> None:
        """Do nothing."""

    def set(self, **values: object) -> None:
        """Do nothing."""

    def request(self, body: object = None, **more: object) -> None:
        """Do nothing."""

    def response(self, body: object = None, **more: object) -> None:
        """Do nothing."""

    def setup(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def add_rows(self, count: int = 1) -> None:
        """Do nothing."""

    def savepoint(self, new: object = None, *, initial: object = None) -> None:
        """Do nothing."""


UNRECORDED: Final[Any] = Unrecorded()

C = TypeVar("C", bound=SpanCapture)


class Span(Generic[C]):
    """What ``log.call``, ``log.script`` and ``log.run`` return: for ``with``, ``async with``, or before a function.

    Each ``with`` and each call of the function is an entry of its own.
    """

    __slots__ = ("_labels", "_make", "_open", "_recorder")

    def __init__(self, recorder: Recorder, make: Callable[[], C], labels: Mapping[str, object]) -> None:
        self._recorder = recorder
        self._make = make
        self._labels = labels
        self._open: list[C] = []

    def __call__(self, function: F) -> F:
        """Return the function, each call of which becomes an entry; generators do from their first item to the end."""
        return decorated(self, function)

    def begin(self) -> C:
        """Begin an entry; never raises."""
        if unrecorded.get():
            return cast(C, UNRECORDED)
        recorder = self._recorder
        try:
            if recorder.started_in != this_process():
                recorder.start()  # it shall be seen while it runs, which may be long
            capture = self._make()
            if self._labels:
                capture.label(**self._labels)
            recorder.under_way[capture.id] = capture
        except Exception as error:
            recorder.failed(error)
            return cast(C, UNRECORDED)
        return capture

    def end(self, capture: C, error: BaseException | None) -> None:
        """End an entry, and record it; never raises."""
        if capture is UNRECORDED:
            return
        recorder = self._recorder
        try:
            capture.end(error)
        except Exception as problem:
            recorder.failed(problem)
        if capture.process == getpid():  # else a fork has left its parent's code: the parent records it
            recorder.record(capture)

    def enter(self, capture: C) -> Token[Capture | None]:
        """Make it the entry that code runs in."""
        return current.set(current.get() if capture is UNRECORDED else capture)

    def leave(self, token: Token[Capture | None]) -> None:
        """Make it that no more."""
        try:
            current.reset(token)
        except ValueError:  # closed from another context, as the garbage collector does
            current.set(None)

    def __enter__(self) -> C:
        capture = self.begin()
        self._open.append(capture)
        self.enter(capture)
        return capture

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        capture, is_here = self._innermost()
        outer = None if capture is UNRECORDED else capture.outer
        self.end(capture, error)
        if is_here:
            current.set(outer)

    async def __aenter__(self) -> C:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.__exit__(kind, error, traceback)

    def _innermost(self) -> tuple[C, bool]:
        """Return the entry that ends, and whether it began here: this object may have been entered by several tasks."""
        found = current.get()
        while found is not None and found not in self._open:
            found = found.outer
        capture = self._open[-1] if found is None else found
        self._open.remove(capture)
        return capture, found is not None


class Nothing(Span[C]):
    """A span where nothing is recorded."""

    __slots__ = ()

    def __init__(self) -> None: ...

    def __call__(self, function: F) -> F:
        return function

    def __enter__(self) -> C:
        return cast(C, UNRECORDED)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None: ...


NOTHING: Final[Nothing[Any]] = Nothing()


def check_name(method: str, name: object) -> None:
    """Raise ``ConfigurationError`` for a function in the place of the name: a decorator without its brackets."""
    if callable(name):
        raise ConfigurationError(f'log.{method} takes a name first: @log.{method}("name")')
