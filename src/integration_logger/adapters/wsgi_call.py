"""One HTTP call through the WSGI middleware: what the app gets, what the server gets, and what they saw."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from integration_logger.adapters import wsgi_environ
from integration_logger.adapters.adapter import announced, report
from integration_logger.adapters.inbound import InboundCall
from integration_logger.adapters.wsgi_environ import Environ
from integration_logger.adapters.wsgi_input import Input
from integration_logger.capture import Capture
from integration_logger.context import ENVIRON_KEY, current

if TYPE_CHECKING:
    from integration_logger.adapters.wsgi import WSGIMiddleware

Write = Callable[[bytes], object]
StartResponse = Callable[..., Write]

FILE_WRAPPER = "wsgi.file_wrapper"


class Call(InboundCall):
    """``start_response`` of one call, and in place of what the app returns, an iterable that sees it pass."""

    __slots__ = ("answer", "bodiless", "chunks", "file", "input", "length", "start_inner", "wrap_inner", "write_inner")

    def __init__(
        self, middleware: WSGIMiddleware, environ: Environ, start_response: StartResponse, outer: Capture | None
    ) -> None:
        super().__init__(middleware, environ, outer)
        self.start_inner = start_response
        self.write_inner: Write | None = None
        self.answer: Iterable[bytes] = ()
        """What the app has returned."""
        self.chunks: Iterator[bytes] | None = None
        self.bodiless = False
        """The answer is its head alone, whatever the app returns."""
        self.file: object = None
        """What the server's own way to send files has made of a file."""
        header = self.asked(
            environ["REQUEST_METHOD"],
            environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/") or None,
            environ.get("REMOTE_ADDR") or None,
            wsgi_environ.request_headers(environ),
        )
        capture = self.capture
        capture.host, capture.url = wsgi_environ.address(environ, header(b"host"))
        self.length = announced(header(b"content-length"))
        environ["wsgi.input"] = self.input = Input(environ["wsgi.input"], self.received)
        self.wrap_inner: Any = environ.get(FILE_WRAPPER)
        if self.wrap_inner is not None and not isinstance(self.wrap_inner, type):
            environ[FILE_WRAPPER] = self._wrap_file
        environ[ENVIRON_KEY] = middleware.recorder.under_way[capture.id] = capture

    def received(self, data: bytes, ended: bool) -> None:
        """Note a part of the request's body that the app has read; never raises."""
        try:
            body = self.capture.request_body
            size = len(data) if body is None else body.size + len(data)
            super().received(data, ended or 0 <= self.length <= size)
        except Exception as error:
            report(self.middleware.recorder, error)

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Write:
        """Pass on what the app begins its answer with; the server refuses it where it has sent another already."""
        if exc_info is None:
            self.write_inner = self.start_inner(status, headers)
        else:
            self.write_inner = self.start_inner(status, headers, exc_info)
        if self.open:
            try:
                self._started(status, headers, exc_info[1] if exc_info else sys.exception())
            except Exception as error:
                report(self.middleware.recorder, error)
        return self._write

    def _started(self, status: str, headers: list[tuple[str, str]], handling: BaseException | None) -> None:
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self.capture.route = wsgi_environ.route(self.given)  # later Flask has put its request away
        self.bodiless = self.answered(int(status[:3]), pairs, handling)

    def _write(self, data: bytes) -> object:
        """Pass on what the app writes by hand."""
        self._pass_on(data)
        try:
            return self.write_inner(data)  # type: ignore[misc]  # the app has this from start_response
        except OSError as error:
            self.disconnected = True
            self.handled = error
            raise

    def returned(self, answer: Iterable[bytes]) -> Iterable[bytes]:
        """Return what the server gets for what the app has returned: itself where nothing is to be seen of it later."""
        try:
            if self._is_file(answer):
                if not self.bodiless:
                    self.unread()
                if self.open:
                    self.record()
                return answer
            if type(answer) in (list, tuple) and len(answer) < 2:  # type: ignore[arg-type]  # these have a length
                for chunk in answer:
                    self._pass_on(chunk)
                self._exhausted()
                return answer
        except Exception as error:
            report(self.middleware.recorder, error)
        self.answer = answer
        return self

    def _wrap_file(self, *args: Any) -> Any:
        """Remember what the server makes of a file, where its type does not tell."""
        self.file = made = self.wrap_inner(*args)
        return made

    def _is_file(self, answer: Iterable[bytes]) -> bool:
        return answer is self.file or (isinstance(self.wrap_inner, type) and isinstance(answer, self.wrap_inner))

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = current.set(self.capture)
        try:
            if self.chunks is None:
                self.chunks = iter(self.answer)
            chunk = next(self.chunks)
        except StopIteration:
            self._exhausted()
            raise
        except BaseException as error:
            self.settle(error)
            raise
        finally:
            current.reset(token)
        self._pass_on(chunk)
        return chunk

    def close(self) -> None:
        """End what the app has returned, as the server asks; before its end, if the client has left."""
        close = getattr(self.answer, "close", None)
        token = current.set(self.capture)
        try:
            if close is not None:
                close()
        except BaseException as error:
            self._closed()
            self.settle(error)
            raise
        else:
            self._closed()
        finally:
            current.reset(token)

    def _closed(self) -> None:
        if self.bodiless:
            self._exhausted()
        else:
            self.disconnected = True
            self.settle(None)

    def _pass_on(self, chunk: bytes) -> None:
        """Note a part of the answer before the server has it; the entry is written before the last one is."""
        if self.open:
            try:
                body = self.capture.response_body
                if body is None:  # not started: the server will refuse it
                    return
                if self.capture.first_byte is None:
                    self.capture.first_byte = perf_counter() - self.capture.started
                if self.bodiless or self.sent(chunk, body, last=False):
                    self.record()
            except Exception as error:
                report(self.middleware.recorder, error)

    def _exhausted(self) -> None:
        """Write the entry, now that the app has nothing more to send."""
        if self.open:
            try:
                body = self.capture.response_body
                if body is None:
                    self._failed(None)
                elif self.disconnected:
                    self.client_left()
                elif not self.bodiless:
                    self.sent(b"", body, last=True)
                self.record()
            except Exception as error:
                report(self.middleware.recorder, error)

    def _failed(self, error: BaseException | None) -> None:
        capture = self.capture
        if error is not None and not self.disconnected and capture.first_byte is None:
            # of an answer that was begun and not sent the server sends nothing
            capture.status_code = capture.response_headers = capture.response_body = None
        super()._failed(error)

    def record(self) -> None:
        """Write the entry, and let go of the environ, which would otherwise hold itself."""
        self.input.nobody_looks()
        if self.given.get(FILE_WRAPPER) == self._wrap_file:
            self.given[FILE_WRAPPER] = self.wrap_inner
        if self.capture.first_byte is None and self.capture.response_headers is not None:
            self.capture.first_byte = perf_counter() - self.capture.started
        super().record()

    def __del__(self) -> None:
        # thrown away unfinished, by a server that does not close what it has begun; not one that was never made
        if hasattr(self, "wrap_inner") and self.open:
            self._closed()
