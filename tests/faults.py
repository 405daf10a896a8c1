"""Breaking functions of the logging half one by one, and a host that makes use of all of them."""

from __future__ import annotations

import gzip
import importlib
import pkgutil
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from inspect import isclass, isfunction
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import brotli
import pytest
import zstandard
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

import integration_logger.redaction
from integration_logger import IntegrationLogger, bodies, capture, codec, ids, recorder
from integration_logger.adapters import asgi_scope, inbound, wsgi_environ
from integration_logger.spool import segments, writer
from tests.adapters.gateway import Gateway
from tests.adapters.server import Server

CANARY = "c4n4ry-c4n4ry-c4n4ry"
REDACTION = [
    importlib.import_module(module.name)
    for module in pkgutil.iter_modules(integration_logger.redaction.__path__, "integration_logger.redaction.")
]
ADAPTERS = [inbound, asgi_scope, wsgi_environ]
MODULES = [recorder, *REDACTION, writer, segments, codec, capture, bodies, *ADAPTERS, ids]
CALLED_BY_THE_HOST = {
    "IntegrationLogger", "Detached", "Capture.label", "Capture.error", "Capture.discard", "add_labels",
    "safe_text", "characters", "cut", "own", "content_type", "Middleware.__init__", "InboundCall.settle",
}  # fmt: skip
"""What the host itself calls, or what it calls does: an exception made here is one of the host's."""


class Target(NamedTuple):
    """One function, and where it lies."""

    module: ModuleType
    owner: Any
    name: str

    @property
    def label(self) -> str:
        prefix = f"{self.owner.__name__}." if isclass(self.owner) else ""
        return f"{prefix}{self.name}"


def targets() -> Iterator[Target]:
    for module in MODULES:
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if isclass(value) and not getattr(value, "_is_protocol", False):
                for inner, member in vars(value).items():
                    made = inner == "__init__" and "__del__" not in vars(value)
                    if (made or not inner.startswith("__")) and is_written_in(module, member):
                        yield Target(module, value, inner)
            elif is_written_in(module, value):
                yield Target(module, module, name)


def code_of(member: Any) -> Any:
    """Return the code of a function, however it is wrapped, or None."""
    for attribute in ("fget", "__func__", "__wrapped__"):
        member = getattr(member, attribute, member)
    return member.__code__ if isfunction(member) else None


def is_written_in(module: ModuleType, member: object) -> bool:
    code = code_of(member)
    return code is not None and code.co_filename == module.__file__


TARGETS = [target for target in targets() if target.label not in CALLED_BY_THE_HOST]


