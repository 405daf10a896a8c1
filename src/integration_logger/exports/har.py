"""HAR 1.2, for the developer tools of browsers, mitmproxy and their like: the calls among the entries that are HTTP."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from http.cookies import CookieError, SimpleCookie
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from integration_logger import codec
from integration_logger.entry import Entry, Headers, Message, status_label
from integration_logger.exports.ndjson import exact_text
from integration_logger.exports.stream import Detail, Part, shown
from integration_logger.query import Query
from integration_logger.stores.base import Store

_HTTP: Final = re.compile(r"https?://[^/?#\s]", re.IGNORECASE)
_KEPT_IN_URLS: Final = "!#$%&'()*+,/:;=?@~[]"
_OURS: Final = (
    "id", "seq", "kind", "status", "transaction_id", "attempt", "parent_id", "trace_id", "tenant", "application",
    "integration", "operation", "log_type", "user_id", "labels", "error_type", "phase", "errors", "route", "redacted",
)  # fmt: skip
"""What an entry has and a HAR has no place for; it stands in ``_integration_logger``."""


class HAR:
    """Writes calls as one JSON document, which says in the end how many there are and whether they are all."""

    suffix = "har"
    media_type = "application/json"

    def __init__(self, *, detail: Detail = True) -> None:
        self._detail = detail
        self._left_out = 0
        self._is_first = True

    def begin(self) -> bytes:
        """Return the head of the document."""
        creator = codec.to_json({"name": "integration-logger", "version": version("integration-logger")})
        return b'{"log":{"version":"1.2","creator":' + creator + b',"entries":[\n'

    def parts(self, store: Store, query: Query) -> Iterator[Part]:
        """Yield calls."""
        for batch in store.batches(query, whole=self._detail is not False):
            calls = [entry for entry in batch if is_http(entry)]
            self._left_out += len(batch) - len(calls)
            yield Part(self.write(calls), len(calls), batch[-1].seq if batch else None)

    def write(self, entries: Sequence[Entry]) -> bytes:
        """Return calls with their commas."""
        data = b",\n".join([codec.to_json(_call(entry)) for entry in shown(entries, self._detail)])
        if not data:
            return b""
        comma, self._is_first = b"" if self._is_first else b",\n", False
        return comma + data

    def end(self, entries: int, *, complete: bool) -> bytes:
        """Return the foot of the document."""
        words = "complete" if complete else "broken off, this is not all"
        comment = f"{words}: {entries} calls; {self._left_out} entries that are not HTTP were left out"
        foot = codec.to_json({"comment": comment, "_complete": complete, "_entries": entries})
        return b"\n]," + foot[1:] + b"}\n"


def is_http(entry: Entry) -> bool:
    """Tell whether a HAR has a place for the entry."""
    return entry.url is not None and _HTTP.match(entry.url) is not None


def _call(entry: Entry) -> dict[str, Any]:
    took = max((entry.duration or 0.0) * 1000, 0.0)
    wait = min(max((entry.first_byte or 0.0) * 1000, 0.0), took) if entry.first_byte is not None else took
    call = {
        "startedDateTime": codec.timestamp(entry.started_at),
        "time": took,
        "request": _request(entry, entry.request or Message()),
        "response": _response(entry, entry.response or Message()),
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": took - wait},
        "_integration_logger": {name: getattr(entry, name) for name in _OURS},
    }
    if entry.kind == "outbound" and (address := _address(entry.server_host)):
        call["serverIPAddress"] = address
    return call


def _request(entry: Entry, message: Message) -> dict[str, Any]:
    url = _url(entry.url or "")
    request = {
        "method": entry.method or "GET",
        "url": url,
        "httpVersion": _http_version(entry),
        "cookies": [*_cookies(message.headers, "cookie")],
        "headers": _headers(message.headers),
        "queryString": [{"name": n, "value": v} for n, v in _query(url)],
        "headersSize": -1,
        "bodySize": message.size if entry.request else -1,
    }
    if body := _content(message):
        request["postData"] = {"mimeType": message.content_type or "", **body}
    return request


def _response(entry: Entry, message: Message) -> dict[str, Any]:
    code = entry.status_code
    return {
        "status": code or 0,
        "statusText": "" if code is None else status_label(code),
        "httpVersion": _http_version(entry),
        "cookies": [*_cookies(message.headers, "set-cookie")],
        "headers": _headers(message.headers),
        "content": {
            "size": message.size if message.decoded_size is None else message.decoded_size,
            "mimeType": message.content_type or "x-unknown",
            **_content(message),
        },
        "redirectURL": next((value for name, value in message.headers if name.lower() == "location"), ""),
        "headersSize": -1,
        "bodySize": message.size if entry.response else -1,
        **({} if code is not None else {"_error": entry.error_type or "no answer"}),
    }


def _content(message: Message) -> dict[str, str]:
    """Return a body as HAR has it, with a word about one that is not whole; nothing for none."""
    comment = {"comment": f"the body was not kept: {message.omitted}"} if message.omitted else {}
    if message.truncated:
        comment = {"comment": "only the beginning of the body was kept"}
    if message.body is None:
        return {"text": "", **comment} if comment else {}
    text = exact_text(message)
    if text is None:
        return {"text": b64encode(message.body).decode(), "encoding": "base64", **comment}
    return {"text": text, **comment}


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _query(url: str) -> Iterable[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        return ()


def _cookies(headers: Headers, wanted: str) -> Iterator[dict[str, str]]:
    for name, value in headers:
        if name.lower() == wanted:
            try:
                found = SimpleCookie(value)
            except CookieError:
                continue
            yield from ({"name": name, "value": morsel.value} for name, morsel in found.items())


def _url(url: str) -> str:
    """Return a URL of nothing but what may stand in one."""
    return quote(url, safe=_KEPT_IN_URLS, errors="replace")


def _http_version(entry: Entry) -> str:
    return f"HTTP/{entry.http_version}" if entry.http_version else ""


def _address(host: str | None) -> str | None:
    try:
        return str(ip_address(host or ""))
    except ValueError:
        return None
