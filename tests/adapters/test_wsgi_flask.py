"""A Flask host: the route's template, streams, uploads, errors, and what its clients see."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from django.urls import path
from flask import Flask, Response, abort, current_app, request, send_file, stream_with_context
from flask.typing import ResponseReturnValue
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from integration_logger.testing import RecordingLogger
from tests.adapters.conftest import Recording


def order(number: int) -> ResponseReturnValue:
    return {"number": number, "got": request.get_json(silent=True), "form": request.form}


def upload() -> ResponseReturnValue:
    return {name: len(file.read()) for name, file in request.files.items()}


def stream() -> ResponseReturnValue:
    log = current_app.extensions["log"]

    def chunks() -> Iterator[str]:
        for number in range(3):
            if log is not None:
                log.current().label(last=number)
            yield f"{request.args['word']} {number}\n"

    return Response(stream_with_context(chunks()), content_type="text/plain")


def file() -> ResponseReturnValue:
    return send_file(io.BytesIO(b"name;price\n"), mimetype="text/csv")


def broken() -> ResponseReturnValue:
    raise ValueError("broken")


def refused() -> ResponseReturnValue:
    abort(403)


def empty() -> ResponseReturnValue:
    return "", 204


def make(log: RecordingLogger | None) -> Flask:
    """Return a shop, with us or without."""
    app = Flask("shop")
    app.extensions["log"] = log
    app.add_url_rule("/orders/<int:number>", view_func=order, methods=["GET", "POST"])
    app.add_url_rule("/upload", view_func=upload, methods=["POST"])
    for view in (stream, file, broken, refused, empty):
        app.add_url_rule(f"/{view.__name__}", view_func=view)
    if log is not None:
        app.wsgi_app = log.wsgi(app.wsgi_app)  # type: ignore[method-assign]
    return app


FORM = b'--x\r\ncontent-disposition: form-data; name="f"; filename="a.txt"\r\n\r\n%s\r\n--x--\r\n' % (b"x" * 1000)
CALLS: list[tuple[str, str, dict[str, Any], str | None, int]] = [
    # method, target, arguments of the client, the route's template, status
    ("GET", "/orders/7", {}, "/orders/<int:number>", 200),
    ("HEAD", "/orders/7", {}, "/orders/<int:number>", 200),
    ("POST", "/orders/7", {"json": {"a": 1}}, "/orders/<int:number>", 200),
    ("POST", "/orders/7", {"data": {"a": "1"}}, "/orders/<int:number>", 200),
    ("POST", "/upload", {"data": FORM, "content_type": "multipart/form-data; boundary=x"}, "/upload", 200),
    ("GET", "/stream?word=a", {}, "/stream", 200),
    ("GET", "/file", {}, "/file", 200),
    ("GET", "/broken", {}, "/broken", 500),
    ("GET", "/refused", {}, "/refused", 403),
    ("GET", "/empty", {}, "/empty", 204),
    ("GET", "/nothing", {}, None, 404),
    ("DELETE", "/orders/7", {}, None, 405),
]


@pytest.mark.parametrize(("method", "target", "arguments", "route", "status"), CALLS)
def test_a_call_is_recorded_with_its_route(
    log: RecordingLogger, method: str, target: str, arguments: dict[str, Any], route: str | None, status: int
) -> None:
    """Each call has one entry with the template of its route, and its client sees what it sees without us."""
    answers = []
    for app in (make(None), make(log)):
        answer = app.test_client().open(target, method=method, buffered=True, **arguments)
        answers.append((answer.status, [pair for pair in answer.headers if pair[0] != "Date"], answer.data))
    assert answers[0] == answers[1]
    (entry,) = log.entries
    assert (entry.route, entry.status_code, entry.method) == (route, status, method)
    assert entry.status == ("completed" if status < 400 else "failed")


def test_a_stream_with_its_context(log: RecordingLogger) -> None:
    """A generator that still sees the request labels its call while it is sent."""
    answer = make(log).test_client().get("/stream?word=a")
    assert answer.data == b"a 0\na 1\na 2\n"
    (entry,) = log.entries
    assert entry.labels == {"last": "2"}
    assert entry.response is not None
    assert entry.response.body == answer.data


def test_a_stream_that_its_client_leaves(log: RecordingLogger) -> None:
    """An answer that is closed before its end is a client that has left."""
    answer = make(log).test_client().get("/stream?word=a")
    assert next(answer.iter_encoded()) == b"a 0\n"
    answer.close()
    (entry,) = log.entries
    assert (entry.error_type, entry.status_code) == ("disconnect", 200)


def test_a_part_of_several(log: RecordingLogger) -> None:
    """Mounted below others, and wrapped outermost, the template is that of the application that answers."""
    app = log.wsgi(DispatcherMiddleware(make(None), {"/shop": make(None)}))
    assert Client(app).get("/shop/orders/7").status_code == 200
    (entry,) = log.entries
    assert (entry.url, entry.route) == ("http://localhost/shop/orders/7", "/orders/<int:number>")


@pytest.mark.parametrize("handled", [False, True], ids=["its page", "the host's page"])
def test_an_exception_that_flask_answers_is_in_the_entry(
    log: RecordingLogger, recorded: Recording, handled: bool
) -> None:
    """With its text and traceback, beside the page that the client got, for each of the loggers around."""
    other = recorded()
    app = make(log)
    app.wsgi_app = other.wsgi(app.wsgi_app)  # type: ignore[method-assign]
    if handled:
        app.register_error_handler(500, lambda error: ("sorry", 500))
    client = app.test_client()
    page = client.get("/broken").data
    client.get("/orders/7")
    for entries in (log.entries, other.entries):
        entry, after = entries
        assert (entry.error_type, entry.phase, entry.errors) == ("exception", "wait", ("ValueError: broken",))
        assert 'raise ValueError("broken")' in (entry.traceback or "")
        assert entry.response is not None
        assert entry.response.body == page
        assert (after.status, after.errors, after.traceback) == ("completed", (), None)


@pytest.mark.filterwarnings("ignore:starlette.middleware.wsgi is deprecated")
def test_an_exception_in_a_mounted_part_is_in_the_entry(log: RecordingLogger) -> None:
    """Where Flask is a part of an ASGI application, which is what is recorded."""
    from starlette.middleware.wsgi import WSGIMiddleware

    app = log.asgi(Starlette(routes=[Mount("/old", WSGIMiddleware(make(None)))]))
    with TestClient(app) as client:
        assert [client.get(f"/old/{name}").status_code for name in ("broken", "refused")] == [500, 403]
    broken, refused = log.entries
    assert (broken.error_type, broken.errors) == ("exception", ("ValueError: broken",))
    assert 'raise ValueError("broken")' in (broken.traceback or "")
    assert (refused.error_type, refused.errors) == ("http_4xx", ())


def test_what_the_host_makes_of_an_exception_counts(log: RecordingLogger) -> None:
    """Where a handler answers for it, the call ends as that says."""
    app = make(log)
    app.register_error_handler(ValueError, lambda error: ("sorry", 409))
    app.register_error_handler(500, lambda error: ("all is well", 200))
    app.add_url_rule("/worse", view_func=lambda: {}["nothing"])
    for target in ("/broken", "/worse"):
        app.test_client().get(target)
    assert [(entry.status_code, entry.status, entry.errors) for entry in log.entries] == [
        (409, "failed", ()), (200, "completed", ()),
    ]  # fmt: skip


def test_an_exception_that_django_answers_is_in_the_entry(log: RecordingLogger) -> None:
    """As Flask's; a page that is not found is no exception."""
    if not settings.configured:
        settings.configure(SECRET_KEY="of the shop", ROOT_URLCONF=(), ALLOWED_HOSTS=["*"])

    def view(request: Any) -> Any:
        raise LookupError("no such order")

    with override_settings(ROOT_URLCONF=(path("broken", view),), ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None):
        client = Client(log.wsgi(get_wsgi_application()))
        assert [client.get(target, buffered=True).status_code for target in ("/broken", "/else")] == [500, 404]
    broken, missing = log.entries
    assert (broken.error_type, broken.errors) == ("exception", ("LookupError: no such order",))
    assert 'raise LookupError("no such order")' in (broken.traceback or "")
    assert (missing.error_type, missing.errors) == ("http_4xx", ())


def test_an_exception_that_is_to_reach_the_server(log: RecordingLogger) -> None:
    """Where Flask passes an exception on, as it does while it is tested, the entry has its traceback."""
    app = make(log)
    app.testing = True
    with pytest.raises(ValueError, match="broken"):
        app.test_client().get("/broken")
    (entry,) = log.entries
    assert (entry.status_code, entry.error_type, entry.labels) == (500, "exception", {"status_inferred": "true"})
    assert entry.traceback is not None
