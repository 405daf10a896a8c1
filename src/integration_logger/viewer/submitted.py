"""What a request that changes something was sent with: an object of JSON, or the fields of a form."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

MAX_SUBMITTED = 64 * 1024
"""Bytes; more is refused unread."""
_MAX_FIELDS = 1000


def submitted(request: Request) -> dict[str, Any]:
    """Return what the request was sent with. A field of a form is text, or a list where it came several times."""
    return request.state.submitted  # type: ignore[no-any-return]


async def read_submitted(request: Request) -> None:
    """Read it, so that threads can ask for it; raises ``HTTPException`` where it is too much or cannot be read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_SUBMITTED:
            raise HTTPException(413, f"At most {MAX_SUBMITTED} bytes are taken.")
    request.state.submitted = _parsed(bytes(body), request.headers.get("content-type", "")) if body else {}


def _parsed(body: bytes, content_type: str) -> dict[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _object(body)
    if kind == "application/x-www-form-urlencoded":
        return _fields(body)
    raise HTTPException(415, "Send application/json or application/x-www-form-urlencoded.")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "What was sent is not JSON.") from None
    if not isinstance(found, dict):
        raise HTTPException(400, "Send an object of JSON.")
    return found


def _fields(body: bytes) -> dict[str, Any]:
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise HTTPException(400, "What was sent are not fields of a form.") from None
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
