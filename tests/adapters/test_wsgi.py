"""What an entry says of a plain call that comes in by WSGI, and that the host does not notice."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import pytest

from integration_logger.context import current
from integration_logger.testing import RecordingLogger
from tests.adapters.conftest import Recording
from tests.adapters.gateway import TEXT, Gateway, answer

JSON = ("Content-Type", "application/json")


def test_an_entry_tells_the_call(log: RecordingLogger) -> None:
    """Method, address, status, times, peers, headers and bodies of both halves are what passed."""
    before = datetime.now(UTC)
    given, wanted = b'{"id": 1}', b'{"ok":true}'
    call = Gateway("POST", "/orders?page=2&q=a%20b", [JSON, ("X-Shop", "one")], given)
    call.check(log.wsgi(answer("201 Created", [JSON, ("X-Order", "7"), ("X-Order", "8")], wanted)))
    assert (call.status, call.body) == (201, wanted)
    (entry,) = log.entries
    assert (entry.kind, entry.status, entry.outcome, entry.status_code) == ("inbound", "completed", "success", 201)
    assert (entry.method, entry.url) == ("POST", "http://shop.example.com/orders?page=2&q=a%20b")
    assert (entry.host, entry.http_version, entry.client_ip) == ("shop.example.com", "1.1", "203.0.113.9")
    assert before <= entry.started_at <= datetime.now(UTC)
    assert entry.first_byte is not None
    assert entry.duration is not None
    assert 0 < entry.first_byte <= entry.duration < 10
    assert (entry.errors, entry.error_type, entry.has_errors, entry.traceback) == ((), None, False, None)
    assert entry.trace_id == entry.id.replace("-", "")
    assert entry.request is not None
    assert dict(entry.request.headers) == {
        "host": "shop.example.com", "x-shop": "one", "content-type": "application/json", "content-length": "9",
    }  # fmt: skip
    assert (entry.request.body, entry.request.size, entry.request.truncated) == (given, 9, False)
    assert entry.request.content_type == "application/json"
    assert entry.response is not None
    assert entry.response.headers == (("Content-Type", "application/json"), ("X-Order", "7"), ("X-Order", "8"))
    assert (entry.response.body, entry.response.size, entry.response.omitted) == (wanted, 11, None)


@pytest.mark.parametrize(
    ("changes", "host", "url"),
    [
        ({}, "shop.example.com", "http://shop.example.com/a"),
        ({"wsgi.url_scheme": "https"}, "shop.example.com", "https://shop.example.com/a"),
        ({"HTTP_HOST": "ana:pw@shop.example.com"}, "shop.example.com", "http://shop.example.com/a"),
        ({"HTTP_HOST": None}, "127.0.0.1:8000", "http://127.0.0.1:8000/a"),
        ({"HTTP_HOST": None, "SERVER_NAME": "::1"}, "[::1]:8000", "http://[::1]:8000/a"),
        ({"HTTP_HOST": None, "SERVER_NAME": "/tmp/a.sock", "SERVER_PORT": ""}, None, "/a"),
        ({"SCRIPT_NAME": "/shop"}, "shop.example.com", "http://shop.example.com/shop/a"),
        ({"PATH_INFO": "/caf\xc3\xa9 1"}, "shop.example.com", "http://shop.example.com/caf%C3%A9%201"),
        ({"RAW_URI": "/a%2Fb?x=%20"}, "shop.example.com", "http://shop.example.com/a%2Fb?x=%20"),
        ({"REQUEST_URI": "//evil/../a?x"}, "shop.example.com", "http://shop.example.com//evil/../a?x"),
        ({"RAW_URI": "http://other.example.com/a"}, "shop.example.com", "http://shop.example.com/a"),
    ],
)
def test_the_address_is_the_one_that_was_asked_for(
    log: RecordingLogger, changes: dict[str, Any], host: str | None, url: str
) -> None:
    """Host and URL come from the Host header and the raw target where the server tells it, else from the path."""
    Gateway(target="/a", **changes).run(log.wsgi(answer(checked=False)))
    (entry,) = log.entries
    assert (entry.host, entry.url) == (host, url)


@pytest.mark.parametrize("peer", ["", None])
def test_a_peer_without_an_address_is_nobody(log: RecordingLogger, peer: str | None) -> None:
    """Over a Unix socket there is no client address."""
    Gateway(REMOTE_ADDR=peer).check(log.wsgi(answer()))
    assert log.entries[0].client_ip is None


def test_forwarded_headers_count_from_trusted_proxies(recorded: Recording) -> None:
    """Behind a trusted proxy the client is the one that it names."""
    log = recorded(trusted_proxies=["203.0.113.0/24"])
    Gateway(headers=[("X-Forwarded-For", "198.51.100.7")]).check(log.wsgi(answer()))
    assert log.entries[0].client_ip == "198.51.100.7"


def test_an_answer_from_the_app_alone_is_the_same_with_us(log: RecordingLogger) -> None:
    """Status, headers and every piece of the body are the app's own."""
    chunks = [b"a", b"", b"bc"]
    app = answer("202 Accepted", [TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=\xe9")], *chunks)
    alone, call = Gateway().check(app), Gateway().check(log.wsgi(app))
    assert (call.status, call.headers, call.sent) == (alone.status, alone.headers, alone.sent)


def test_one_piece_stays_a_list(log: RecordingLogger) -> None:
    """A server that derives Content-Length from a list of one gets that list."""
    wanted = [b"hello"]

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT])
        return wanted

    call = Gateway().run(log.wsgi(app))
    assert call.answer is wanted
    assert log.entries[0].response is not None
    assert log.entries[0].response.body == b"hello"


