"""The server's side of one HTTP call in WSGI: checks both sides by PEP 3333 and lets tests look in between."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

App = Callable[..., Iterable[bytes]]
Headers = Iterable[tuple[str, str]]


def http_environ(
    method: str = "GET", target: str = "/", headers: Headers = (), body: bytes = b"", **changes: Any
) -> dict[str, Any]:
    """Return the environ of a call as gunicorn makes it; None as a change leaves the key out."""
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.9",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "shop.example.com",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return {name: value for name, value in (environ | changes).items() if value is not None}


class Gateway:
    """One call: takes what the app returns piece by piece, or so many pieces until the client leaves.

    ``on_send`` is called at the instant at which the client would get a piece, and with None when it is told the end.
    """

    def __init__(
        self,
        method: str = "GET",
        target: str = "/",
        headers: Headers = (),
        body: bytes = b"",
        *,
        on_send: Callable[[bytes | None], None] = lambda chunk: None,
        leaves_after: int | None = None,
        **changes: Any,
    ) -> None:
        self.environ = http_environ(method, target, headers, body, **changes)
        self.given = dict(self.environ)
        self.on_send = on_send
        self.leaves_after = leaves_after
        self.status: int | None = None
        self.headers: list[tuple[str, str]] = []
        self.sent: list[bytes] = []
        self.answer: Iterable[bytes] = ()

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Keep the head until there is a body, and refuse a second one as servers do."""
        if exc_info is not None:
            if self.sent:
                raise exc_info[1].with_traceback(exc_info[2])
        elif self.status is not None:
            raise AssertionError("headers already set")
        self.status, self.headers = int(status[:3]), headers
        return self.write

    def write(self, chunk: bytes) -> None:
        """Send a piece."""
        self.sent.append(chunk)
        self.on_send(chunk)

    def run(self, app: App) -> Gateway:
        """Make the call as it is."""
        self.answer = app(self.environ, self.start_response)
        try:
            for chunk in islice(self.answer, self.leaves_after):
                self.write(chunk)
            if self.leaves_after is None:
                self.on_send(None)
        finally:
            if hasattr(self.answer, "close"):
                self.answer.close()
        return self

    def check(self, app: App) -> Gateway:
        """Make the call with a server that objects to whatever is not in the standard."""
        return self.run(validator(app))

    @property
    def body(self) -> bytes:
        """All that was sent."""
        return b"".join(self.sent)


TEXT = ("Content-Type", "text/plain")


def answer(status: str = "200 OK", headers: Headers = (TEXT,), *chunks: bytes, checked: bool = True) -> App:
    """Return an app that reads the body and answers with these chunks, one by one."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        while environ["wsgi.input"].read(1000):
            pass
        start_response(status, [*headers])
        return [*chunks]

    return validator(app) if checked else app
