"""Write ahead in WSGI: an entry is recorded before its client can have seen the whole answer."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from integration_logger import IntegrationLogger
from integration_logger.redaction import Redactor
from integration_logger.testing import RecordingLogger
from tests.adapters.gateway import TEXT, App, Gateway, Headers
from tests.adapters.test_asgi_completion import spooled

EMPTY: Headers = ()


def length(count: int) -> tuple[str, str]:
    return ("Content-Length", str(count))


ONE = "a single piece, of which a list tells that it is the last"
CASES: dict[str, tuple[str, str, Headers, list[bytes], list[bytes], int]] = {
    # method, status, headers, pieces written, pieces returned, place of what completes the answer for the client
    "HEAD": ("HEAD", "200 OK", [TEXT, length(5)], [], [b"hello"], 0),
    "HEAD without length": ("HEAD", "200 OK", [TEXT], [], [b"hel", b"lo"], 0),
    "HEAD without a piece": ("HEAD", "200 OK", [TEXT], [], [], 0),
    "204": ("DELETE", "204 No Content", EMPTY, [], [], 0),
    "204 with an empty piece": ("DELETE", "204 No Content", EMPTY, [], [b"", b""], 0),
    "304": ("GET", "304 Not Modified", EMPTY, [], [b""], 0),
    "Content-Length: 0": ("GET", "302 Found", [TEXT, length(0)], [], [b"", b""], 0),
    ONE: ("GET", "200 OK", [TEXT], [], [b"hello"], 0),
    "no piece": ("GET", "200 OK", [TEXT], [], [], 0),
    "several pieces": ("GET", "200 OK", [TEXT], [], [b"a", b"b", b"c"], 3),
    "an empty last piece": ("GET", "200 OK", [TEXT], [], [b"a", b""], 2),
    "Content-Length reached": ("GET", "200 OK", [TEXT, length(5)], [], [b"he", b"llo"], 1),
    "Content-Length reached before the end": ("GET", "200 OK", [TEXT, length(5)], [], [b"he", b"llo", b""], 1),
    "written by hand": ("GET", "200 OK", [TEXT], [b"he", b"llo"], [], 2),
    "written by hand up to Content-Length": ("GET", "200 OK", [TEXT, length(5)], [b"he", b"llo"], [b""], 1),
    "written and returned": ("GET", "200 OK", [TEXT], [b"he"], [b"l", b"lo"], 3),
}


def script(case: str, *, generator: bool = False) -> App:
    _, status, headers, written, returned, _ = CASES[case]

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response(status, [*headers])
        for chunk in written:
            write(chunk)
        return [*returned]

    def generated(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield from app(environ, start_response)

    return generated if generator else app


@pytest.mark.parametrize("generator", [False, True], ids=["list", "generator"])
@pytest.mark.parametrize("case", CASES)
def test_the_entry_is_on_the_spool_when_the_completing_piece_reaches_the_server(
    tmp_path: Path, redactor: Redactor, case: str, generator: bool
) -> None:
    """Just before what completes the answer is sent there is one whole entry in a file, and none before that."""
    method, status, _, written, returned, completing = CASES[case]
    spool = tmp_path / "spool"
    log = IntegrationLogger(f"sqlite:///{tmp_path}/log.db", spool=spool, ship=None, redact=redactor)
    counts: list[int] = []
    call = Gateway(method, on_send=lambda chunk: counts.append(len(spooled(spool))))
    call.run(log.wsgi(script(case, generator=generator)))
    assert call.sent == [*written, *returned]
    completing += generator and case == ONE
    assert counts == [0] * completing + [1] * (len(call.sent) + 1 - completing)
    (entry,) = spooled(spool)
    assert (entry.status, entry.error_type, entry.status_code) == ("completed", None, int(status[:3]))
    assert log.health().failed == 0
    log.close()


@pytest.mark.parametrize("case", ["HEAD", "204", "304", "Content-Length: 0"])
def test_an_answer_without_a_body_says_so(log: RecordingLogger, case: str) -> None:
    """Answers that cannot have a body have size 0, no body, and no reason why it was left out."""
    Gateway(CASES[case][0]).run(log.wsgi(script(case)))
    response = log.entries[0].response
    assert response is not None
    assert (response.size, response.body, response.omitted, response.truncated) == (0, None, None, False)


@pytest.mark.parametrize("case", ["HEAD", "204", "304"])
def test_an_answer_without_a_body_need_not_be_iterated(log: RecordingLogger, case: str) -> None:
    """A server that only closes what it does not need has sent the whole answer."""
    Gateway(CASES[case][0], leaves_after=0).run(log.wsgi(pieces(*CASES[case][1:3])))
    (entry,) = log.entries
    assert (entry.status, entry.error_type) == ("completed", None)


def pieces(status: str, headers: Headers, *chunks: bytes) -> App:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, [*headers])
        return iter(chunks)

    return app


def test_an_answer_shorter_than_announced_is_a_failure(log: RecordingLogger) -> None:
    """A client that waits for more bytes than were sent got no whole answer."""
    Gateway().run(log.wsgi(pieces("200 OK", [TEXT, length(9)], b"hello", b"")))
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code) == ("failed", "protocol", 200)


def test_an_app_that_never_starts_its_answer_is_a_failure_without_a_status(log: RecordingLogger) -> None:
    """Where nothing was begun there is no status code and no response."""
    for nothing in ([], iter([b"hello"])):
        Gateway().run(log.wsgi(lambda environ, start_response, nothing=nothing: nothing))
    for entry in log.entries:
        assert (entry.status, entry.error_type, entry.status_code, entry.response) == ("failed", "protocol", None, None)


def test_what_is_sent_after_completion_changes_nothing(log: RecordingLogger) -> None:
    """Pieces beyond Content-Length are the server's business: they are passed on and not recorded."""
    call = Gateway().run(log.wsgi(pieces("200 OK", [TEXT, length(2)], b"hi", b"more")))
    assert call.sent == [b"hi", b"more"]
    (entry,) = log.entries
    assert entry.response is not None
    assert entry.response.size == 2


class Wrapped:
    """A server's way to send a file, which only its function knows."""

    def __init__(self, file: io.BytesIO, size: int) -> None:
        self.file = file

    def __iter__(self) -> Iterator[bytes]:
        return iter([self.file.read()])


def wrap(file: io.BytesIO, size: int = 8192) -> Wrapped:
    return Wrapped(file, size)


@pytest.mark.parametrize("wrapper", [FileWrapper, wrap], ids=["a class", "a function"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_scenario_16_a_file_that_the_server_sends_itself_passes_as_it_is(
    log: RecordingLogger, wrapper: Any, method: str
) -> None:
    """What the server's file wrapper has made reaches it untouched; the entry is written, its body unread."""
    made: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT, length(5)])
        made.append(environ["wsgi.file_wrapper"](io.BytesIO(b"hello"), 100))
        return made[0]

    counts: list[int] = []
    call = Gateway(method, on_send=lambda chunk: counts.append(len(log.entries)), **{"wsgi.file_wrapper": wrapper})
    call.run(log.wsgi(app))
    assert call.answer is made[0]
    assert call.environ["wsgi.file_wrapper"] is wrapper
    assert (call.body, counts) == (b"hello", [1, 1])
    (entry,) = log.entries
    assert entry.response is not None
    assert (entry.response.omitted, entry.response.size) == (("unread", 5) if method == "GET" else (None, 0))
