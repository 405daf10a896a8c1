"""Whatever an app does and a server asks: with the logger both see the same messages in the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger import Redactor
from integration_logger.testing import recording
from tests.adapters.server import Server

REDACTOR = Redactor()
CHUNKS = st.lists(st.binary(max_size=20), max_size=4)
HEADERS = st.lists(
    st.sampled_from([
        (b"content-type", b"text/plain"), (b"Content-Type", b"text/event-stream"), (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=\xe9"), (b"x-a", b""), (b"content-encoding", b"gzip"), (b"trailer", b"x-sum"),
    ]),
    max_size=4,
)  # fmt: skip
PROGRAMS = st.fixed_dictionaries({
    "method": st.sampled_from(["GET", "HEAD", "POST", "BREW"]),
    "body": st.one_of(st.binary(max_size=40), CHUNKS),
    "reads": st.integers(0, 6),
    "status": st.sampled_from([200, 204, 304, 404, 500, 799]),
    "headers": HEADERS,
    "length": st.sampled_from([None, "right", "0", "7", "x"]),
    "chunks": CHUNKS,
    "ends": st.sampled_from(["end", "end", "never", "twice", "trailers"]),
    "raises": st.sampled_from([None, None, "before", "started", "between", "after"]),
    "error": st.sampled_from([ValueError, OSError, KeyError, asyncio.CancelledError, GeneratorExit]),
    "refused": st.sampled_from([None, None, 1, 2, 3]),
    "gives_up": st.booleans(),
})  # fmt: skip


class Boundary:
    """One call: an app made from a program on one side, a server on the other; notes what each of them sees."""

    def __init__(self, program: dict[str, Any]) -> None:
        self.program = program
        self.error = program["error"]("boom")
        self.refusal = OSError("the client has left")
        self.made: list[dict[str, Any]] = []
        self.seen: list[Any] = []
        self.server = Server(program["method"], "/a?b=c", body=program["body"], on_send=self._sent)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self._raise_at("before")
        for _ in range(self.program["reads"]):
            message = await receive()
            self.seen.append(("read", message, any(message is each for each in self.server.received)))
        trailers = {"trailers": True} if self.program["ends"] == "trailers" else {}
        headers = [*self.program["headers"], *self._length()]
        await self._send(send, "start", status=self.program["status"], headers=headers, **trailers)
        self._raise_at("started")
        for place, chunk in enumerate(self.program["chunks"]):
            if place == 1:
                self._raise_at("between")
            await self._send(send, "body", body=chunk, more_body=True)
        for _ in range({"never": 0, "twice": 2}.get(self.program["ends"], 1)):
            await self._send(send, "body")
        if trailers:
            await self._send(send, "trailers", headers=[(b"x-sum", b"1")])
        self._raise_at("after")

    def _length(self) -> list[tuple[bytes, bytes]]:
        length = self.program["length"]
        if length == "right":
            length = str(sum(map(len, self.program["chunks"])))
        return [] if length is None else [(b"content-length", length.encode())]

    async def _send(self, send: Any, kind: str, **more: Any) -> None:
        self.made.append({"type": f"http.response.{kind}", **more})
        try:
            await send(self.made[-1])
        except OSError as error:
            self.seen.append(("refused", error is self.refusal))
            if self.program["gives_up"]:
                raise

    def _raise_at(self, place: str) -> None:
        if self.program["raises"] == place:
            raise self.error

    # --- the server ---------------------------------------------------------------------------------

    def serve(self, wrap: Callable[[Any], Any]) -> list[Any]:
        asyncio.run(self._serve(wrap(self.app)))
        return self.seen

    async def _serve(self, app: Any) -> None:
        self.server.gone.set()  # who reads on after the body is told so, and does not wait
        try:
            await self.server.serve(app)
        except BaseException as error:
            self.seen.append(("raised", type(error), error is self.error, error is self.refusal))

    def _sent(self, message: dict[str, Any]) -> None:
        self.seen.append(("sent", dict(message), message is self.made[-1]))
        if len(self.server.sent) == self.program["refused"]:
            raise self.refusal


@pytest.mark.parametrize("bodies", [True, False])
def test_app_and_server_see_what_they_see_without_us(bodies: bool) -> None:
    """The messages of both are the same objects in the same order, and so is the exception that leaves the app.

    Each call is recorded once (what is raised after its end is another entry), and nothing of logging fails.
    """
    with recording(redact=REDACTOR) as log:

        @given(program=PROGRAMS)
        @settings(max_examples=200, deadline=None, database=None)
        def check(program: dict[str, Any]) -> None:
            bare = Boundary(program).serve(lambda app: app)
            before = log.health().captured
            assert Boundary(program).serve(lambda app: log.asgi(app, bodies=bodies)) == bare
            assert log.health().captured - before in (1, 2)
            assert (log.health().failed, log.health().redaction_failed, log.recorder.under_way) == (0, 0, {})

        check()
