"""The log browser as a WSGI application: whole, in the host's own thread, and out of the way of the host's workers."""

from __future__ import annotations

import asyncio
import io
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urljoin
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from flask import Flask, session
from starlette.requests import Request
from starlette.responses import Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from integration_logger import ALL, IntegrationLogger, Principal, local_only
from integration_logger.errors import ConfigurationError
from integration_logger.stores.memory import MemoryStore
from integration_logger.testing import recording
from integration_logger.viewer import Viewer, WSGIViewer, poller
from integration_logger.viewer import loop as loop_module
from tests.deadlines import eventually
from tests.viewer.server import OWNER, new_entry, viewer
from tests.viewer.server import Client as ASGIClient


def call(app: Callable[..., Iterable[bytes]], path: str = "/", **environ: Any) -> tuple[str, dict[str, str], bytes]:
    """Call an app as a server does that insists on the rules."""
    path, _, query = path.partition("?")
    given: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": io.BytesIO()}
    given |= environ
    setup_testing_defaults(given)
    seen: list[Any] = []
    answer = validator(app)(given, lambda status, headers, exc_info=None: seen.append((status, headers)))
    try:
        body = b"".join(answer)
    finally:
        answer.close()  # type: ignore[attr-defined]
    ((status, headers),) = seen
    return status, {name.lower(): value for name, value in headers}, body


def events(text: str) -> list[str]:
    return re.findall(r"^event: (\w+)$", text, re.MULTILINE)


# --- the rules of WSGI --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_route_keeps_the_rules(store: MemoryStore, method: str) -> None:
    """Pages, API, stream, files and refusals pass the validator of the standard library."""
    entry = new_entry()
    store.write([entry])
    app = WSGIViewer(viewer(store))
    bodies = [f"/api/entries/{entry.id}/{part}" for part in ("request", "response", "curl", "related")]
    for path in (
        "/",
        f"/?entry={entry.id}",
        "/health",
        "/api/entries",
        "/api/stream",
        "/static/app.js",
        "/no",
        *bodies,
    ):
        status, headers, body = call(app, path, REQUEST_METHOD=method)
        assert status[:3] == ("404" if path == "/no" else "405" if method in ("POST", "OPTIONS") else "200"), path
        assert bool(body) == (method != "HEAD"), path
        assert headers["x-content-type-options"] == "nosniff"


def test_it_is_the_same_as_under_asgi(store: MemoryStore) -> None:
    """A page is the same, byte for byte, but for the ages on it."""
    store.write([new_entry() for _ in range(5)])
    app = viewer(store)
    for path in ("/api/entries", "/api/meta", "/static/app.js", "/api/entries?limit=0"):
        expected = ASGIClient(app).get(path)
        status, headers, body = call(WSGIViewer(app), path)
        assert (status, body) == (f"{expected.status_code} {expected.reason_phrase}", expected.content)
        assert headers == {**expected.headers}


@pytest.mark.parametrize(
    "environ",
    [
        {"CONTENT_LENGTH": "x"}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "9" * 5000},
        {"REMOTE_ADDR": "", "REMOTE_PORT": "x"}, {"SERVER_PORT": "80"},
        {"QUERY_STRING": "q=\xff\u1234"}, {"HTTP_COOKIE": "\u1234"}, {"PATH_INFO": "/\xff\xfe"},
        {"PATH_INFO": "", "SCRIPT_NAME": ""}, {"HTTP_LAST_EVENT_ID": "x", "PATH_INFO": "/api/stream"},
        {"SERVER_PROTOCOL": ""}, {"HTTP_HOST": "\x00"}, {"PATH_INFO": "/" + "a" * 100_000},
    ],
    ids=lambda environ: str(environ)[:50],
)  # fmt: skip
def test_whatever_a_server_gives_there_is_an_answer(store: MemoryStore, environ: dict[str, Any]) -> None:
    """A malformed environ raises nothing in the host."""
    given: dict[str, Any] = {"wsgi.input": io.BytesIO()} | environ
    setup_testing_defaults(given)
    seen: list[str] = []
    answer = WSGIViewer(viewer(store))(given, lambda status, headers: seen.append(status))
    assert b"".join(answer)
    assert seen[0][:3] in ("200", "307", "400", "404")


def test_a_failure_of_the_browser_stays_its_own(store: MemoryStore, caplog: pytest.LogCaptureFixture) -> None:
    """The host gets an answer of 500 and no exception."""

    class Broken(MemoryStore):
        def search(self, query: Any) -> Any:
            raise ZeroDivisionError

    status, _, body = call(WSGIViewer(viewer(Broken())), "/api/entries")
    assert status == "500 Internal Server Error"
    assert b"internal_error" in body
    assert "the log browser failed" in caplog.text


