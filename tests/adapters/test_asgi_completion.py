"""Write ahead: an entry is recorded before its client can have seen the whole answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration_logger import IntegrationLogger
from integration_logger.codec import decode, is_report
from integration_logger.entry import Entry
from integration_logger.redaction import Redactor
from integration_logger.spool.segments import SegmentReader, segments
from integration_logger.testing import RecordingLogger
from tests.adapters.server import App, Server

PLAIN = (b"content-type", b"text/plain")
START = "http.response.start"
BODY = "http.response.body"


def start(status: int = 200, *headers: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    return {"type": START, "status": status, "headers": [PLAIN, *headers], **more}


def body(data: bytes = b"", **more: Any) -> dict[str, Any]:
    return {"type": BODY, "body": data, **more}


def length(count: int) -> tuple[bytes, bytes]:
    return (b"content-length", str(count).encode())


def trailers(**more: Any) -> dict[str, Any]:
    return {"type": "http.response.trailers", "headers": [(b"x-checksum", b"1")], **more}


CASES: dict[str, tuple[str, list[dict[str, Any]], int]] = {
    # method, messages of the app, place of the message that completes the answer for the client
    "HEAD": ("HEAD", [start(200, length(5)), body(b"hello")], 0),
    "HEAD without length": ("HEAD", [start(), body(b"hel", more_body=True), body(b"lo")], 0),
    "204": ("DELETE", [start(204), body()], 0),
    "304": ("GET", [start(304), body()], 0),
    "Content-Length: 0": ("GET", [start(302, length(0)), body()], 0),
    "Content-Length: 0 in capitals": ("GET", [start(302, (b"Content-Length", b"0")), body()], 0),
    "the only body": ("GET", [start(), body(b"hello")], 1),
    "an empty body": ("GET", [start(), body()], 1),
    "more_body=False": ("GET", [start(), body(b"hello", more_body=False)], 1),
    "the last of several bodies": ("GET", [start(), body(b"a", more_body=True), body(b"b", more_body=False)], 2),
    "an empty last body": ("GET", [start(), body(b"a", more_body=True), body(b"", more_body=False)], 2),
    "no key body": ("GET", [start(), {"type": BODY}], 1),
    "Content-Length reached with more_body=True": (
        "GET",
        [start(200, length(5)), body(b"he", more_body=True), body(b"llo", more_body=True), body()],
        2,
    ),
    "more than Content-Length": ("GET", [start(200, length(3)), body(b"hello", more_body=True), body()], 1),
    "pathsend": ("GET", [start(200, length(9)), {"type": "http.response.pathsend", "path": "/etc/hostname"}], 1),
    "zerocopysend": (
        "GET",
        [
            start(200, length(9)),
            {"type": "http.response.zerocopysend", "file": 3, "count": 4, "more_body": True},
            {"type": "http.response.zerocopysend", "file": 3, "count": 5},
        ],
        2,
    ),
    "trailers": ("GET", [start(trailers=True), body(b"hello"), trailers()], 2),
    "the last of several trailers": (
        "GET",
        [start(trailers=True), body(b"hello"), trailers(more_trailers=True), trailers()],
        3,
    ),
    "trailers after pathsend": (
        "GET",
        [start(trailers=True), {"type": "http.response.pathsend", "path": "/etc/hostname"}, trailers()],
        2,
    ),
    "an early hint before": (
        "GET",
        [{"type": "http.response.early_hint", "links": []}, start(), body(b"hello")],
        2,
    ),
    "a debug message before": ("GET", [{"type": "http.response.debug", "info": {}}, start(), body(b"hello")], 2),
}


def script(messages: list[dict[str, Any]]) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


@pytest.mark.parametrize("case", CASES)
def test_the_entry_is_recorded_when_the_completing_message_reaches_the_server(log: RecordingLogger, case: str) -> None:
    """Just before the message that completes the answer is sent there is one entry, and none before that."""
    method, messages, completing = CASES[case]
    counts: list[int] = []
    call = Server(method, on_send=lambda message: counts.append(len(log.entries)))
    call.run(log.asgi(script(messages)))
    assert counts == [0] * completing + [1] * (len(messages) - completing)
    assert call.sent == messages
    assert all(got is given for got, given in zip(call.sent, messages, strict=True))
    (entry,) = log.entries
    assert entry.status == "completed"
    assert entry.error_type is None
    assert entry.status_code == next(m["status"] for m in messages if m["type"] == START)


@pytest.mark.parametrize("case", CASES)
def test_the_entry_is_in_a_file_of_the_spool_at_that_instant(tmp_path: Path, redactor: Redactor, case: str) -> None:
    """What another process can read of the spool just before the completing message has the whole entry."""
    method, messages, completing = CASES[case]
    spool = tmp_path / "spool"
    log = IntegrationLogger(f"sqlite:///{tmp_path}/log.db", spool=spool, ship=None, redact=redactor)
    read: list[list[Entry]] = []
    Server(method, on_send=lambda message: read.append(spooled(spool))).run(log.asgi(script(messages)))
    assert [len(entries) for entries in read] == [0] * completing + [1] * (len(messages) - completing)
    assert spooled(spool)[0].status_code == read[completing][0].status_code
    log.close()


def spooled(folder: Path) -> list[Entry]:
    entries = []
    for path in segments(folder):
        reader = SegmentReader(path)
        entries += [decode(frame.payload) for frame in reader.read(1000) if not is_report(frame.payload)]
        reader.close()
    return entries


def test_a_file_that_the_server_sends_itself_is_unread(log: RecordingLogger) -> None:
    """A body that never passes here is marked as unread, with the size that was announced."""
    Server().run(log.asgi(script(CASES["pathsend"][1])))
    response = log.entries[0].response
    assert response is not None
    assert (response.omitted, response.size, response.body) == ("unread", 9, None)


@pytest.mark.parametrize("case", ["HEAD", "204", "304", "Content-Length: 0"])
def test_an_answer_without_a_body_says_so(log: RecordingLogger, case: str) -> None:
    """Answers that cannot have a body have size 0, no body, and no reason why it was left out."""
    method, messages, _ = CASES[case]
    Server(method).run(log.asgi(script(messages)))
    response = log.entries[0].response
    assert response is not None
    assert (response.size, response.body, response.omitted, response.truncated) == (0, None, None, False)
    assert dict(response.headers).get("content-length") == {"HEAD": "5", "Content-Length: 0": "0"}.get(case)


def test_an_answer_shorter_than_announced_is_a_failure(log: RecordingLogger) -> None:
    """A client that waits for more bytes than were sent got no whole answer."""
    Server().run(log.asgi(script([start(200, length(9)), body(b"hello")])))
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code) == ("failed", "protocol", 200)


def test_an_app_that_stops_before_the_end_of_its_answer_is_a_failure(log: RecordingLogger) -> None:
    """An app that returns without having completed its answer is recorded when it returns."""
    Server().run(log.asgi(script([start(), body(b"hello", more_body=True)])))
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code) == ("failed", "protocol", 200)
    assert entry.response is not None
    assert (entry.response.body, entry.response.truncated) == (b"hello", True)


def test_an_app_that_never_answers_is_a_failure_without_a_status(log: RecordingLogger) -> None:
    """Where nothing was sent there is no status code and no response."""
    Server().run(log.asgi(script([])))
    (entry,) = log.entries
    assert (entry.status, entry.error_type, entry.status_code, entry.response) == ("failed", "protocol", None, None)


def test_trailers_that_never_come_are_a_failure(log: RecordingLogger) -> None:
    """An answer with announced trailers is not complete after its body."""
    Server().run(log.asgi(script([start(trailers=True), body(b"hello")])))
    assert log.entries[0].error_type == "protocol"


def test_what_is_sent_after_completion_changes_nothing(log: RecordingLogger) -> None:
    """Messages after the end are the server's business: they are passed on and not recorded."""
    call = Server().run(log.asgi(script([start(200, length(2)), body(b"hi"), body(b"more")])))
    assert len(call.sent) == 3
    (entry,) = log.entries
    assert entry.response is not None
    assert entry.response.size == 2
