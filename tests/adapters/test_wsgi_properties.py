"""Whatever an app does and a server asks: with the logger both see the same objects in the same order."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger import Redactor
from integration_logger.testing import recording

REDACTOR = Redactor()
CHUNKS = st.lists(st.binary(max_size=20), max_size=5)
READS = st.lists(
    st.sampled_from(
        [("read",), ("read", 0), ("read", 3), ("read", -1), ("readline",), ("readline", 4), ("readlines",)]
    ),
    max_size=4,
)
HEADERS = st.lists(
    st.sampled_from([("Content-Type", "text/plain"), ("set-cookie", "a=1"), ("set-cookie", "b=\xe9"), ("X-A", "")]),
    max_size=4,
)
PROGRAMS = st.fixed_dictionaries({
    "method": st.sampled_from(["GET", "HEAD", "POST", "BREW"]),
    "body": st.binary(max_size=40),
    "status": st.sampled_from(["200 OK", "204 No Content", "304 Not Modified", "404 Not Found", "500 Oops", "799 ?"]),
    "headers": HEADERS,
    "length": st.sampled_from([None, "right", "0", "7", "x"]),
    "reads": READS,
    "written": CHUNKS,
    "chunks": CHUNKS,
    "shape": st.sampled_from(["list", "tuple", "generator", "closing"]),
    "raises": st.sampled_from([None, "before", "started", "between", "closing"]),
    "error": st.sampled_from([ValueError, OSError, SystemExit, GeneratorExit]),
    "again": st.booleans(),
    "taken": st.sampled_from([None, 0, 1, 3]),
})  # fmt: skip


class Boundary:
    """One call: an app made from a program on one side, a server on the other; notes what each of them sees."""

    def __init__(self, program: dict[str, Any]) -> None:
        self.program = program
        self.error = program["error"]("boom")
        self.chunks = [bytes([*chunk]) for chunk in program["chunks"]]
        self.seen: list[Any] = []

    def app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self._raise_at("before")
        for name, *args in self.program["reads"]:
            self.seen.append(("read", getattr(environ["wsgi.input"], name)(*args)))
        self.headers = [*self.program["headers"], *self._length()]
        write = start_response(self.program["status"], self.headers)
        if self.program["again"]:
            try:
                raise LookupError("again")
            except LookupError as error:
                write = start_response("500 Again", self.headers, (type(error), error, error.__traceback__))
        for chunk in self.program["written"]:
            write(chunk)
        self._raise_at("started")
        self.answer = self._answer()
        return self.answer

    def _length(self) -> list[tuple[str, str]]:
        length = self.program["length"]
        if length == "right":
            length = str(sum(map(len, [*self.chunks, *self.program["written"]])))
        return [] if length is None else [("Content-Length", length)]

    def _answer(self) -> Iterable[bytes]:
        shape = self.program["shape"]
        if shape in ("list", "tuple"):
            return self.chunks if shape == "list" else tuple(self.chunks)
        return self._generator() if shape == "generator" else Closing(self)

    def _generator(self) -> Iterator[bytes]:
        for place, chunk in enumerate(self.chunks):
            if place == 1:
                self._raise_at("between")
            yield chunk

    def _raise_at(self, place: str) -> None:
        if self.program["raises"] == place:
            raise self.error

    # --- the server ---------------------------------------------------------------------------------

    def serve(self, wrap: Callable[[Any], Any]) -> list[Any]:
        environ = {
            "REQUEST_METHOD": self.program["method"], "PATH_INFO": "/a", "SERVER_NAME": "shop", "SERVER_PORT": "80",
            "CONTENT_LENGTH": str(len(self.program["body"])), "wsgi.input": io.BytesIO(self.program["body"]),
            "wsgi.url_scheme": "http",
        }  # fmt: skip
        answer: Any = None
        try:
            answer = wrap(self.app)(environ, self._start_response)
            for place, chunk in enumerate(answer):
                if place == self.program["taken"]:
                    break
                self.seen.append(("chunk", chunk, any(chunk is one for one in self.chunks)))
        except BaseException as error:
            self.seen.append(("raised", type(error), error is self.error))
        try:
            getattr(answer, "close", lambda: None)()
        except BaseException as error:
            self.seen.append(("raised at close", type(error), error is self.error))
        return self.seen

    def _start_response(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        error = exc_info and (exc_info[0], str(exc_info[1]))
        self.seen.append(("start", status, headers, headers is self.headers, error))
        return lambda chunk: self.seen.append(("written", chunk))


class Closing:
    """An answer with ``close()``."""

    def __init__(self, boundary: Boundary) -> None:
        self.boundary = boundary

    def __iter__(self) -> Iterator[bytes]:
        return self.boundary._generator()

    def close(self) -> None:
        self.boundary.seen.append("closed")
        self.boundary._raise_at("closing")


@pytest.mark.parametrize("bodies", [True, False])
def test_app_and_server_see_what_they_see_without_us(bodies: bool) -> None:
    """What is read and sent, where pieces begin, which exception is raised and how often close is called is the same.

    Each call is recorded once (what is raised after its end is another entry), and nothing of logging fails.
    """
    with recording(redact=REDACTOR) as log:

        @given(program=PROGRAMS)
        @settings(max_examples=200, deadline=None, database=None)
        def check(program: dict[str, Any]) -> None:
            bare = Boundary(program).serve(lambda app: app)
            before = log.health().captured
            assert Boundary(program).serve(lambda app: log.wsgi(app, bodies=bodies)) == bare
            assert log.health().captured - before in (1, 2)
            assert log.health().failed == 0

        check()
        inbound = [entry for entry in log.entries if entry.kind == "inbound"]
        assert {entry.kind for entry in log.entries} <= {"inbound", "call"}
        assert len(inbound) >= 100
