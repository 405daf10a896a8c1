"""Hostile and unusual input: the host's bytes do not change, and the entry is recorded all the same."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from integration_logger import IntegrationLogger
from integration_logger.entry import Entry
from integration_logger.query import EVERYTHING, Query
from integration_logger.redaction import Redactor
from integration_logger.testing import RecordingLogger
from tests.adapters.server import Server, answer
from tests.postgresql import fresh_database

TEXT = (b"content-type", b"text/plain")


def test_headers_reach_the_client_byte_for_byte(log: RecordingLogger) -> None:
    """Two cookies, foreign bytes, capitals and order stay; the entry keeps each of them, the cookies masked."""
    headers = [
        (b"Set-Cookie", b"session=abcdef0123456789; Path=/"),
        (b"X-Name", "caf\xe9".encode("latin-1")),
        (b"set-cookie", b"theme=dark0123456789"),
        (b"x-name", b"\xff\x00\xfe"),
        (b"x-empty", b""),
    ]
    call = Server().run(log.asgi(answer(200, headers, b"hello")))
    assert call.start["headers"] == headers
    response = log.entries[0].response
    assert response is not None
    assert [name for name, _ in response.raw_headers] == [name for name, _ in headers]
    assert response.headers[1] == ("X-Name", "caf\xe9")
    assert response.headers[3] == ("x-name", "\xff\x00\xfe")
    assert "abcdef0123456789" not in repr(response)
    assert "dark0123456789" not in repr(response)


class Once:
    """Headers that can be read one time, as the protocol allows."""

    def __init__(self, pairs: list[tuple[bytes, bytes]]) -> None:
        self.pairs = iter(pairs)

    def __iter__(self) -> Any:
        return self.pairs


@pytest.mark.parametrize("wrap", [Once, iter, tuple, lambda pairs: [[*pair] for pair in pairs]])
def test_headers_may_be_anything_that_can_be_iterated_over(log: RecordingLogger, wrap: Any) -> None:
    """Headers of both halves that can be read only once are still there for the app and the server."""
    given = [(b"host", b"shop.example.com"), (b"x-given", b"1"), (b"content-length", b"2")]
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend([tuple(pair) for pair in scope["headers"]])
        await receive()
        start = {"type": "http.response.start", "status": 200, "headers": wrap([TEXT, (b"x-answer", b"2")])}
        await send(start)
        await send({"type": "http.response.body", "body": b"hello"})

    call = Server("POST", body=b"hi")
    call.scope["headers"] = wrap(given)
    call.run(log.asgi(app))
    assert seen == given
    assert [tuple(pair) for pair in call.start["headers"]] == [TEXT, (b"x-answer", b"2")]
    (entry,) = log.entries
    assert entry.host == "shop.example.com"
    assert entry.request is not None
    assert entry.request.headers == tuple((n.decode(), v.decode()) for n, v in given)
    assert entry.response is not None
    assert entry.response.headers == (("content-type", "text/plain"), ("x-answer", "2"))


@pytest.mark.parametrize("name", [b"Content-Type", b"CONTENT-TYPE", b"content-Type"])
def test_an_app_may_write_its_headers_in_capitals(log: RecordingLogger, name: bytes) -> None:
    """Length, type and coding of an answer are understood however they are written."""
    headers = [(name, b"image/png"), (b"Content-Length", b"4")]
    counts: list[int] = []
    Server(on_send=lambda message: counts.append(len(log.entries))).run(log.asgi(answer(200, headers, b"\x89PNG", b"")))
    assert counts == [0, 1, 1]
    response = log.entries[0].response
    assert response is not None
    assert (response.omitted, response.content_type) == ("binary", "image/png")


def test_capitals_in_the_request_are_no_obstacle(log: RecordingLogger) -> None:
    """A server that does not lower the names of headers gets its answer, and secrets are masked nevertheless."""
    call = Server("POST", body=b"hi")
    call.scope["headers"] = [(b"Host", b"shop"), (b"AUTHORIZATION", b"Bearer c0ffee-c0ffee-c0ffee")]
    assert call.run(log.asgi(answer(200, (), b"hello"))).body == b"hello"
    assert "c0ffee" not in repr(log.entries)


HOSTILE: dict[str, dict[str, Any]] = {
    "a path of 20,000 characters": {"target": "/" + "a" * 20_000},
    "a query of 64 KB": {"target": "/?q=" + "b" * 65_536},
    "a header of 64 KB": {"headers": [(b"x-long", b"c" * 65_536)]},
    "a thousand headers": {"headers": [(b"x-%d" % n, b"v") for n in range(1000)]},
    "a long content type": {"headers": [(b"content-type", b"text/plain; x=" + b"d" * 65_536)], "body": b"hi"},
    "a length of 5,000 digits": {"headers": [(b"content-length", b"9" * 5000)]},
    "NUL in the path": {"path": "/a\0b", "raw_path": b"/a\0b"},
    "NUL without a raw path": {"path": "/a\0b", "raw_path": None},
    "NUL in a header": {"headers": [(b"x-nul", b"a\0b")]},
    "NUL in the body": {"headers": [TEXT], "body": b"a\0b"},
    "an emoji in the URL": {"path": "/\N{CAT FACE}", "raw_path": "/\N{CAT FACE}".encode()},
    "an emoji without a raw path": {"path": "/\N{CAT FACE}", "raw_path": None},
    "a lone surrogate in the path": {"path": "/a\ud800\udcff", "raw_path": None},
    "foreign bytes in the URL": {"raw_path": b"/\xff\xfe", "query_string": b"\xe9=\x80"},
    "foreign bytes in the host": {"headers": [(b"host", b"\xff\xfe")]},
    "a body of no charset": {"headers": [(b"content-type", b"text/plain; charset=nope")], "body": b"\xff\xfe\xfd"},
    "a body with surrogates": {"headers": [(b"content-type", b"application/json")], "body": b'"\\ud800"'},
    "a line break in the host": {"headers": [(b"host", b"a\r\nb")]},
    "no client": {"client": None},
    "a client without a port": {"client": ("/run/shop.sock", None)},
    "a client list": {"client": ["203.0.113.9", 1]},
    "no raw path": {"raw_path": None},
    "no query": {"query_string": None},
    "no version": {"http_version": None},
    "no scheme": {"scheme": None},
    "no server": {"server": None},
    "an empty path": {"path": "", "raw_path": b""},
    "an empty header name": {"headers": [(b"", b"")]},
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def on_disk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, redactor: Redactor) -> Any:
    path: Path = tmp_path_factory.mktemp("bytes")
    with fresh_database() if request.param == "postgresql" else nullcontext(f"sqlite:///{path}/log.db") as url:
        log = IntegrationLogger(url, spool=path / "spool", redact=redactor)
        yield log
        log.close()


@pytest.mark.parametrize("case", HOSTILE)
def test_scenario_13_hostile_input_is_answered_and_stored(on_disk: IntegrationLogger, case: str) -> None:
    """Whatever comes in, the answer is the app's, and the entry is in the store, to be found and looked at."""
    options = dict(HOSTILE[case])
    call = Server("POST", options.pop("target", "/"), options.pop("headers", ()), options.pop("body", b""))
    call.scope |= options
    call.scope = {name: value for name, value in call.scope.items() if value is not None}
    before = newest(on_disk)
    call.run(on_disk.asgi(answer(200, [(b"x-echo", b"1")], b"hello")))
    assert call.body == b"hello"
    assert on_disk.flush()
    found = newest(on_disk)
    assert found is not None
    assert before is None or found.id != before.id
    entry = on_disk.store.get(found.id, EVERYTHING)
    assert entry is not None
    assert entry.request is not None
    assert entry.response is not None
    assert (entry.status_code, entry.response.body) == (200, b"hello")
    assert [value for name, value in entry.request.headers] == [
        value.decode("latin-1") for _, value in call.scope.get("headers", ())
    ]
    health = on_disk.health()
    assert (health.failed, health.redaction_failed, health.rejected) == (0, 0, 0)


