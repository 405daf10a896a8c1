"""Calls that go out: what is recorded of them, by both libraries, sync and async."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from integration_logger import ConfigurationError, IntegrationLogger
from integration_logger.testing import RecordingLogger
from tests.adapters.clients import Library, calling, every_library
from tests.adapters.conftest import Recording


def answering(library: Library, *parts: bytes, status: int = 200, **options: Any) -> Any:
    return library.transport(lambda request: library.module.Response(status, content=library.parts(*parts), **options))


@every_library
def test_a_call_is_an_entry(library: Library, log: RecordingLogger) -> None:
    """Request and answer, headers as they were sent, times, and who it was."""
    transport = answering(library, b'{"ok":', b" true}", status=201, headers={"Content-Type": "application/json"})
    client = library.make(transport=transport)
    assert log.httpx(client) is client
    with calling(client) as caller:
        answer = caller.request("POST", "https://api.example.com:8443/v1/a?b=c", json={"a": 1}, headers={"X-One": "1"})
    assert answer.json() == {"ok": True}
    (entry,) = log.entries
    assert (entry.kind, entry.method, entry.url) == ("outbound", "POST", "https://api.example.com:8443/v1/a?b=c")
    assert (entry.host, entry.status_code, entry.status, entry.attempt) == (
        "api.example.com:8443", 201, "completed", 1,
    )  # fmt: skip
    assert entry.request is not None
    assert entry.response is not None
    assert json.loads(entry.request.body or b"") == {"a": 1}
    assert ("X-One", "1") in entry.request.headers
    assert (entry.response.body, entry.response.size, entry.response.truncated) == (b'{"ok": true}', 12, False)
    assert entry.first_byte is not None
    assert entry.duration is not None
    assert 0 < entry.first_byte <= entry.duration
    assert (entry.parent_id, entry.client_ip, entry.route) == (None, None, None)


@every_library
def test_an_entry_is_there_before_its_caller_knows(library: Library, log: RecordingLogger) -> None:
    """The last part has passed; that nothing follows is told to the caller when the entry is written."""
    found = []

    def answer(request: Any) -> Any:
        found.append(len(log.entries))
        return library.module.Response(200, content=library.parts(b"abc"))

    with calling(log.httpx(library.make(transport=library.transport(answer)))) as caller:
        for _ in range(3):
            caller.get("http://a.example/")
            found.append(len(log.entries))
    assert found == [0, 1, 1, 2, 2, 3]


@every_library
def test_content_codings_are_undone_for_the_log_alone(library: Library, log: RecordingLogger) -> None:
    """The caller who asks for raw bytes gets them raw; the entry has the text, the size is that of the wire."""
    coded = gzip.compress(b'{"name": "Ana"}')
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    with calling(log.httpx(library.make(transport=answering(library, coded, headers=headers)))) as caller:
        assert caller.stream("GET", "http://a.example/") == [coded]
        assert caller.get("http://a.example/").json() == {"name": "Ana"}
        caller.request("POST", "http://a.example/", content=coded, headers=headers)
    for entry in log.entries:
        assert entry.response is not None
        assert (entry.response.body, entry.response.size) == (b'{"name": "Ana"}', len(coded))
    assert entry.request is not None
    assert (entry.request.body, entry.request.size) == (b'{"name": "Ana"}', len(coded))


@every_library
def test_answers_that_were_read_already(library: Library, log: RecordingLogger) -> None:
    """A transport may answer from memory: its bytes as they are, or as a cache has decoded them."""
    coded = gzip.compress(b"hello")
    headers = {"content-encoding": "gzip", "content-type": "text/plain"}

    def from_cache(request: Any) -> Any:
        if request.url.path == "/memory":
            return library.module.Response(200, content=coded, headers=headers)
        answer = library.module.Response(200, content=_once(coded), headers=headers)
        answer.read()
        return answer

    with calling(log.httpx(library.make(transport=library.transport(from_cache)))) as caller:
        for path in ("memory", "cache") if not library.is_async else ("memory",):
            assert caller.get(f"http://a.example/{path}").text == "hello"
    for entry in log.entries:
        assert entry.response is not None
        assert (entry.response.body, entry.response.truncated) == (b"hello", False)
    assert len(log.entries) == (1 if library.is_async else 2)


@every_library
def test_answers_that_were_closed_unread(library: Library, log: RecordingLogger) -> None:
    """A transport that hands out what it has closed: its caller is told so, the entry says that nobody read it."""

    def close(request: Any) -> Any:
        answer = library.module.Response(200, content=library.parts(b"abc"), headers={"content-length": "3"})
        answer.is_closed = True
        return answer

    with (
        calling(log.httpx(library.make(transport=library.transport(close)))) as caller,
        pytest.raises(library.module.StreamClosed),
    ):
        caller.get("http://a.example/")
    (entry,) = log.entries
    assert entry.response is not None
    assert (entry.status_code, entry.response.omitted, entry.response.size) == (200, "unread", 3)


def _once(data: bytes) -> Any:
    yield data


@every_library
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 101), ("GET", 204), ("GET", 304), ("DELETE", 200)]
)
def test_answers_without_a_body(library: Library, method: str, status: int, log: RecordingLogger) -> None:
    """What has no body is no body left out."""
    transport = answering(library, status=status, headers={"content-length": "0" if method != "HEAD" else "12"})
    with calling(log.httpx(library.make(transport=transport))) as caller:
        caller.request(method, "http://a.example/")
    (entry,) = log.entries
    assert entry.request is not None
    assert entry.response is not None
    for message in (entry.request, entry.response):
        assert (message.body, message.size, message.omitted, message.truncated) == (None, 0, None, False)


@every_library
def test_bodies_are_bounded(library: Library, recorded: Recording) -> None:
    """The first bytes are kept, both ways, and the true size."""
    log = recorded(max_body=10)
    transport = answering(library, *[b"x" * 1000] * 100, headers={"content-type": "text/plain"})
    with calling(log.httpx(library.make(transport=transport))) as caller:
        caller.request("POST", "http://a.example/", content=library.parts(*[b"y" * 1000] * 50))
    (entry,) = log.entries
    for message, size, letter in ((entry.request, 50_000, b"y"), (entry.response, 100_000, b"x")):
        assert message is not None
        assert (message.size, message.truncated, message.body) == (size, True, letter * 10)


@every_library
def test_options(library: Library, log: RecordingLogger) -> None:
    """Which calls, which labels, and whether bodies are kept."""
    client = log.httpx(
        library.make(transport=answering(library, b"abc")),
        include=["*.example.com/*", "localhost:*"],
        exclude=["*/health"],
        labels=lambda request: {"integration": request.url.host, "first": "yes"},
        bodies=False,
    )
    urls = ["http://a.example.com/x?y", "https://localhost:8/", "http://a.example.com/health", "http://b.example.org/"]
    with calling(client) as caller:
        for url in urls:
            caller.request("POST", url, content=b"abc")
    assert [entry.url for entry in log.entries] == urls[:2]
    for entry in log.entries:
        assert (entry.integration, entry.labels) == ((entry.host or "").partition(":")[0], {"first": "yes"})
        assert entry.request is not None
        assert entry.response is not None
        assert (entry.request.size, entry.request.omitted) == (3, "off")
        assert (entry.response.size, entry.response.omitted) == (3, "off")


@every_library
def test_credentials_are_masked(library: Library, log: RecordingLogger) -> None:
    """In userinfo, headers, cookies, query and bodies, both ways."""
    secret = "hunter2-hunter2"
    headers = {"set-cookie": f"session={secret}", "content-type": "application/json"}
    transport = answering(library, json.dumps({"access_token": secret}).encode(), headers=headers)
    with calling(log.httpx(library.make(transport=transport))) as caller:
        caller.request(
            "POST",
            f"http://ana:{secret}@a.example/?api_key={secret}",
            json={"password": secret},
            headers={"X-Api-Key": secret, "Cookie": f"id={secret}", "Authorization": f"Bearer {secret}"},
        )
    (entry,) = log.entries
    assert "hunter2" not in repr(entry)
    assert len(entry.redacted) >= 7


@every_library
def test_calls_under_way_are_told(library: Library, log: RecordingLogger) -> None:
    """Between begin and end a call is among those under way, as the log browser shows them."""
    told = []

    def answer(request: Any) -> Any:
        (capture,) = log.recorder.under_way.values()
        told.append(log.recorder.so_far(capture))
        return library.module.Response(200)

    with calling(log.httpx(library.make(transport=library.transport(answer)))) as caller:
        caller.get("http://a.example/x")
    assert log.recorder.under_way == {}
    assert [(entry.kind, entry.status, entry.url) for entry in told] == [
        ("outbound", "processing", "http://a.example/x")
    ]


def test_what_was_thrown_away_unread_is_recorded(log: RecordingLogger) -> None:
    """An answer that nobody closes is an entry when it is forgotten."""
    import httpx

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=_once(b"abc")))
    with log.httpx(httpx.Client(transport=transport)) as client:
        answer = client.send(client.build_request("GET", "http://a.example/"), stream=True)
        assert log.entries == []
        del answer.stream
        (entry,) = log.entries
    assert (entry.status_code, entry.response and entry.response.omitted) == (200, "unread")


@every_library
def test_nothing_is_recorded_without_a_store(library: Library) -> None:
    """The client is the same and untouched."""
    log = IntegrationLogger(None)
    client = library.make(transport=answering(library, b"abc"))
    before = dict(vars(client))
    assert log.httpx(client) is client
    assert vars(client) == before
    inner = answering(library)
    assert log.transport(inner) is inner
    undo = log.instrument_httpx()
    undo()
    with calling(client) as caller:
        assert caller.get("http://a.example/").content == b"abc"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"labels": {"a": "b"}}, "labels takes a callable"),
        ({"bodies": 1}, "bodies takes True or False"),
        ({"propagate": "yes"}, "propagate takes True or False"),
        ({"include": "api.example.com/*"}, "include takes a list"),
    ],
    ids=["labels", "bodies", "propagate", "include"],
)
def test_wrong_options_are_refused(options: Any, told: str) -> None:
    """Where the logger is installed, even if nothing is recorded."""
    import httpx

    log = IntegrationLogger(None)
    with httpx.Client() as client:
        for install in (lambda: log.httpx(client, **options), lambda: log.transport(client._transport, **options)):
            with pytest.raises(ConfigurationError, match=told):
                install()
    with pytest.raises(ConfigurationError, match=told):
        log.instrument_httpx(**options)


@pytest.mark.parametrize("wrong", [None, "client", 7, object()], ids=["None", "text", "number", "object"])
def test_what_is_no_client_is_refused(wrong: Any, log: RecordingLogger) -> None:
    """In one sentence that says what is taken."""
    with pytest.raises(ConfigurationError, match="takes a client of httpx or httpx2"):
        log.httpx(wrong)
    with pytest.raises(ConfigurationError, match="takes a transport of httpx or httpx2"):
        log.transport(wrong)