def break_it(target: Target, patch: pytest.MonkeyPatch, error: type[Exception]) -> list[str]:
    """Make the function raise wherever it is known; return a list that tells whether it did, on the request path."""
    raised: list[str] = []

    def raises(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            raised.append(target.label)
        raise error(f"broken by the test, with {CANARY}")

    original = vars(target.owner)[target.name]
    patch.setattr(target.owner, target.name, property(raises) if isinstance(original, property) else raises)
    for module in [m for name, m in sys.modules.items() if name.startswith("integration_logger")]:
        for name, value in [*vars(module).items()]:
            if value is original:
                patch.setattr(module, name, raises)
    return raised


def host(log: IntegrationLogger | None) -> Any:
    """Return an application that does all that the adapter looks at, with the canary everywhere."""

    def label(**labels: object) -> None:
        if log is not None:
            log.current().label(**labels)
            log.current().error(f"api_key={CANARY}")

    async def echo(request: Request) -> Response:
        label(api_key=CANARY, tenant="acme")
        answer = JSONResponse({"password": CANARY, "got": len(await request.body())})
        answer.set_cookie("session", CANARY)
        return answer

    async def stream(request: Request) -> Response:
        async def chunks() -> Any:
            yield b'{"items": [], '
            yield b'"password": "%s"}' % CANARY.encode()

        return StreamingResponse(chunks(), media_type="application/json")

    async def broken(request: Request) -> Response:
        label(token=CANARY)
        raise ValueError(f"password={CANARY}")

    async def late(request: Request) -> Response:
        return Response(status_code=204, background=BackgroundTask(broken, request))

    routes = [Route(f"/{e.__name__}", e, methods=["GET", "POST"]) for e in (echo, stream, broken, late)]
    app = Starlette(routes=[Mount("/{shop}", routes=routes)])
    return app if log is None else log.asgi(app, labels=lambda scope: {"secret": CANARY}, exclude=["/health"])


def json_with(password: bytes) -> bytes:
    return b'{"user": {%s: "%s"}, "items": [1, 2.5, null, true]}' % (password, CANARY.encode())


JSON, TEXT, FORM = b"application/json", b"text/plain", b"application/x-www-form-urlencoded"
PLAIN = json_with(b'"password"')
PAIR = b'[{"name": "password", "value": "%s"}, {"a": ["b", {"c": "\\u00e9"}]}]' % CANARY.encode()
MULTIPART = (
    b'--x\r\ncontent-disposition: form-data; name="password"\r\n\r\n%s\r\n'
    b'--x\r\ncontent-disposition: form-data; name="f"; filename="a.bin"\r\n\r\n%s\r\n--x--\r\n'
) % (CANARY.encode(), CANARY.encode())
PROSE = f"""Authorization: Bearer {CANARY}
curl https://ana:{CANARY}@example.com/?token={CANARY}
headers=[('x-api-key', '{CANARY}')] card 4111 1111 1111 1111, Basic information
-----BEGIN PRIVATE KEY-----
{CANARY}
"""
CALLS: list[tuple[str, str, bytes, bytes, bytes]] = [
    # method, path, content type, content coding, body
    ("POST", "/s/echo", JSON, b"", PLAIN),
    ("POST", "/s/echo", JSON, b"", json_with(b'"\\u0070assword"')),
    ("POST", "/s/echo", JSON, b"", PAIR),
    ("POST", "/s/echo", JSON, b"", b'{"a": "' + b"x" * 100_000 + PLAIN),
    ("POST", "/s/echo", JSON, b"", b'{"inner": "{\\"password\\": \\"%s\\"}"}' % CANARY.encode()),
    ("POST", "/s/echo", JSON, b"", b"{broken" + PLAIN),
    ("POST", "/s/echo", b"application/x-ndjson", b"", PLAIN + b"\n" + PLAIN),
    ("POST", "/s/echo", FORM, b"", f"password={CANARY}&x=1&payload=%7B%22password%22%3A%22{CANARY}%22%7D".encode()),
    ("POST", "/s/echo", b"multipart/form-data; boundary=x", b"", MULTIPART),
    ("POST", "/s/echo", b"application/xml", b"", f"<a><password>{CANARY}</password></a>".encode()),
    ("POST", "/s/echo", TEXT, b"", PROSE.encode()),
    ("POST", "/s/echo", b"text/plain; charset=utf-16", b"", PROSE.encode("utf-16")),
    ("POST", "/s/echo", b"", b"", PLAIN),
    ("POST", "/s/echo", b"image/png", b"", PLAIN),
    ("POST", "/s/echo", JSON, b"gzip", gzip.compress(PLAIN)),
    ("POST", "/s/echo", JSON, b"deflate", zlib.compress(PLAIN)),
    ("POST", "/s/echo", JSON, b"br", brotli.compress(PLAIN)),
    ("POST", "/s/echo", JSON, b"zstd", zstandard.ZstdCompressor().compress(PLAIN)),
    ("POST", "/s/echo", JSON, b"gzip", PLAIN),
    ("POST", "/s/broken", JSON, b"", PLAIN),
    ("GET", "/s/stream", b"", b"", b""),
    ("GET", "/s/late", b"", b"", b""),
    ("GET", "/s/nothing", b"", b"", b""),
]


def answers(log: IntegrationLogger | None) -> list[Any]:
    """Make each call; return all that the server got, exceptions included."""
    app = host(log)
    got: list[Any] = []
    for method, target, kind, coding, body in CALLS:
        headers = [
            (b"authorization", f"Bearer {CANARY}".encode()),
            (b"cookie", f"session={CANARY}".encode()),
            (b"referer", f"https://shop.example.com/?code={CANARY}&state={CANARY}".encode()),
            (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            *([(b"content-type", kind)] if kind else []),
            *([(b"content-encoding", coding)] if coding else []),
        ]
        call = Server(method, f"{target}?token={CANARY}&a=1", headers, body)
        try:
            call.run(app)
        except ValueError as error:
            got.append(repr(error))
        got.append(call.sent)
    return got


def wsgi_host(log: IntegrationLogger | None) -> Any:
    """Return an application that does in WSGI what the adapter looks at."""

    def app(environ: Any, start_response: Any) -> Any:
        if log is not None:
            log.current().label(api_key=CANARY, tenant="acme")
        body = environ["wsgi.input"].read()
        if environ["PATH_INFO"] == "/s/broken":
            raise ValueError(f"password={CANARY}")
        write = start_response("200 OK", [("Content-Type", "application/json"), ("Set-Cookie", f"session={CANARY}")])
        write(b'{"password": "%s", ' % CANARY.encode())
        return iter([b'"got": ', b"%d}" % len(body)])

    return app if log is None else log.wsgi(app, labels=lambda environ: {"secret": CANARY}, exclude=["/health"])


def wsgi_answers(log: IntegrationLogger | None) -> list[Any]:
    """Make each call by WSGI; return all that the server got, exceptions included."""
    app = wsgi_host(log)
    got: list[Any] = []
    for method, target, kind, coding, body in CALLS:
        headers = {
            "Authorization": f"Bearer {CANARY}",
            "Content-Type": kind.decode(),
            "Content-Encoding": coding.decode(),
        }
        call = Gateway(method, f"{target}?token={CANARY}", [pair for pair in headers.items() if pair[1]], body)
        try:
            call.run(app)
        except ValueError as error:
            got.append(repr(error))
        got.append((call.status, call.headers, call.sent))
    return got


def bytes_in(folder: Path) -> bytes:
    found = b""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):  # the store's own journal comes and goes
            found += path.read_bytes()
    return found
