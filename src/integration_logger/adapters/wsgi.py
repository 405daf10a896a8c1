"""WSGI: every HTTP call that comes in, as a middleware that hands on what the app returns piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from integration_logger.adapters import wsgi_environ
from integration_logger.adapters.adapter import report
from integration_logger.adapters.inbound import Middleware
from integration_logger.adapters.paths import Patterns
from integration_logger.adapters.wsgi_call import Call, StartResponse
from integration_logger.adapters.wsgi_environ import Environ
from integration_logger.context import ENVIRON_KEY, current

if TYPE_CHECKING:
    from integration_logger.recorder import Recorder

WSGIApp = Callable[..., Iterable[bytes]]
EnvironLabels = Callable[[Environ], Mapping[str, object] | None]


class WSGIMiddleware(Middleware):
    """Wraps a WSGI app and records each call before what completes its answer is handed to the server."""

    def __init__(
        self,
        app: WSGIApp,
        recorder: Recorder,
        *,
        include: Patterns = (),
        exclude: Patterns = (),
        labels: EnvironLabels | None = None,
        bodies: bool = True,
    ) -> None:
        super().__init__(recorder, include=include, exclude=exclude, labels=labels, bodies=bodies)
        self.app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one call."""
        call = self._begin(environ, start_response)
        if call is None:
            return self.app(environ, start_response)
        token = current.set(call.capture)
        try:
            answer = self.app(environ, call.start_response)
        except BaseException as error:
            call.settle(error)
            raise
        else:
            return call.returned(answer)
        finally:
            current.reset(token)

    def _begin(self, environ: Environ, start_response: StartResponse) -> Call | None:
        try:
            if not self.wanted(wsgi_environ.path(environ)):
                return None
            outer = environ.get(ENVIRON_KEY)
            if outer is not None and self.has(outer):
                return None
            return Call(self, environ, start_response, outer)
        except Exception as error:
            report(self.recorder, error)
            return None