def newest(log: IntegrationLogger) -> Entry | None:
    log.store.open()
    return next(iter(log.store.search(Query(scope=EVERYTHING, limit=1)).entries), None)


def test_scenario_13_a_long_address_and_header_are_kept_whole(log: RecordingLogger) -> None:
    """Long is not wrong: nothing is cut but bodies."""
    Server(target="/" + "a" * 20_000, headers=[(b"x-long", b"c" * 65_536)]).run(log.asgi(answer()))
    (entry,) = log.entries
    assert entry.url is not None
    assert len(entry.url) > 20_000
    assert entry.request is not None
    assert len(entry.request.headers[-1][1]) == 65_536


ODD: list[Any] = [None, 5, "text", b"bytes", [], {}, object(), ("a",), [1, 2]]
KEYS = [
    "path", "raw_path", "query_string", "headers", "client", "server", "scheme", "method", "http_version",
    "root_path", "app_root_path", "path_params", "route", "fastapi", "integration_logger", "asgi",
]  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(KEYS), value=st.sampled_from(ODD), missing=st.booleans())
def test_a_scope_that_breaks_the_protocol_never_troubles_the_host(
    recorded: Any, key: str, value: Any, missing: bool
) -> None:
    """With any part of the scope missing or of the wrong type the app is called, and its answer passes."""
    log = recorded()
    call = Server("POST", headers=[TEXT], body=b"hello")
    call.scope[key] = value
    if missing:
        del call.scope[key]
    call.run(log.asgi(answer(200, [TEXT], b"hello")))
    assert call.body == b"hello"
    assert len(log.entries) + log.health().failed + log.health().rejected > 0


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["http.response.start", "http.response.body", "http.response.trailers", "odd", ""]),
    key=st.sampled_from(["type", "status", "headers", "body", "more_body", "trailers"]),
    value=st.sampled_from(ODD),
)
def test_a_message_that_breaks_the_protocol_is_passed_on(recorded: Any, kind: str, key: str, value: Any) -> None:
    """What the app sends reaches the server as it is, which is the one to refuse it."""
    log = recorded()
    message = {"type": kind, key: value}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(message)
        await PlainTextResponse("hello")(scope, receive, send)

    call = Server().run(log.asgi(app))
    assert call.sent[0] is message
    assert {**message, key: value} == {"type": kind, key: value}
    assert len(log.entries) + log.health().failed + log.health().rejected > 0