def test_the_request_is_read_by_the_hosts_thread_and_no_further_than_it_goes(store: MemoryStore) -> None:
    """What is sent arrives in pieces, up to Content-Length."""

    readers: set[int] = set()

    class Input(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            readers.add(threading.get_ident())
            return super().read(size)

    got: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            got.append(len(message["body"]))
            more = message["more_body"]
        await Response(b"ok", media_type="text/plain")(scope, receive, send)

    sent = Input(b"x" * 150_000 + b"next request")
    app_wsgi = WSGIViewer(app)  # type: ignore[arg-type]
    assert call(app_wsgi, REQUEST_METHOD="POST", CONTENT_LENGTH="150000", **{"wsgi.input": sent})[2] == b"ok"
    assert got == [65536, 65536, 18928]
    assert readers == {threading.get_ident()}
    assert sent.read() == b"next request"


def test_who_leaves_ends_the_answer(store: MemoryStore) -> None:
    """A client that goes away stops what makes its answer."""
    ended = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        finally:
            ended.set()

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    answer = WSGIViewer(app)(environ, lambda status, headers: None)  # type: ignore[arg-type]
    assert [next(answer), next(answer)] == [b"x", b"x"]  # type: ignore[call-overload]
    answer.close()
    assert ended.wait(5)


# --- access -------------------------------------------------------------------------------------------


def test_access_is_decided_in_the_thread_and_context_of_the_host(store: MemoryStore) -> None:
    """``authorize`` finds the environ, and what the host has bound to its thread."""
    seen: list[Any] = []
    mine = threading.local()
    mine.user = "ana"

    def who(request: Request) -> Principal:
        seen.append((threading.get_ident(), request.scope["wsgi.environ"]["host.user"], mine.user))
        return OWNER

    app = WSGIViewer(Viewer(store, authorize=who))
    assert call(app, "/api/meta", **{"host.user": "bo"})[0] == "200 OK"
    assert seen == [(threading.get_ident(), "bo", "ana")]


@pytest.mark.parametrize("problem", [LookupError("x"), StopIteration(), None])
@pytest.mark.usefixtures("caplog")
def test_an_access_check_that_fails_shows_nothing(store: MemoryStore, problem: Exception | None) -> None:
    """Whatever it raises, and whatever else it returns, the answer is 500."""

    def who(request: Request) -> Any:
        if problem is not None:
            raise problem
        return "ana"

    status, _, body = call(WSGIViewer(Viewer(store, authorize=who)), "/api/entries")
    assert status[:3] == "500"
    assert b"authorize_failed" in body


def test_an_async_access_check_runs_on_the_loop(store: MemoryStore) -> None:
    """Hosts that share one check among ASGI and WSGI may."""

    async def who(request: Request) -> Principal:
        return OWNER

    assert call(WSGIViewer(Viewer(store, authorize=who)), "/api/meta")[0] == "200 OK"


def test_it_is_not_built_without_a_decision_about_access() -> None:
    """As under ASGI."""
    with recording() as log, pytest.raises(ConfigurationError, match="authorize="):
        log.viewer_wsgi(authorize=None)  # type: ignore[arg-type]


def test_the_token_of_local_only(store: MemoryStore) -> None:
    """It is taken from this machine and kept in a cookie for the place where the browser is mounted."""
    access = local_only()
    app = DispatcherMiddleware(Flask("host"), {"/logs": WSGIViewer(Viewer(store, authorize=access))})
    browser = Client(app)
    peer = {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "5"}
    assert browser.get("/logs/", environ_overrides=peer).status_code == 401
    answer = browser.get(f"/logs/?token={access.token}", environ_overrides=peer)
    assert answer.status_code == 303
    assert "Path=/logs" in answer.headers["set-cookie"]
    assert browser.get("/logs/", environ_overrides=peer).status_code == 200
    assert browser.get("/logs/", environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code == 401


# --- hosts --------------------------------------------------------------------------------------------


def flask_host(log: IntegrationLogger) -> Flask:
    """Return a shop whose own session says who may read its log."""
    app = Flask("shop")
    app.secret_key = "of the shop"

    @app.post("/login/<name>")
    def login(name: str) -> str:
        session["user"] = name
        return "ok"

    def who(request: Request) -> Principal | None:
        with app.request_context(request.scope["wsgi.environ"]):
            name = session.get("user")
        return Principal(name, role="owner", tenants=ALL) if name else None

    mounts = {"/logs": log.viewer_wsgi(authorize=who), "/a/b/logs": log.viewer_wsgi(authorize=who)}
    app.wsgi_app = log.wsgi(DispatcherMiddleware(app.wsgi_app, mounts))  # type: ignore[method-assign]
    return app


@pytest.mark.parametrize("place", ["/logs/", "/a/b/logs/"])
def test_in_flask_under_any_prefix(place: str) -> None:
    """Flask's session decides, every link of a page leads somewhere below the prefix, and nothing of it is recorded."""
    with recording() as log:
        browser = flask_host(log).test_client()
        assert browser.get(place).status_code == 401
        browser.post("/login/ana")
        (entry,) = log.entries
        without_slash = place.rstrip("/")
        assert urljoin(without_slash, browser.get(without_slash).headers["location"]) == place
        text = browser.get(f"{place}?entry={entry.id}").text
        found = {urljoin(place, link) for link in re.findall(r"""(?:href|src|action)="([^"#?]+)[?#"]""", text)}
        assert len(found) > 10
        for link in found:
            assert link.startswith(place)
            assert browser.get(link).status_code == 200, link
        assert browser.get(f"{place}api/meta").json["principal"]["name"] == "ana"  # type: ignore[index]
        assert [entry.url for entry in log.entries] == ["http://localhost/login/ana"]


def test_in_django() -> None:
    """Beside a Django host, which knows its users by the environ's cookies."""
    if not settings.configured:
        settings.configure(SECRET_KEY="of the shop", ROOT_URLCONF=(), ALLOWED_HOSTS=["*"])
    with recording() as log:
        logs = log.viewer_wsgi(authorize=lambda request: OWNER)
        browser = Client(log.wsgi(DispatcherMiddleware(get_wsgi_application(), {"/logs": logs})))
        assert browser.get("/elsewhere", buffered=True).status_code == 404
        (entry,) = log.entries
        assert [item["id"] for item in browser.get("/logs/api/entries").json["items"]] == [entry.id]  # type: ignore[index]


# --- live ---------------------------------------------------------------------------------------------


def test_a_tail_gets_what_is_there_and_ends(store: MemoryStore) -> None:
    """No worker is kept: the answer is complete, says when to ask again, and goes on from what was seen last."""
    app = WSGIViewer(viewer(store))
    store.write([new_entry() for _ in range(3)])
    text = call(app, "/api/stream")[2].decode()
    assert text.startswith("retry: 1000\n\n")
    assert events(text) == ["inflight"]
    position = re.findall(r"^id: (\d+)$", text, re.MULTILINE)[-1]
    store.write([new_entry() for _ in range(1500)])

    def asked() -> list[str]:
        text = call(app, "/api/stream", HTTP_LAST_EVENT_ID=position)[2].decode()
        return re.findall(r"^id: (\d+)$", text, re.MULTILINE)

    eventually(lambda: len(asked()) > 1)
    seen = asked()
    assert position == "3"
    assert seen == [*map(str, range(4, 1504)), "1503"]


def test_a_tail_stays_within_its_filters_and_scope(store: MemoryStore) -> None:
    """What a stream leaves out, a reader who polls does not get either."""
    principal = Principal("bo", role="supervisor", tenants=["acme"])
    app = WSGIViewer(viewer(store, principal))
    store.write([new_entry(tenant=t, status_code=c) for t in ("acme", "globex", None) for c in (200, 500)])
    text = call(app, "/api/stream?cursor=0&outcome=error", HTTP_ACCEPT="text/event-stream")[2].decode()
    assert events(text) == ["entry", "inflight"]
    assert "globex" not in text
    assert call(app, "/api/stream?tenant=globex")[0][:3] == "403"


def test_a_reader_whom_another_worker_has_shown_more(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has seen what this process has not looked at yet gets nothing again."""
    monkeypatch.setattr(poller, "POLL", 60.0)
    app = WSGIViewer(viewer(store))
    call(app, "/api/stream")
    store.write([new_entry() for _ in range(3)])
    assert events(call(app, "/api/stream", HTTP_LAST_EVENT_ID="2")[2].decode()) == ["entry", "inflight"]


# --- threads and forks --------------------------------------------------------------------------------


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that has not been asked yet."""
    monkeypatch.setattr(loop_module, "_loop", None)
    yield
    if (loop := loop_module._loop) is not None:
        loop.call_soon_threadsafe(loop.stop)
        eventually(lambda: not loop.is_running())
        loop.close()


@pytest.mark.usefixtures("anew")
def test_no_thread_before_the_first_request_and_one_after(store: MemoryStore) -> None:
    """It is made where an application is imported, before its server forks; there is one loop for all of a process."""
    before = threading.active_count()
    apps = [WSGIViewer(viewer(store)), WSGIViewer(viewer(store))]
    assert threading.active_count() == before
    for app in apps:
        call(app, "/static/app.js")
        call(app, "/static/app.js")
    assert [thread.name for thread in threading.enumerate()].count("integration-logger viewer") <= 2


def test_a_forked_child_has_a_loop_of_its_own(store: MemoryStore) -> None:
    """A process that has shown the log may fork; the child shows it, and the parent goes on."""
    app = WSGIViewer(viewer(store))
    call(app, "/api/meta")
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.write(writer, call(app, "/api/meta")[0].encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as said:
        assert said.read() == "200 OK"
    assert call(app, "/api/meta")[0] == "200 OK"


@pytest.mark.usefixtures("anew")
def test_no_thread_left_for_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request fails at once, and the next one tries again instead of waiting for ever."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="new thread"):
                loop_module.event_loop()
    loop = loop_module.event_loop()
    assert asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "alive"), loop).result(10) == "alive"
