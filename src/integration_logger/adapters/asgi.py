"""ASGI: every HTTP call that comes in, as a pure middleware that forwards the original messages.

No event loop is imported, so hosts on trio work; WebSocket and lifespan pass untouched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from integration_logger.adapters.asgi_call import SCOPE_KEY, Call, Receive, Send, report
from integration_logger.adapters.asgi_scope import Scope
from integration_logger.adapters.paths import PathFilter, Patterns
from integration_logger.bodies import OVERLAP, Body, content_type
from integration_logger.capture import Capture
from integration_logger.context import current
from integration_logger.errors import ConfigurationError

if TYPE_CHECKING:
    from integration_logger.recorder import Recorder

ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Labels = Callable[[Scope], Mapping[str, object] | None]

MAX_CONTENT_TYPE = 255
"""Bytes looked at of a Content-Type; what is known of each is remembered."""


class ASGIMiddleware:
    """Wraps an ASGI app and records each HTTP call before the message that completes it reaches the client."""

    def __init__(
        self,
        app: ASGIApp,
        recorder: Recorder,
        *,
        include: Patterns = (),
        exclude: Patterns = (),
        labels: Labels | None = None,
        bodies: bool = True,
    ) -> None:
        self.app = app
        self.recorder = recorder
        self.wanted = PathFilter(include, exclude)
        if labels is not None and not callable(labels):
            raise ConfigurationError(f"labels takes a callable that gets the scope and returns a dict, not {labels!r}")
        if not isinstance(bodies, bool):
            raise ConfigurationError(f"bodies takes True or False, not {bodies!r}")
        self.labels = labels
        self.bodies = bodies
        self.limit = recorder.max_body + OVERLAP

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        call = self._begin(scope, receive, send)
        if call is None:
            await self.app(scope, receive, send)
            return
        token = current.set(call.capture)
        try:
            await self.app(scope, call.receive, call.send)
        except BaseException as error:
            call.settle(error)
            raise
        else:
            call.settle(None)
        finally:
            try:
                current.reset(token)
            except ValueError:  # closed from another context, as the garbage collector does
                current.set(None)

    def _begin(self, scope: Scope, receive: Receive, send: Send) -> Call | None:
        try:
            if scope["type"] != "http":
                if scope["type"] == "lifespan":
                    self.recorder.start()
                return None
            if not self.wanted(scope["path"]):
                return None
            outer = scope.get(SCOPE_KEY)
            if outer is not None and self._has_it(outer):
                return None
            return Call(self, scope, receive, send, outer)
        except Exception as error:
            report(self.recorder, error)
            return None

    def body(self, type_header: bytes | None, coding: bytes | None) -> Body:
        """Return what will collect a body of this kind."""
        if type_header is not None and len(type_header) > MAX_CONTENT_TYPE:
            type_header = type_header[:MAX_CONTENT_TYPE]
        body = Body(self.limit, content_type(type_header), coding)
        if not self.bodies:
            body.leave_out("off")
        return body

    def _has_it(self, capture: Capture | None) -> bool:
        """Whether this logger, installed twice, has the call already."""
        while capture is not None:
            if capture.recorder is self.recorder:
                return True
            capture = capture.outer
        return False
