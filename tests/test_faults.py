"""Every function of the logging half made to raise in turn: the host notices nothing, and no secret gets out."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from inspect import isclass, isfunction
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

import integration_logger.redaction
from integration_logger import IntegrationLogger, bodies, capture, codec, ids, recorder, segments, spool
from integration_logger.adapters import asgi_scope
from integration_logger.redaction import Redactor
from tests.adapters.server import Server
from tests.factories import make_entry

CANARY = "c4n4ry-c4n4ry-c4n4ry"
REDACTION = [
    importlib.import_module(module.name)
    for module in pkgutil.iter_modules(integration_logger.redaction.__path__, "integration_logger.redaction.")
]
MODULES = [recorder, *REDACTION, spool, segments, codec, capture, bodies, asgi_scope, ids]
CALLED_BY_THE_HOST = {
    "IntegrationLogger", "Detached", "Capture.label", "Capture.error", "Capture.discard", "add_labels",
    "_safe_text", "_unicode", "_cut", "content_type",
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
            if isclass(value):
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
    """Make the function raise wherever it is known; return a list that tells whether it did."""
    raised: list[str] = []

    def raises(*args: Any, **kwargs: Any) -> Any:
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


JSON_BODY = b'{"user": {"password": "%s"}, "items": [1, 2]}' % CANARY.encode()
FORM_BODY = f"password={CANARY}&x=1".encode()
CALLS: list[tuple[str, str, bytes, bytes]] = [
    ("POST", "/s/echo", b"application/json", JSON_BODY),
    ("POST", "/s/echo", b"application/x-www-form-urlencoded", FORM_BODY),
    ("POST", "/s/echo", b"text/plain", f"Authorization: Bearer {CANARY}\n".encode()),
    ("POST", "/s/echo", b"", JSON_BODY),
    ("POST", "/s/broken", b"application/json", JSON_BODY),
    ("GET", "/s/stream", b"", b""),
    ("GET", "/s/late", b"", b""),
    ("GET", "/s/nothing", b"", b""),
]


def answers(log: IntegrationLogger | None) -> list[Any]:
    """Make each call; return all that the server got, exceptions included."""
    app = host(log)
    got: list[Any] = []
    for method, target, kind, body in CALLS:
        headers = [(b"authorization", f"Bearer {CANARY}".encode()), (b"cookie", f"session={CANARY}".encode())]
        call = Server(
            method, f"{target}?token={CANARY}", [*headers, *([(b"content-type", kind)] if kind else [])], body
        )
        try:
            call.run(app)
        except ValueError as error:
            got.append(repr(error))
        got.append(call.sent)
    return got


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


ALONE = answers(None)
SHARED = Redactor()


def test_the_canary_is_masked_where_nothing_fails(tmp_path: Path) -> None:
    """Without faults every call is recorded whole, and the canary is nowhere."""
    log = make(tmp_path, SHARED)
    assert answers(log) == ALONE
    health = log.health()
    assert health.captured == len(CALLS) + 1
    assert (health.failed, health.redaction_failed, health.labels_failed, health.dropped) == (0, 0, 0, {})
    finish(log, tmp_path)


@pytest.mark.parametrize("error", [RuntimeError, OSError])
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.module.__name__[19:]}:{target.label}")
def test_a_function_that_raises_is_counted_and_changes_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target, error: type[Exception]
) -> None:
    """The host's answers are byte for byte the same, the failure is in ``health()``, and no secret on any disk."""
    log = make(tmp_path, SHARED)
    with monkeypatch.context() as patch:
        raised = break_it(target, patch, error)
        got = answers(log)
    assert got == ALONE
    if raised:
        health = log.health()
        counted = health.failed + health.redaction_failed + health.labels_failed + sum(health.dropped.values())
        assert counted or not health.durable or tells_of_it(target)
    finish(log, tmp_path)


def tells_of_it(target: Target) -> bool:
    """Whether an entry itself says that this could not be had."""
    return target.label == "_format_traceback"


def make(folder: Path, redactor: Redactor) -> IntegrationLogger:
    return IntegrationLogger(f"sqlite:///{folder}/log.db", ship=None, redact=redactor)


def finish(log: IntegrationLogger, folder: Path) -> None:
    """Ship what is on the spool, and look for the canary in all files before and after."""
    assert CANARY.encode() not in bytes_in(folder)
    log.close()
    shipping = IntegrationLogger(f"sqlite:///{folder}/log.db", redact=SHARED)
    shipping.flush()
    stored = bytes_in(folder)
    shipping.close()
    assert CANARY.encode() not in stored
    assert CANARY.encode() not in bytes_in(folder)


def run_by(function: Callable[[], object]) -> set[Any]:
    """Return the code of all Python functions that this one calls."""
    called: set[Any] = set()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: called.add(frame.f_code))
    try:
        function()
    finally:
        sys.setprofile(before)
    return called


def test_a_redactor_that_cannot_be_made_ready_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails while the scanner is built costs every entry its content, and the host nothing."""
    once = run_by(lambda: Redactor().redact(make_entry(), 100)) - run_by(lambda: SHARED.redact(make_entry(), 100))
    building = [target for target in TARGETS if code_of(vars(target.owner)[target.name]) in once]
    assert len(building) > 3
    for number, target in enumerate(building):
        folder = tmp_path / str(number)
        folder.mkdir()
        with monkeypatch.context() as patch:
            break_it(target, patch, RuntimeError)
            try:
                log = make(folder, Redactor())
            except RuntimeError:  # told to the developer, at start
                continue
            assert answers(log) == ALONE
        log.close()
        assert CANARY.encode() not in bytes_in(folder)
