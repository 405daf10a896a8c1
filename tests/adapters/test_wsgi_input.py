"""Reading a request's body through the WSGI adapter, in all ways in which applications do."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from werkzeug.wsgi import LimitedStream, get_input_stream

from integration_logger.testing import RecordingLogger
from tests.adapters.gateway import TEXT, App, Gateway

LINES = b"first line\nsecond line\nthird"
CHUNKED = ("Transfer-Encoding", "chunked")


def parts(stream: Any) -> bytes:
    return b"".join(iter(lambda: stream.read(7), b""))


def lines(stream: Any) -> bytes:
    return b"".join(iter(stream.readline, b""))


def short_lines(stream: Any) -> bytes:
    return b"".join(iter(lambda: stream.readline(4), b""))


def some_lines(stream: Any) -> bytes:
    return b"".join(b"".join(found) for found in iter(lambda: stream.readlines(5), []))


def into_a_buffer(stream: Any) -> bytes:
    buffer, found = bytearray(7), b""
    while size := stream.readinto(buffer):
        found += buffer[:size]
    return found


def one_by_one(stream: Any) -> bytes:
    return b"".join(iter(lambda: next(stream, b""), b""))


def as_text(stream: Any) -> bytes:
    return io.TextIOWrapper(stream, newline="").read().encode()


def at_once_into_a_buffer(stream: Any) -> bytes:
    buffer, found = bytearray(100), b""
    while size := stream.readinto1(buffer):
        found += buffer[:size]
    return found


def twice(stream: Any) -> bytes:
    stream.read(7)
    stream.seek(0)
    stream.read()
    stream.seek(-3, io.SEEK_END)
    stream.read(2)
    stream.seek(0)
    return bytes(stream.read())


def after_its_size(stream: Any) -> bytes:
    stream.seek(0, io.SEEK_END)
    assert stream.tell() == len(LINES)
    assert stream.seek(0) == 0
    return bytes(stream.read())


WAYS: dict[str, Callable[[Any], bytes]] = {
    "read()": lambda stream: stream.read(),
    "read(-1)": lambda stream: stream.read(-1),
    "read(None)": lambda stream: stream.read(None),
    "read(7)": parts,
    "readline()": lines,
    "readline(4)": short_lines,
    "readlines()": lambda stream: b"".join(stream.readlines()),
    "readlines(5)": some_lines,
    "iteration": lambda stream: b"".join(stream),
    "next": one_by_one,
    "readinto": into_a_buffer,
    "readinto1": at_once_into_a_buffer,
    "read1": lambda stream: b"".join(iter(lambda: stream.read1(7), b"")),
    "as text": as_text,
    "again from its beginning": twice,
    "after its size": after_its_size,
    "several ways": lambda stream: stream.read(3) + stream.read(0) + stream.readline() + b"".join(stream),
}


def reading(read: Callable[[Any], bytes], got: list[bytes]) -> App:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        got.append(read(environ["wsgi.input"]))
        start_response("200 OK", [TEXT])
        return [b"hello"]

    return app


@pytest.mark.parametrize("chunked", [False, True], ids=["Content-Length", "chunked"])
@pytest.mark.parametrize("way", WAYS)
def test_scenario_15_a_body_is_kept_as_it_is_read(log: RecordingLogger, way: str, chunked: bool) -> None:
    """The app reads what it reads without us, and the entry has it, whole."""
    got: list[bytes] = []
    headers = [TEXT, CHUNKED] if chunked else [TEXT]
    stream = {"wsgi.input": io.BufferedReader(io.BytesIO(LINES))}  # type: ignore[arg-type]
    call = Gateway("POST", headers=headers, body=LINES, **stream | ({"CONTENT_LENGTH": None} if chunked else {}))
    call.run(log.wsgi(reading(WAYS[way], got)))
    assert got == [LINES]
    request = log.entries[0].request
    assert request is not None
    assert (request.body, request.size, request.truncated, request.omitted) == (LINES, len(LINES), False, None)


@pytest.mark.parametrize("read", [WAYS["read(7)"], WAYS["readline()"], WAYS["readlines()"], WAYS["iteration"]])
def test_scenario_15_a_body_is_read_by_the_standard(log: RecordingLogger, read: Callable[[Any], bytes]) -> None:
    """Nothing that PEP 3333 does not know is asked of the server's stream."""
    got: list[bytes] = []
    Gateway("POST", headers=[TEXT], body=LINES).check(log.wsgi(reading(read, got)))
    assert got == [LINES]


def test_a_body_that_the_app_never_reads_is_unread(log: RecordingLogger) -> None:
    """What the app did not read is not taken for an empty body, nor read for it."""
    stream = io.BytesIO(LINES)
    call = Gateway("POST", headers=[TEXT], body=LINES, **{"wsgi.input": stream})
    call.run(log.wsgi(reading(lambda stream: b"", [])))
    assert stream.tell() == 0
    request = log.entries[0].request
    assert request is not None
    assert (request.body, request.size, request.omitted) == (None, 0, "unread")


@pytest.mark.parametrize("chunked", [False, True], ids=["Content-Length", "chunked"])
def test_a_body_that_the_app_reads_in_part_is_truncated(log: RecordingLogger, chunked: bool) -> None:
    """What was read is kept, and that it is not all."""
    got: list[bytes] = []
    headers = [TEXT, CHUNKED] if chunked else [TEXT]
    call = Gateway("POST", headers=headers, body=LINES, **{"CONTENT_LENGTH": None} if chunked else {})
    call.run(log.wsgi(reading(lambda stream: stream.read(11), got)))
    assert got == [b"first line\n"]
    request = log.entries[0].request
    assert request is not None
    assert (request.body, request.size, request.omitted, request.truncated) == (b"first line\n", 11, None, True)


