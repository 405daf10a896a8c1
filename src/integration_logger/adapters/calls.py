"""Calls that are not HTTP, and scripts: what ``log.call`` and ``log.script`` give to the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import force_setattr

from integration_logger import codec
from integration_logger.adapters.spans import SpanCapture
from integration_logger.bodies import OVERLAP, Body, content_type
from integration_logger.entry import Entry
from integration_logger.plain import Plain
from integration_logger.texts import safe_text
from integration_logger.transactions import transaction_here

if TYPE_CHECKING:
    from integration_logger.recorder import Recorder

Variables = Mapping[str, Any] | Callable[[], object] | None

MAX_BODY_ITEMS: Final = 20_000
"""Members and items of a body that is given as data."""


class CallCapture(SpanCapture):
    """A call with the outside world that is not HTTP, while it is under way."""

    __slots__ = ("limit",)

    def __init__(self, recorder: Recorder, method: object) -> None:
        super().__init__(recorder, "call")
        self.method = safe_text(method)
        if (transaction := transaction_here(recorder)) is not None:
            transaction.add(self)
        self.limit = recorder.max_body + OVERLAP

    def request(self, body: object = None, *, content_type: str | None = None) -> None:
        """Keep what is sent: bytes and text as they are, all else as JSON."""
        try:
            self.request_body = self._body(body, content_type)
            self.request_headers = ()
        except Exception as error:
            self.misused(error)

    def response(self, body: object = None, *, status_code: int | None = None, content_type: str | None = None) -> None:
        """Keep what came back. A ``status_code`` of 400 and above means that the call has failed."""
        try:
            if status_code is not None:
                self.status_code = _read_status(status_code)
            self.first_byte = perf_counter() - self.started
            self.response_body = self._body(body, content_type)
            self.response_headers = ()
        except Exception as error:
            self.misused(error)

    def _body(self, value: object, given_type: str | None) -> Body | None:
        if value is None:
            return None
        ended = True
        if isinstance(value, bytes | bytearray | memoryview):
            data, kind = bytes(value), None
        elif isinstance(value, str):
            data, kind = value.encode("utf-8", "replace"), b"text/plain; charset=utf-8"
        else:
            walk = Plain(MAX_BODY_ITEMS, self.limit, self.limit)
            data, kind = codec.to_json(walk.of(value)), b"application/json"
            ended = not walk.cut
        if given_type is not None:
            kind = safe_text(given_type, 255).encode("latin-1", "replace")
        body = Body(self.limit, content_type(kind))
        body.feed(data)
        body.ended = ended
        return body


def _read_status(code: Any) -> int:
    if isinstance(code, bool) or not 100 <= (number := int(code)) <= 999:
        raise ValueError("a status code has three digits")
    return number


class ScriptCapture(SpanCapture):
    """A script of the host while it runs: its errors are kept with its variables."""

    __slots__ = ("given", "variables")

    failure = "script"

    def __init__(self, recorder: Recorder, name: object, given: Variables) -> None:
        super().__init__(recorder, "script")
        self.operation = safe_text(name)
        self.given = given
        """Variables as the host gave them: read when the script has ended, as they are then."""
        self.variables: dict[str, Any] = {}

    def set(self, **variables: object) -> None:
        """Keep variables as they are now."""
        walk = Plain()
        self.variables.update({name: walk.of(value) for name, value in variables.items()})

    def end(self, error: BaseException | None) -> None:
        super().end(error)
        try:
            given = self.given() if callable(self.given) else self.given
            if given is not None:
                found = Plain().of(given)
                self.variables = (found if isinstance(found, dict) else {"value": found}) | self.variables
        except Exception as problem:
            self.misused(problem)

    def finish(self) -> Entry:
        entry = super().finish()
        if self.variables:
            force_setattr(entry, "variables", self.variables)
        return entry
