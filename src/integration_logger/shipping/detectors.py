"""Answers with status 200 that say in their body that it went wrong, told from data by their exact shape.

Each detector knows the envelope of one convention and nothing else: what has more in it than such an envelope has
is data, even if it is data about errors. Only whole bodies of up to ``LARGEST`` bytes are looked at.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from integration_logger.codec import body_text, charset
from integration_logger.entry import Entry, Message
from integration_logger.integrations import STATUS_BY
from integration_logger.shipping.soap import fault

LARGEST: Final = 64 * 1024
"""Bytes of a body that is looked at: errors are short, and a longer one would hold up what is behind it."""
MAX_TEXT: Final = 300
"""Characters kept of what one error says."""
MOST_TEXTS: Final = 10


class Finding(NamedTuple):
    """What an answer says of itself."""

    texts: tuple[str, ...]
    error_type: str | None = "answer"
    """None: what was asked for was done in part, and the answer counts as a success with errors."""


Detector = Callable[[Any, Entry], "Finding | None"]
"""Gets the JSON of an answer, and the entry."""


class Detectors:
    """The detectors that are switched on; call it with an entry."""

    def __init__(self, names: Collection[str]) -> None:
        self._json = [(name, marks, detect) for name, (marks, detect) in _JSON.items() if name in names]
        self._soap = SOAP in names

    def __call__(self, entry: Entry) -> Entry:
        """Return the entry as its answer has it; never raises."""
        response = entry.response
        if (
            response is None
            or entry.status != "completed"
            or entry.status_code is None
            or not 200 <= entry.status_code < 300
            or not response.body
            or response.truncated
            or len(response.body) > LARGEST
            or entry.labels.get(STATUS_BY) is not None
        ):
            return entry
        try:
            found = self._find(entry, response, response.body)
        except Exception:  # what cannot be read is no error that anybody knows
            return entry
        return entry if found is None else _told(entry, *found)

    def _find(self, entry: Entry, response: Message, body: bytes) -> tuple[str, Finding] | None:
        body = body.removeprefix(codecs.BOM_UTF8)
        first = body[:64].lstrip(b" \t\r\n")[:1]
        if first == b"<":
            text = fault(body) if self._soap and b"Fault" in body else None
            return None if text is None else (SOAP, Finding((text,)))
        if first not in (b"{", b"["):
            return None
        suspects = [(name, detect) for name, marks, detect in self._json if any(mark in body for mark in marks)]
        if not suspects:
            return None
        is_utf8 = charset(response.content_type).lower() in ("utf-8", "utf8", "us-ascii", "ascii")
        data = msgspec.json.decode(body if is_utf8 else body_text(response))
        return next(((name, finding) for name, detect in suspects if (finding := detect(data, entry))), None)


def _told(entry: Entry, name: str, finding: Finding) -> Entry:
    errors = entry.errors + tuple(text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…" for text in finding.texts)
    if finding.error_type is None:
        return replace(entry, errors=errors, has_errors=True)
    labels = {**entry.labels, STATUS_BY: name}
    return replace(entry, status="failed", error_type=finding.error_type, errors=errors, has_errors=True, labels=labels)


# --- Maestra ------------------------------------------------------------------------------------------

_PROTOCOL_ERRORS: Final = ("ProtocolError", "InternalServerError")


def _maestra(data: Any, _: Entry) -> Finding | None:
    """``{"status": "ValidationError", "validationMessages": [{"message": …}]}``, and two sorts of other errors."""
    if not isinstance(data, dict):
        return None
    status, messages = data.get("status"), data.get("validationMessages")
    if status == "ValidationError" and isinstance(messages, list):
        return Finding(_texts(messages) or (status,), "validation")
    if status in _PROTOCOL_ERRORS and isinstance(data.get("errorMessage"), str) and "errorId" in data:
        return Finding((data["errorMessage"],))
    return None


# --- Kondado and many others --------------------------------------------------------------------------

_ENVELOPE: Final = frozenset((
    "success", "error", "errors", "message", "code", "status", "error_code", "errorCode", "status_code", "statusCode",
    "data", "result", "details", "request_id", "requestId", "timestamp",
))  # fmt: skip
"""All that an answer may have besides ``success``; a record of something that failed has a name or an address, too."""
_SAID: Final = ("message", "error", "errors")


def _success_false(data: Any, _: Entry) -> Finding | None:
    """``{"success": false, "error": "RATE_LIMIT_EXCEEDED", "message": …}``."""
    if not isinstance(data, dict) or data.get("success") is not False or not data.keys() <= _ENVELOPE:
        return None
    if data.get("data") or data.get("result"):
        return None
    texts = tuple(text for name in _SAID for text in _texts(data.get(name)))
    return Finding(texts) if texts else None


# --- GraphQL (specification of October 2021, 7.1) -------------------------------------------------------


def _graphql(data: Any, entry: Entry) -> Finding | None:
    """``{"errors": [{"message": …}], "data": null}``; with data, only a part of what was asked for is missing."""
    if not isinstance(data, dict) or not data.keys() <= {"data", "errors", "extensions"}:
        return None
    errors, found = data.get("errors"), data.get("data")
    if not isinstance(errors, list) or not errors or not all(map(_is_graphql_error, islice(errors, MOST_TEXTS))):
        return None
    if not isinstance(found, dict | None) or ("data" not in data and not _asks_graphql(entry)):
        return None
    has_part = isinstance(found, dict) and any(value is not None for value in found.values())
    return Finding(_texts(errors), None if has_part else "answer")


def _is_graphql_error(error: object) -> bool:
    return isinstance(error, dict) and isinstance(error.get("message"), str)


def _asks_graphql(entry: Entry) -> bool:
    """Tell whether the request was one of GraphQL: an answer without ``data`` might be a list of errors."""
    kind = (entry.response and entry.response.content_type) or ""
    if "graphql" in kind or "graphql" in (entry.url or "").lower():
        return True
    body = (entry.request and entry.request.body) or b""
    return b'"query"' in body[:LARGEST]


# --- JSON-RPC 2.0 (specification, 5.1) -------------------------------------------------------------------


def _json_rpc(data: Any, _: Entry) -> Finding | None:
    """``{"jsonrpc": "2.0", "error": {"code": -32601, "message": …}, "id": 1}``, or a batch of answers."""
    answers = data if isinstance(data, list) else [data]
    if not answers or not all(isinstance(a, dict) and a.get("jsonrpc") == "2.0" and "id" in a for a in answers):
        return None
    errors = [a["error"] for a in answers if "result" not in a and _is_rpc_error(a.get("error"))]
    if not errors:
        return None
    return Finding(_texts(errors), "answer" if len(errors) == len(answers) else None)


def _is_rpc_error(error: object) -> bool:
    return isinstance(error, dict) and type(error.get("code")) is int and isinstance(error.get("message"), str)


def _texts(said: object) -> tuple[str, ...]:
    """Return the sentences in what an answer says of its errors."""
    return tuple(islice(_sentences(said), MOST_TEXTS))


def _sentences(said: object) -> Iterator[str]:
    if isinstance(said, str) and said:
        yield said
    elif isinstance(said, Mapping) and isinstance(said.get("message"), str) and said["message"]:
        yield said["message"]
    elif isinstance(said, list):
        for item in said:
            if not isinstance(item, list):
                yield from _sentences(item)


SOAP: Final = "soap"
_JSON: Final[dict[str, tuple[tuple[bytes, ...], Detector]]] = {
    "maestra": ((b"validationMessages", b"errorMessage"), _maestra),
    "kondado": ((b"success",), _success_false),
    "graphql": ((b"errors",), _graphql),
    "json-rpc": ((b"jsonrpc",), _json_rpc),
}
"""What must stand in a body before it is worth to be read, and what reads it."""
DETECTORS: Final = (*_JSON, SOAP)
"""The names of all."""
