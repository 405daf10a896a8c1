"""Functions of four sorts, each call of which becomes an entry."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Generator
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from integration_logger.errors import ConfigurationError

if TYPE_CHECKING:
    from integration_logger.adapters.spans import Span

F = TypeVar("F", bound=Callable[..., Any])


def decorated(span: Span[Any], function: F) -> F:
    """Return the function with a span around each call; raises ``ConfigurationError`` for what is no function."""
    if not callable(function):
        raise ConfigurationError(f"a function is wanted below the decorator, not {function!r}")
    asked = (function, getattr(function, "__call__", None))  # noqa: B004 - an object may be called like a coroutine
    if any(map(inspect.isasyncgenfunction, asked)):
        wrap: Callable[[Span[Any], Any], Any] = _async_generator
    elif any(map(inspect.iscoroutinefunction, asked)):
        wrap = _coroutine
    elif any(map(inspect.isgeneratorfunction, asked)):
        wrap = _generator
    else:
        wrap = _function
    return cast(F, wraps(function)(wrap(span, function)))


def _function(span: Span[Any], function: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        capture = span.begin()
        token = span.enter(capture)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            span.end(capture, error)
            raise
        else:
            span.end(capture, None)
            return result
        finally:
            span.leave(token)

    return call


def _coroutine(span: Span[Any], function: Any) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        capture = span.begin()
        token = span.enter(capture)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            span.end(capture, error)
            raise
        else:
            span.end(capture, None)
            return result
        finally:
            span.leave(token)

    return call


def _generator(span: Span[Any], function: Any) -> Any:
    """Between two items the entry is not the one that the caller's code runs in."""

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = function(*args, **kwargs)
        capture = span.begin()
        step, given = inner.send, None
        while True:
            token = span.enter(capture)
            try:
                item = step(given)
            except StopIteration as stop:
                span.end(capture, None)
                return stop.value
            except BaseException as error:
                span.end(capture, error)
                raise
            finally:
                given = None  # an exception would hold itself by this frame
                span.leave(token)
            try:
                given = yield item
                step = inner.send
            except BaseException as thrown:  # also GeneratorExit, by which a generator is closed
                step, given = inner.throw, thrown

    return call


def _async_generator(span: Span[Any], function: Any) -> Any:
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        inner = function(*args, **kwargs)
        capture = span.begin()
        step: Any
        step, given = inner.asend, None
        while True:
            token = span.enter(capture)
            try:
                item = await step(given)
            except StopAsyncIteration:
                span.end(capture, None)
                return
            except BaseException as error:
                span.end(capture, error)
                raise
            finally:
                given = None  # an exception would hold itself by this frame
                span.leave(token)
            try:
                given = yield item
                step = inner.asend
            except BaseException as thrown:
                step, given = inner.athrow, thrown

    return call