@pytest.mark.parametrize("length", ["0", "", None])
def test_a_call_without_a_body_has_none(log: RecordingLogger, length: str | None) -> None:
    """Where nothing was announced, or nothing is, nothing is said to be missing."""
    Gateway("POST", CONTENT_LENGTH=length).run(log.wsgi(reading(lambda stream: b"", [])))
    request = log.entries[0].request
    assert request is not None
    assert (request.body, request.size, request.omitted, request.truncated) == (None, 0, None, False)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_that_was_not_announced_is_kept(log: RecordingLogger, method: str) -> None:
    """HTTP/2 needs no Content-Length, and every method may have a body."""
    call = Gateway(method, headers=[TEXT], body=LINES, CONTENT_LENGTH=None, SERVER_PROTOCOL="HTTP/2")
    call.run(log.wsgi(reading(WAYS["read()"], [])))
    (entry,) = log.entries
    assert entry.http_version == "2"
    assert entry.request is not None
    assert (entry.request.body, entry.request.omitted, entry.request.truncated) == (LINES, None, False)


def test_scenario_15_nothing_is_read_beyond_what_the_app_asks_for(log: RecordingLogger) -> None:
    """On a socket that stays open a single byte more would hang."""
    asked: list[tuple[Any, ...]] = []

    class Stream(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            asked.append(size)
            return super().read(*size)

    call = Gateway("POST", headers=[TEXT], body=LINES, **{"wsgi.input": Stream(LINES + b"the next request")})
    call.run(log.wsgi(reading(lambda stream: stream.read(5) + stream.read(len(LINES) - 5), [])))
    assert asked == [(5,), (len(LINES) - 5,)]
    request = log.entries[0].request
    assert request is not None
    assert (request.body, request.truncated) == (LINES, False)


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", " ", "\N{SUPERSCRIPT TWO}"])
def test_a_length_that_is_none_keeps_no_call_out_of_the_log(log: RecordingLogger, length: str) -> None:
    """Whatever a client announces, its call is recorded."""
    got: list[bytes] = []
    call = Gateway("POST", headers=[TEXT], body=LINES, CONTENT_LENGTH=length)
    call.run(log.wsgi(reading(WAYS["read()"], got)))
    assert got == [LINES]
    (entry,) = log.entries
    assert entry.request is not None
    assert (entry.status_code, entry.request.body) == (200, LINES)


@pytest.mark.parametrize("length", ["9" * 5000, "x", ""])
def test_an_answer_with_a_length_that_is_none_is_recorded(log: RecordingLogger, length: str) -> None:
    """It is the server's to refuse."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ("Content-Length", length)])
        return [b"hello"]

    assert Gateway().run(log.wsgi(app)).body == b"hello"
    (entry,) = log.entries
    assert (entry.status_code, entry.response and entry.response.body) == (200, b"hello")


def test_what_the_stream_has_besides_is_within_reach(log: RecordingLogger) -> None:
    """Other attributes of the server's stream are the ones of that stream, and those that it has not are missing."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        stream = environ["wsgi.input"]
        assert stream.tell() == 0
        assert stream.getvalue() == LINES
        assert not hasattr(stream, "recv")
        start_response("200 OK", [TEXT])
        return []

    Gateway("POST", body=LINES).run(log.wsgi(app))


def test_an_exception_of_the_stream_reaches_the_app(log: RecordingLogger) -> None:
    """A client that leaves while it sends is the server's to tell."""

    class Broken(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            raise ConnectionResetError("the client left")

    call = Gateway("POST", headers=[TEXT], body=LINES, **{"wsgi.input": Broken()})
    with pytest.raises(ConnectionResetError):
        call.run(log.wsgi(reading(WAYS["read()"], [])))
    (entry,) = log.entries
    assert (entry.status_code, entry.error_type) == (500, "exception")
    assert entry.request is not None
    assert entry.request.omitted == "unread"


def test_what_is_read_after_the_answer_is_not_part_of_the_call(log: RecordingLogger) -> None:
    """An app may read on when its answer is complete; the entry is written by then."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ("Content-Length", "2")])
        yield b"hi"
        assert environ["wsgi.input"].read() == LINES

    Gateway("POST", headers=[TEXT], body=LINES).run(log.wsgi(app))
    request = log.entries[0].request
    assert request is not None
    assert request.omitted == "unread"


@pytest.mark.parametrize("terminated", [None, True])
def test_scenario_15_werkzeug_reads_through_it(log: RecordingLogger, terminated: bool | None) -> None:
    """The stream that Werkzeug lays around the server's works on ours."""
    got: list[bytes] = []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        stream = get_input_stream(environ)
        assert terminated or isinstance(stream, LimitedStream)
        got.append(stream.read())
        start_response("200 OK", [TEXT])
        return []

    Gateway("POST", headers=[TEXT], body=LINES, **{"wsgi.input_terminated": terminated}).run(log.wsgi(app))
    assert got == [LINES]
    request = log.entries[0].request
    assert request is not None
    assert (request.body, request.truncated) == (LINES, False)
