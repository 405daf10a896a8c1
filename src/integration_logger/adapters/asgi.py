"""ASGI: every HTTP call that comes in, as a pure middleware that forwards the original messages.

No event loop is imported, so hosts on trio work; WebSocket and lifespan pass untouched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from integration_logger.adapters.adapter import report
from integration_logger.adapters.asgi_call import ASGIMessage, Call, Receive, Send
from integration_logger.adapters.asgi_scope import KEY, Scope
from integration_logger.adapters.inbound import Middleware
from integration_logger.adapters.paths import Patterns
from integration_logger.context import current

if TYPE_CHECKING:
    from integration_logger.recorder import Recorder

ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Labels = Callable[[Scope], Mapping[str, object] | None]


class ASGIMiddleware(Middleware):
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
        super().__init__(recorder, include=include, exclude=exclude, labels=labels, bodies=bodies)
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        call = self._begin(scope, receive, send)
        if call is None:
            await self.app(scope, receive, send if scope.get("type") != "lifespan" else self._ending(send))
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

    def _ending(self, send: Send) -> Send:
        """Return ``send`` with what is to be done at the host's shutdown: some servers end by a signal after it."""

        async def send_lifespan(message: ASGIMessage) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                try:
                    self.recorder.stop()
                except Exception as error:
                    report(self.recorder, error)
            await send(message)

        return send_lifespan

    def _begin(self, scope: Scope, receive: Receive, send: Send) -> Call | None:
        try:
            if scope["type"] != "http":
                if scope["type"] == "lifespan":
                    self.recorder.start()
                return None
            if not self.wanted(scope["path"]):
                return None
            outer = scope.get(KEY)
            if outer is not None and self.has(outer):
                return None
            return Call(self, scope, receive, send, outer)
        except Exception as error:
            report(self.recorder, error)
            return None
