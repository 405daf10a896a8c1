"""HAR 1.2, for the developer tools of browsers, mitmproxy and their like: the calls among the entries that are HTTP."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
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
_ADDRESS: Final = re.compile(r"(https?://)([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_AUTHORITY: Final = re.compile(r"(?:(.*)@)?(\[[^\]]+\]|[^:\[\]]+)(?::([0-9]{0,5}))?", re.DOTALL)
_HOST: Final = re.compile(r"[\w.-]+", re.ASCII)
_NOWHERE: Final = "unknown.invalid"
"""Stands for a host that no address may have, such as a masked one; what was logged is in ``_integration_logger``."""
_IN_USER: Final = "!$%&'()*+,:;=~"
_IN_PATH: Final = f"{_IN_USER}/?#@[]"
_CODINGS: Final = frozenset(("br", "deflate", "gzip", "identity", "zstd"))
"""Content codings that every program knows; mitmproxy opens no file in which a body has another one."""
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
        # Firefox opens nothing without a list of pages.
        return b'{"log":{"version":"1.2","creator":' + creator + b',"pages":[],"entries":[\n'

    def parts(self, store: Store, query: Query) -> Iterator[Part]:
        """Yield calls."""
        for batch in store.batches(query, whole=self._detail is not False):
            yield self.write(batch)

    def write(self, entries: Sequence[Entry]) -> Part:
        """Return calls with their commas."""
        calls = [entry for entry in entries if is_http(entry)]
        self._left_out += len(entries) - len(calls)
        data = b",\n".join([codec.to_json(_call(entry)) for entry in shown(calls, self._detail)])
        if data:
            data, self._is_first = (b"" if self._is_first else b",\n") + data, False
        return Part(data, len(calls), entries[-1].seq if entries else None)

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
    request = _request(entry, entry.request or Message())
    call = {
        "startedDateTime": codec.timestamp(entry.started_at),
        "time": took,
        "request": request,
        "response": _response(entry, entry.response or Message()),
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": took - wait},
        "_integration_logger": {name: getattr(entry, name) for name in _OURS} | _logged_url(entry, request),
    }
    if entry.kind == "outbound" and (address := _address(entry.server_host)):
        call["serverIPAddress"] = address
    return call


def _logged_url(entry: Entry, request: dict[str, Any]) -> dict[str, str | None]:
    """Return the address as it was logged, where that could not be written."""
    return {"url": entry.url} if _NOWHERE in request["url"] else {}


def _request(entry: Entry, message: Message) -> dict[str, Any]:
    url = _url(entry.url or "")
    request = {
        "method": entry.method or "GET",
        "url": url,
        "httpVersion": _http_version(entry),
        "cookies": [*_cookies(message.headers, "cookie")],
        **_headers(message.headers),
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
        **_headers(message.headers),
        "content": {
            "size": message.size if message.decoded_size is None else message.decoded_size,
            "mimeType": message.content_type or "x-unknown",
            **_content(message),
        },
        "redirectURL": next((value for name, value in message.headers if name.lower() == "location"), ""),
        "headersSize": -1,
        "bodySize": message.size if entry.response else -1,
        **({} if code is not None else {"_error": entry.error_type or _no_answer(entry)}),
    }


def _no_answer(entry: Entry) -> str:
    return "no answer yet" if entry.status == "processing" else "no answer"


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


def _headers(headers: Headers) -> dict[str, Any]:
    """Return the headers as they passed, but for a content coding that keeps others from opening the file."""
    found: dict[str, Any] = {"headers": [{"name": n, "value": v} for n, v in headers if not _is_odd_coding(n, v)]}
    odd = [value for name, value in headers if _is_odd_coding(name, value)]
    return found | ({"_content_encoding": odd} if odd else {})


def _is_odd_coding(name: str, value: str) -> bool:
    return name.lower() == "content-encoding" and value.strip().lower() not in _CODINGS


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
    """Return a URL of nothing but what may stand in one, with a host that there may be."""
    match = _ADDRESS.fullmatch(url)
    if match is None:
        return quote(url, safe=_IN_PATH, errors="replace")
    return f"{match[1]}{_authority(match[2])}{quote(match[3], safe=_IN_PATH, errors='replace')}"


@lru_cache(1024)
def _authority(text: str) -> str:
    match = _AUTHORITY.fullmatch(text)
    user, host, port = match.groups() if match else (None, "", None)
    host = _host(host)
    if host is None or int(port or 0) > 65_535:
        return _NOWHERE
    before = "" if user is None else f"{quote(user, safe=_IN_USER, errors='replace')}@"
    return f"{before}{host}:{port}" if port else f"{before}{host}"


def _host(host: str) -> str | None:
    """Return a host as an address has it; None for what is none."""
    if host.startswith("["):
        return host if _address(host[1:-1]) else None
    try:
        name = host.encode("idna").decode()
    except UnicodeError:
        return None
    return name if _HOST.fullmatch(name) else None


def _http_version(entry: Entry) -> str:
    return f"HTTP/{entry.http_version}" if entry.http_version else ""


def _address(host: str | None) -> str | None:
    try:
        return str(ip_address(host or ""))
    except ValueError:
        return None
