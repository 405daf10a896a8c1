"""With the logger and without, a client does the same: whatever is sent, answered, read, closed or raised."""

from __future__ import annotations

import builtins
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_logger import Redactor
from integration_logger.testing import RecordingLogger, recording
from tests.adapters.clients import LIBRARIES, Library, calling

REDACTOR = Redactor()
NAMES = st.sampled_from(["X-One", "x-two", "Content-Type", "Set-Cookie", "ETag", "Vary"])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.strip)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=5)
PARTS = st.lists(st.binary(max_size=30), max_size=5)
RAISED = ["ReadError", "ConnectTimeout", "RemoteProtocolError", "ValueError", "OSError", "KeyError"]
WAYS = ["request", "iter_raw", "iter_bytes", "iter_lines"]


@st.composite
def answers(draw: Any) -> dict[str, Any]:
    """What a transport does with a request."""
    return {
        "status": draw(st.sampled_from([200, 201, 204, 302, 303, 304, 307, 401, 404, 500, 503])),
        "headers": draw(HEADERS),
        "parts": draw(PARTS),
        "location": draw(st.sampled_from([None, None, "/next", "http://b.example/", "http://b.example:port/", ""])),
        "coding": draw(st.sampled_from([None, None, None, "gzip", "unknown"])),
        "whole": draw(st.booleans()),
        "raises": draw(st.sampled_from([None] * 6 + RAISED)),
        "breaks": draw(st.sampled_from([None] * 6 + RAISED)),
    }


CALLS = st.fixed_dictionaries({
    "answers": st.lists(answers(), min_size=1, max_size=4),
    "method": st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
    "headers": HEADERS,
    "body": st.one_of(st.none(), st.binary(max_size=50), PARTS),
    "way": st.sampled_from(WAYS),
    "take": st.sampled_from([None, None, 0, 1, 2]),
    "follow": st.booleans(),
    "redirects": st.sampled_from([1, 20]),
    "password": st.booleans(),
})  # fmt: skip


class Run:
    """One call through one client, and all that could be seen of it."""

    def __init__(self, library: Library, call: dict[str, Any], log: RecordingLogger | None) -> None:
        self.library = library
        self.call = call
        self.raised: list[BaseException] = []
        """What the transport raised itself."""
        self.left = iter(call["answers"])
        self.seen: list[Any] = []
        transport = library.transport(self.answer)
        client = library.make(transport=transport, follow_redirects=call["follow"], max_redirects=call["redirects"])
        with calling(client if log is None else log.httpx(client)) as caller:
            try:
                self.seen.append(self.made(caller))
            except Exception as error:
                own = [number for number, each in enumerate(self.raised) if each is error]
                self.seen.append((type(error), str(error), own, getattr(error, "_request", None) is not None))
            self.seen += [transport.sent, [(each.name, each.value) for each in client.cookies.jar]]

    def error(self, name: str | None) -> BaseException | None:
        if name is None:
            return None
        kind = getattr(self.library.module, name, None) or getattr(builtins, name)
        self.raised.append(kind("it broke"))
        return self.raised[-1]

    def answer(self, request: Any) -> Any:
        self.seen.append((request.method, str(request.url), request.headers.raw, sorted(vars(request))))
        given = next(self.left, {"status": 200, "headers": [], "parts": [b"end"], "location": None, "coding": None})
        if (error := self.error(given.get("raises"))) is not None:
            raise error
        headers = [*given["headers"]]
        headers += [("location", given["location"])] if given["location"] is not None else []
        headers += [("content-encoding", given["coding"])] if given["coding"] else []
        broken = self.error(given.get("breaks"))
        if given.get("whole") and broken is None and not given["coding"]:
            return self.library.module.Response(given["status"], headers=headers, content=b"".join(given["parts"]))
        content = self.library.parts(*given["parts"], error=broken)
        return self.library.module.Response(given["status"], headers=headers, content=content)

    def made(self, caller: Any) -> Any:
        call = self.call
        url = f"http://{'ana:secret-pass@' if call['password'] else ''}a.example/x?y=z"
        body = call["body"]
        content = self.library.parts(*body) if isinstance(body, list) else body
        request = {"headers": call["headers"], "content": content}
        if call["way"] != "request":
            return caller.stream(call["method"], url, call["way"], call["take"], **request)
        answer = caller.request(call["method"], url, **request)
        history = [(each.status_code, each.content, each.headers.raw, str(each.url)) for each in answer.history]
        next_url = answer.next_request and str(answer.next_request.url)
        flags = (answer.is_closed, answer.is_stream_consumed, answer.num_bytes_downloaded, answer.elapsed is not None)
        return (answer.status_code, answer.headers.raw, answer.content, str(answer.url), history, next_url, flags)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(LIBRARIES), CALLS)
def test_nothing_is_different_with_the_logger(library: Library, call: dict[str, Any]) -> None:
    """Requests, headers, parts, answers, history, and exceptions: the same types, texts and objects."""
    with recording(redact=REDACTOR) as log:
        assert Run(library, call, log).seen == Run(library, call, None).seen
        health = log.health()
        assert (health.failed, health.redaction_failed, log.recorder.under_way) == (0, 0, {})
        assert log.entries
