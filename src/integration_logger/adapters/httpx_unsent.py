"""Calls that fail outside of any transport: no URL to begin with, one redirect too many, a body not as coded."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from integration_logger.adapters import httpx_errors
from integration_logger.adapters.adapter import report
from integration_logger.adapters.httpx_call import without_user_info
from integration_logger.adapters.httpx_marks import Mark, mark_of, remember
from integration_logger.capture import Capture
from integration_logger.context import current, own, unrecorded

if TYPE_CHECKING:
    from integration_logger.adapters.httpx import Outbound


_ours: Final[WeakSet[Any]] = WeakSet()
"""What was put into clients in place of their methods."""


class Unsent:
    """Looks on while a client builds and sends requests, for the errors that no transport sees."""

    def __init__(self, outbound: Outbound) -> None:
        self.outbound = outbound

    def install(self, client: Any) -> None:
        """Look on at one client, in place."""
        build, send = client.build_request, client.send

        @wraps(build)
        def build_request(*args: Any, **given: Any) -> Any:
            return self.build(build, args, given)

        @wraps(send)
        def send_request(*args: Any, **given: Any) -> Any:
            return self.send(send, args, given)

        @wraps(send)
        async def send_request_async(*args: Any, **given: Any) -> Any:
            return await self.send_async(send, args, given)

        client.build_request = build_request
        client.send = send_request_async if inspect.iscoroutinefunction(send) else send_request
        _ours.update((client.build_request, client.send))
        get_state = client.__getstate__
        client.__getstate__ = lambda: _state_of_a_copy(client, get_state())

    def build(self, build: Callable[..., Any], args: Any, given: Any) -> Any:
        """Build a request."""
        started = perf_counter()
        try:
            return build(*args, **given)
        except Exception as error:
            self._look_at(self._no_url, error, started, args, given)
            raise

    def send(self, send: Callable[..., Any], args: Any, given: Any) -> Any:
        """Send a request."""
        started = perf_counter()
        try:
            return send(*args, **given)
        except Exception as error:
            self._look_at(self._not_sent, error, started, args, given)
            raise

    async def send_async(self, send: Callable[..., Any], args: Any, given: Any) -> Any:
        """Send a request where that is awaited."""
        started = perf_counter()
        try:
            return await send(*args, **given)
        except Exception as error:
            self._look_at(self._not_sent, error, started, args, given)
            raise

    def _look_at(self, note: Callable[..., None], error: Exception, started: float, args: Any, given: Any) -> None:
        try:  # the host may have given what no client takes: it is told so by the client
            if httpx_errors.of_the_client(error) and not unrecorded.get():
                note(error, started, *args, **given)
        except Exception as problem:
            report(self.outbound.recorder, problem)

    def _no_url(self, error: Exception, started: float, /, method: Any = None, url: Any = None, **more: object) -> None:
        text = str(url)
        if self.outbound.wanted(text.partition("://")[2]):
            url = without_user_info(text)
            # the error may quote a part of a password, which is known for one by nothing
            said = error if url == text else type(error).__name__
            self._record(error, started, Mark(self.outbound.recorder), str(method).upper(), url, None, said)

    def _not_sent(
        self, error: Exception, started: float, /, request: Any = None, *args: object, **more: object
    ) -> None:
        request = getattr(error, "_request", None) or request
        if self.outbound.wants(request.url):
            mark = mark_of(request, self.outbound.recorder) or Mark(self.outbound.recorder)
            host = request.url.netloc.decode("ascii", "replace")
            self._record(error, started, mark, request.method, str(request.url), host)

    def _record(
        self,
        error: Exception,
        started: float,
        mark: Mark,
        method: str,
        url: str,
        host: str | None,
        said: Exception | str | None = None,
    ) -> None:
        recorder = self.outbound.recorder
        if not remember(error, recorder):
            return
        capture = Capture("outbound")
        capture.recorder = recorder
        capture.duration = perf_counter() - started
        capture.started_at -= timedelta(seconds=capture.duration)
        if (parent := own(current.get(), recorder)) is not None:
            capture.inherit(parent)
        mark.transaction.add(capture)
        capture.method, capture.url, capture.host = method, url, host
        kind, phase = httpx_errors.failure(error)
        capture.fail(kind, said or error, phase=phase)
        recorder.record(capture)


def _state_of_a_copy(client: Any, state: Any) -> Any:
    """Return what a copy of the client gets: its own methods, not those of the one that it was made from."""
    if not isinstance(state, dict):
        return state
    given = {name: value for name, value in state.items() if name != "__getstate__"}
    for name in ("build_request", "send"):
        method: Any = given.get(name)
        while method in _ours:
            method = method.__wrapped__
        if method is not given.get(name):
            given[name] = method
            if getattr(method, "__self__", None) is client:
                del given[name]
    return given