def test_scenario_14_no_piece_is_held_back(log: RecordingLogger) -> None:
    """Each piece is with the client before the app makes the next one."""
    happened: list[bytes | None] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT])
        for number in range(3):
            assert len(happened) == number
            yield b"%d" % number

    Gateway(on_send=happened.append).check(log.wsgi(app))
    assert happened == [b"0", b"1", b"2", None]
    assert log.entries[0].response is not None
    assert log.entries[0].response.body == b"012"


def test_scenario_14_written_by_hand(log: RecordingLogger) -> None:
    """What an app gives to ``write`` is part of its answer, before what it returns."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [TEXT])
        write(b"one ")
        write(b"two ")
        return [b"three"]

    call = Gateway().check(log.wsgi(app))
    assert call.body == b"one two three"
    (entry,) = log.entries
    assert entry.response is not None
    assert (entry.response.body, entry.response.size, entry.status) == (b"one two three", 13, "completed")


def test_context_variables_pass_both_ways(log: RecordingLogger) -> None:
    """The app runs in the context of its server's thread, and leaves nothing of the log behind in it."""
    outer: ContextVar[str] = ContextVar("outer", default="-")
    inner: ContextVar[str] = ContextVar("inner", default="-")

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT])
        inner.set(f"{outer.get()} and inside")
        yield b""

    outer.set("outside")
    Gateway().check(log.wsgi(app))
    assert inner.get() == "outside and inside"
    assert current.get() is None


def test_the_current_call_is_known_wherever_its_code_runs(log: RecordingLogger) -> None:
    """``log.current()`` is the call in the app, in each piece of its answer, in another thread, and at its end."""

    class Answer:
        def __iter__(self) -> Iterator[bytes]:
            log.current().label(iter="yes")
            yield b"a"
            log.current().label(second="yes")
            yield b"b"

        def close(self) -> None:
            assert current.get() is not None

    def app(environ: Any, start_response: Any) -> Any:
        log.current().label(app="yes")
        start_response("200 OK", [TEXT])
        return Answer()

    call = Gateway()
    answer = log.wsgi(app)(call.environ, call.start_response)
    assert current.get() is None
    thread = threading.Thread(target=lambda: [*answer])
    thread.start()
    thread.join()
    answer.close()  # type: ignore[attr-defined]
    assert current.get() is None
    (entry,) = log.entries
    assert entry.labels == {"app": "yes", "iter": "yes", "second": "yes"}


def test_calls_in_many_threads_do_not_mix(log: RecordingLogger) -> None:
    """Calls under way at once, whose answers are read in turn, keep each its own bodies and labels."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        number = environ["wsgi.input"].read(10).decode()
        log.current().label(number=number)
        start_response("200 OK", [TEXT])
        yield b"<"
        log.current().label(again=number)
        yield f"{number}>".encode()

    def read(number: int) -> Iterator[None]:
        call = Gateway("POST", f"/{number}", [TEXT], str(number).encode())
        answer = log.wsgi(app)(call.environ, call.start_response)
        for _ in answer:
            yield
        answer.close()  # type: ignore[attr-defined]

    under_way = [read(number) for number in range(50)]
    while under_way:
        under_way = [call for call in under_way if next(call, "ended") is None]
    assert len(log.entries) == 50
    for entry in log.entries:
        number = entry.labels["number"]
        assert entry.labels["again"] == number
        assert entry.url == f"http://shop.example.com/{number}"
        assert entry.request is not None
        assert entry.request.body == str(number).encode()
        assert entry.response is not None
        assert entry.response.body == f"<{number}>".encode()
        assert entry.parent_id is None


def test_binary_bodies_are_counted_and_not_kept(log: RecordingLogger) -> None:
    """Of a file only its type and size are recorded."""
    png = ("Content-Type", "image/png")
    Gateway("PUT", "/", [png], b"\x89PNG" * 100).check(log.wsgi(answer("200 OK", [png], b"\x89PNG", b"1234")))
    (entry,) = log.entries
    assert entry.request is not None
    assert (entry.request.body, entry.request.size, entry.request.omitted) == (None, 400, "binary")
    assert entry.response is not None
    assert (entry.response.body, entry.response.size, entry.response.omitted) == (None, 8, "binary")


def test_headers_that_are_no_ascii_are_kept_as_bytes(log: RecordingLogger) -> None:
    """Names and values pass as the server and the app have them."""
    Gateway(headers=[("X-Name", "caf\xe9"), ("User-Agent", "x" * 65536)]).check(
        log.wsgi(answer("200 OK", [TEXT, ("X-Name", "caf\xe9")], b""))
    )
    (entry,) = log.entries
    assert entry.request is not None
    assert dict(entry.request.headers)["x-name"] == "caf\xe9"
    assert entry.response is not None
    assert dict(entry.response.headers)["X-Name"] == "caf\xe9"


def test_environ_as_the_app_changes_it(log: RecordingLogger) -> None:
    """The entry has the address that came, whatever a mount makes of it for the app within."""

    def app(environ: Any, start_response: Any) -> Any:
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/shop", "/a"
        environ["HTTP_HOST"] = "inner"
        return answer(checked=False)(environ, start_response)

    Gateway(target="/shop/a").check(log.wsgi(app))
    assert log.entries[0].url == "http://shop.example.com/shop/a"
