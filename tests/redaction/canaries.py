"""Secrets in every place where they have leaked somewhere: each must be gone from every way out.

``CANARIES`` has one entry for each class of secret and each place in which that class can stand. A test of a way
out (a store, an export, a page) records ``canary.entry()`` and calls ``canary.assert_gone(bytes_that_came_out)``.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import brotli
import zstandard

from integration_logger.bodies import Body, content_type, message
from integration_logger.entry import Entry, Message, Run
from integration_logger.ids import new_id

FRAGMENT = 8
"""So many bytes of a secret in a row are a leak."""


@dataclass(frozen=True)
class Secret:
    """One secret: under a name that gives it away, or of a shape that does."""

    kind: str
    value: str
    name: str | None = None

    @property
    def label(self) -> str:
        return self.name or "note"


NAMED = [
    Secret("password", "hunter2-Kan4rie,vogel", "password"),
    Secret("password in camelCase", "tr0ub4dor&3-horse", "userPassword"),
    Secret("api key", "9f8e7d6c5b4a39281706f5e4", "api_key"),
    Secret("token", "Zx81kQ0pLm44vB2nT7", "accessToken"),
    Secret("client secret", "c1i3nt~s3cr3t~7788", "client_secret"),
    Secret("session", "s3ss10n-ab12cd34ef56", "PHPSESSID"),
    Secret("one-time password", "8842019377", "otp"),
    Secret("social security number", "078-05-1120", "ssn"),
]
SHAPED = [
    Secret("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"),
    Secret("aws key", "AKIAIOSFODNN7EXAMPLE"),
    Secret("github token", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    Secret("gitlab token", "glpat-Xf2kQ9vLmN3pR7sT1uWy"),
    Secret("slack token", "xoxb-263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1"),
    Secret("stripe key", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    Secret("google key", "AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe"),
    Secret("openai key", "sk-proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4"),
    Secret("sendgrid key", "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"),
    Secret("shopify token", "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"),
    Secret("twilio key", "SK5b1e94d07c3fa8261d90e7b4c8f23a65"),
    Secret("npm token", "npm_7rT9bXq2Lw8Zc5Vn1Ks4Jd6Hf3Gp0Ym7Ua2E"),
    Secret(
        "pem",
        "-----BEGIN EC PRIVATE KEY-----MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqi-----END EC PRIVATE KEY-----",
    ),
    Secret("card", "4111111111111111"),
    Secret("card in groups", "5555 5555 5555 4444"),
    Secret("amex card", "3782-822463-10005"),
]

Place = Callable[[Secret], dict[str, Any]]


def _entry(**fields: Any) -> dict[str, Any]:
    return fields


def _body(body: bytes | str, content_type: str = "application/json", **message: Any) -> dict[str, Any]:
    data = body.encode() if isinstance(body, str) else body
    return {"request": Message(body=data, content_type=content_type, size=len(data), **message)}


def _header(name: str, value: str, half: str = "request") -> dict[str, Any]:
    return {half: Message(raw_headers=[(b"Host", b"a.example"), (name.encode(), value.encode())])}


_CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}

ANY: dict[str, Place] = {
    "query": lambda s: {"url": f"https://a.example/p?x=1&{s.label}={quote(s.value)}&y=2"},
    "encoded query": lambda s: {"url": f"https://a.example/p?{_percent(s.label)}={_percent(s.value)}"},
    "fragment": lambda s: {"url": f"https://a.example/#{s.label}={quote(s.value)}&state=1"},
    "json in a query": lambda s: {"url": f"https://a.example/p?q={quote(json.dumps({s.label: s.value}))}&y=2"},
    "json in a query, encoded twice": lambda s: {
        "url": f"https://a.example/p?q={quote(quote(json.dumps({s.label: s.value})))}"
    },
    "json in a header": lambda s: _header("X-Context", json.dumps({"a": 1, s.label: s.value})),
    "encoded json in a header": lambda s: _header("X-Context", quote(json.dumps({s.label: s.value}))),
    "refresh": lambda s: _header("Refresh", f"0; url=https://a.example/?{s.label}={quote(s.value)}", "response"),
    "location, fragment": lambda s: _header("Location", f"https://b.example/#{s.label}={quote(s.value)}", "response"),
    "forwarded uri": lambda s: _header("X-Forwarded-Uri", f"/p?{s.label}={quote(s.value)}"),
    "referer": lambda s: _header("Referer", f"https://b.example/?{s.label}={quote(s.value)}"),
    "location": lambda s: _header("Location", f"/next?a=b&{s.label}={quote(s.value)}", "response"),
    "link": lambda s: _header("Link", f'<https://b.example/?{s.label}={quote(s.value)}&p=2>; rel="next"', "response"),
    "cookie": lambda s: _header("Cookie", f"theme=dark; {s.label}={quote(s.value)}"),
    "set-cookie": lambda s: _header("Set-Cookie", f"{s.label}={quote(s.value)}; Path=/; HttpOnly", "response"),
    "json": lambda s: _body(json.dumps({"a": 1, s.label: s.value, "b": [2]})),
    "json, nested": lambda s: _body(json.dumps({"a": [{"b": {"c": [{s.label: s.value}]}}]}, indent=2)),
    "json, list": lambda s: _body(json.dumps({s.label: [s.value, {"deep": [s.value]}]})),
    "json, twice": lambda s: _body(f'{{"{s.label}":"first","{s.label}": {json.dumps(s.value)}}}'),
    "json, escaped value": lambda s: _body(f'{{"{s.label}":"\\"\\\\{_unicode(s.value)}\\"tail-{s.value}"}}'),
    "json, escaped name": lambda s: _body(f'{{"{_unicode(s.label)}":"{_unicode(s.value)}"}}'),
    "json in a string": lambda s: _body(json.dumps({"payload": json.dumps({s.label: s.value})})),
    "json in a string in a string": lambda s: _body(json.dumps([json.dumps([json.dumps({s.label: s.value})])])),
    "json in a string, hex": lambda s: _body('["' + json.dumps({s.label: s.value}).replace('"', "\\u0022") + '"]'),
    "url in json": lambda s: _body(json.dumps({"next": f"https://a.example/?{s.label}={quote(s.value)}&page=2"})),
    "url in json, slashes": lambda s: _body(f'{{"u":"https:\\/\\/a.example\\/?{s.label}={quote(s.value)}"}}'),
    "graphql": lambda s: _body(json.dumps({"query": "mutation { x }", "variables": {"input": {s.label: s.value}}})),
    "graphql, inline": lambda s: _body(json.dumps({"query": f"mutation {{ x({s.label}: {json.dumps(s.value)}) }}"})),
    "graphql, alone": lambda s: _body(
        f"mutation {{ x({s.label}: {json.dumps(s.value)}) {{ id }} }}", "application/graphql"
    ),
    "ndjson": lambda s: _body(f'{{"a":1}}\n{{"{s.label}":{json.dumps(s.value)}}}\n', "application/x-ndjson"),
    "json as text": lambda s: _body(json.dumps({s.label: s.value}), "text/plain"),
    "json as a form": lambda s: _body(
        json.dumps({s.label: s.value, "q": "a&b=c"}), "application/x-www-form-urlencoded"
    ),
    "invalid json": lambda s: _body(f'{{"{s.label}": {json.dumps(s.value)}, oops'),
    "utf-16, big endian": lambda s: _body(
        json.dumps({s.label: s.value}).encode("utf-16-be"), "text/plain; charset=utf-16be"
    ),
    "utf-16 that begins with an ideograph": lambda s: _body(
        f"\ufeff\u4e2d\u6587 {s.label}={quote(s.value)}".encode("utf-16-le")
    ),
    "utf-32": lambda s: _body(json.dumps({s.label: s.value}).encode("utf-32"), "text/plain"),
    "utf-8 with a mark": lambda s: _body(json.dumps({s.label: s.value}).encode("utf-8-sig")),
    "utf-16": lambda s: _body(json.dumps({s.label: s.value}).encode("utf-16"), "application/json; charset=utf-16"),
    "utf-16, untold": lambda s: _body(json.dumps({s.label: s.value}).encode("utf-16-le")),
    "latin-1": lambda s: _body(f"é {s.label}={quote(s.value)}".encode("latin-1"), "text/plain; charset=iso-8859-1"),
    "unknown charset": lambda s: _body(f"é {s.label}={quote(s.value)}".encode("latin-1"), "text/plain; charset=x-y"),
    "form": lambda s: _body(f"a=1&{s.label}={quote_plus(s.value)}&b=2", "application/x-www-form-urlencoded"),
    "form, nested": lambda s: _body(f"user%5B{s.label}%5D={quote_plus(s.value)}", "application/x-www-form-urlencoded"),
    "form, encoded": lambda s: _body(
        f"{_percent(s.label)}={_percent(s.value)}&a=b", "application/x-www-form-urlencoded"
    ),
    "json in a form": lambda s: _body(
        f"payload={quote_plus(json.dumps({s.label: s.value}))}&a=b", "application/x-www-form-urlencoded"
    ),
    "multipart field": lambda s: _multipart(f'name="{s.label}"', s.value),
    "multipart field with json": lambda s: _multipart('name="payload"', json.dumps({s.label: s.value})),
    "multipart/mixed": lambda s: _body(
        f"--XyZ\r\nContent-Type: application/json\r\n\r\n{json.dumps({s.label: s.value})}\r\n--XyZ--\r\n",
        "multipart/mixed; boundary=XyZ",
    ),
    "multipart file": lambda s: _multipart('name="upload"; filename="notes.txt"', f"{s.label}={s.value}"),
    "xml element": lambda s: _body(f"<a><{s.label}>{_xml(s.value)}</{s.label}></a>", "application/xml"),
    "xml attribute": lambda s: _body(f'<a x="1" {s.label}="{_xml(s.value)}"/>', "text/xml"),
    "xml pair": lambda s: _body(f'<add key="{s.label}" value="{_xml(s.value)}"/>', "text/xml"),
    "xml attribute, apostrophes": lambda s: _body(f"<a><b {s.label} = '{_xml(s.value)}' x='1'></b></a>", "text/xml"),
    "xml pair of elements": lambda s: _body(
        f"<p><name>{s.label}</name><value><string>{_xml(s.value)}</string></value></p>", "application/xml"
    ),
    "xml in json": lambda s: _body(json.dumps({"x": f"<a><{s.label}>{_xml(s.value)}</{s.label}></a>"})),
    "soap": lambda s: _body(
        f'<s:E xmlns:s="u"><w:{s.label} t="x"><![CDATA[{s.value}]]></w:{s.label}></s:E>', "application/soap+xml"
    ),
    "text": lambda s: _body(f"it said\n{s.label}: {s.value}\nand left", "text/plain"),
    "event stream": lambda s: _body(f"event: x\ndata: {json.dumps({s.label: s.value})}\n\n", "text/event-stream"),
    "event stream, pretty": lambda s: _body(
        "".join(f"data: {line}\n" for line in json.dumps({s.label: s.value}, indent=2).splitlines()) + "\n",
        "text/event-stream",
    ),
    "event stream, a value on a line of its own": lambda s: _body(
        f'data: {{"{s.label}":\r\ndata: {json.dumps(s.value)}}}\r\n\r\n', "text/event-stream"
    ),
    "gzip": lambda s: _coded(json.dumps({s.label: s.value}), "gzip"),
    "deflate": lambda s: _coded(json.dumps({s.label: s.value}), "deflate"),
    "br": lambda s: _coded(json.dumps({s.label: s.value}), "br"),
    "zstd": lambda s: _coded(json.dumps({s.label: s.value}), "zstd"),
    "gzip within zstd": lambda s: _coded(json.dumps({s.label: s.value}), "gzip", "zstd"),
    "exception text": lambda s: {"errors": (f"ValueError: bad credentials ({s.label}={quote(s.value)})",)},
    "exception with a dict": lambda s: {"errors": (f"KeyError: { ({'a': 1, s.label: s.value})!r}",)},
    "exception with headers": lambda s: {"errors": (f"{[(b'host', b'x'), (s.label.encode(), s.value.encode())]!r}",)},
    "exception with a url": lambda s: {"errors": (f"ConnectError for https://x.example/?{s.label}={quote(s.value)}",)},
    "exception with a body": lambda s: {
        "errors": (f"cannot read {json.dumps({'a': 1, s.label: s.value}).encode()!r}",)
    },
    "exception with a form": lambda s: {
        "errors": (f"cannot read {f'a=1&{s.label}={quote_plus(s.value)}'.encode()!r}",)
    },
    "exception with encoded json": lambda s: {"errors": (f"bad query: {quote(json.dumps({s.label: s.value}))}",)},
    "exception with json encoded twice": lambda s: {
        "errors": (f"bad query: {quote(quote(json.dumps({s.label: s.value})))}",)
    },
    "traceback": lambda s: {"traceback": f'  File "a.py", line 3\n    login({s.label}={s.value!r})\nLoginError: no\n'},
    "label": lambda s: {"labels": {s.label: s.value}},
    "text of a label": lambda s: {"labels": {"note": ["a", f"{s.label}={quote(s.value)}"]}},
    "fields": lambda s: {
        name: f"x {s.label}={quote(s.value)}"
        for name in ("method", "operation", "user_id", "tenant", "application", "integration", "log_type", "trace_id")
    },
    "run": lambda s: {"run": Run(job_id=f"{s.label}={quote(s.value)}", job_name=json.dumps({s.label: s.value}))},
    "first savepoint": lambda s: {"run": Run(initial_savepoint=f"https://a.example/?{s.label}={quote(s.value)}")},
    "variables": lambda s: {"variables": {"rows": [{"deep": {s.label: s.value}}], "text": f"{s.label}={s.value!r}"}},
    "savepoint": lambda s: {"run": Run(new_savepoint={s.label: s.value})},
}
BY_NAME: dict[str, Place] = {
    "header": lambda s: _header(f"X-{s.label}", s.value),
    "path parameter": lambda s: {
        "url": f"https://a.example/root/reset/{quote(s.value, safe='')}/go?a=b",
        "route": f"/reset/{{{s.label}}}/go",
    },
    "json number": lambda s: _body(f'{{"{s.label}": 88420193775566}}'),
    "json pair": lambda s: _body(json.dumps({"fields": [{"name": s.label, "type": "text", "value": s.value}]})),
    "json pair, turned": lambda s: _body(json.dumps([{"value": s.value, "key": s.label}])),
    "json list of pairs": lambda s: _body(json.dumps({"headers": [["host", "x"], [s.label, s.value]]})),
    "json pair in a query": lambda s: {"url": f"https://a.example/?q={quote(_pair(s))}"},
    "json pair in text": lambda s: _body(f"got {_pair(s)}, no more", "text/plain"),
    "exception with a json pair": lambda s: {"errors": (f"cannot read {_pair(s)}",)},
    "exception with a turned json pair": lambda s: {
        "errors": (f"cannot read {json.dumps([{'value': s.value, 'x': {'y': [1]}, 'name': s.label}])}",)
    },
    "exception with a pair in a dict": lambda s: {
        "errors": (f"cannot read { ({'name': s.label, 'x': '}', 'value': s.value})!r}",)
    },
    "exception with the repr of a json pair": lambda s: {"errors": (f"cannot read {_pair(s).encode()!r}",)},
    "event stream with a json pair": lambda s: _body(f"data: {_pair(s)}\n\n", "text/event-stream"),
    "value that FastAPI refuses": lambda s: _body(json.dumps({"detail": [_refusal(s)]})),
    "value that FastAPI refuses, turned": lambda s: _body(
        json.dumps({"detail": [dict(reversed([*_refusal(s, s.label, 0).items()]))]})
    ),
    "exception with a value that is refused": lambda s: {"errors": (f"RequestValidationError: {[_refusal(s)]!r}",)},
    "exception of pydantic": lambda s: {
        "errors": (
            f"ValidationError: 1 validation error for Login\nbody.{s.label}\n  Too short "
            f"[type=string_too_short, input_value={s.value!r}, input_type=str]\n    For further information",
        )
    },
    "json patch": lambda s: _body(json.dumps([{"op": "replace", "path": f"/user/{s.label}", "value": s.value}])),
    "pair in variables": lambda s: {"variables": {"fields": [{"name": s.label, "value": s.value}]}},
    "turned pair in variables": lambda s: {"variables": [{"val": [s.value], "n": 1, "key": s.label}]},
    "list of pairs in variables": lambda s: {"variables": {"headers": [("host", "x"), (s.label, s.value)]}},
    "json, cut": lambda s: _body(f'{{"a":"b","{s.label}":{json.dumps(s.value)[:-2]}', truncated=True),
    "form, cut": lambda s: _body(
        f"a=b&{s.label}={quote_plus(s.value)[:-2]}", "application/x-www-form-urlencoded", truncated=True
    ),
    "form, twice": lambda s: _body(f"{s.label}=&{s.label}={quote(s.value)}", "application/x-www-form-urlencoded"),
}
BY_SHAPE: dict[str, Place] = {
    "path": lambda s: {"url": f"https://a.example/files/{quote(s.value)}/x"},
    "any header": lambda s: _header("X-Note", f"see {s.value} there"),
    "user agent": lambda s: _header("User-Agent", f"bot/1 ({s.value})"),
    "header name": lambda s: {
        "request": Message(raw_headers=[(b"Host", b"a"), (f"X-{s.value}".replace(" ", "-").encode(), b"1")])
    },
    "cookie name": lambda s: _header("Cookie", f"a=b; {quote(s.value)}=1"),
    "attribute of a cookie": lambda s: _header("Set-Cookie", f"a=b; Path=/x/{quote(s.value)}/; HttpOnly", "response"),
    "multipart file name": lambda s: _multipart(f'name="upload"; filename="{s.value}.txt"', "hello"),
    "multipart field name": lambda s: _multipart(f'name="{s.value}"', "hello"),
    "content type": lambda s: _header("Content-Type", f"text/plain; note={s.value}"),
    "method": lambda s: {"method": s.value},
    "json, in a sentence": lambda s: _body(json.dumps({"note": f"use {s.value}, please"})),
    "json key": lambda s: _body(json.dumps({s.value: 1})),
    "json key of a secret": lambda s: _body(json.dumps({s.value: {s.value: "Bearer abcdef123456", "pin": 12345}})),
    "key of variables": lambda s: {"variables": {s.value: {"pin": 12345}}},
    "text, in a sentence": lambda s: _body(f"use {s.value}, please", "text/plain"),
    "xml text": lambda s: _body(f"<a><b>{s.value}</b></a>", "application/xml"),
    "operation": lambda s: {"operation": f"find {s.value}"},
    "user": lambda s: {"user_id": s.value},
    "correlation id": lambda s: {"trace_id": s.value},
    "run name": lambda s: {"run": Run(job_name=f"load {s.value}")},
}
CREDENTIALS: dict[str, Place] = {
    "authorization": lambda s: _header("Authorization", f"Bearer {s.value}"),
    "proxy authorization": lambda s: _header("Proxy-Authorization", f"Basic {s.value}"),
    "authorization in text": lambda s: {"errors": (f"sent Authorization: Bearer {s.value}",)},
    "bearer in json": lambda s: _body(json.dumps({"headers": {"x": f"Bearer {s.value}"}})),
    "bearer in prose": lambda s: {"errors": (f"the call with bearer {s.value} failed",)},
    "userinfo": lambda s: {"url": f"https://user:{quote(s.value)}@a.example/p"},
    "userinfo in text": lambda s: {"errors": (f"cannot reach postgres://app:{quote(s.value)}@db.example/x",)},
    "userinfo in json": lambda s: _body(json.dumps({"dsn": f"amqp://app:{quote(s.value)}@mq.example//"})),
    "signature": lambda s: _header("X-Hub-Signature-256", f"sha256={s.value}"),
    "stripe signature": lambda s: _header("Stripe-Signature", f"t=1492774577,v1={s.value}"),
    "presigned url": lambda s: {"url": f"https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature={s.value}"},
    "presigned url in json": lambda s: _body(
        json.dumps({"get": f"https://x.blob.core.windows.net/k?se=1&sig={s.value}"})
    ),
    "callback": lambda s: {"url": f"https://a.example/cb?code={s.value}&state={s.value[::-1]}"},
}
_CREDENTIAL = Secret("credential", "dXNlcjE6c2VjcmV0LXBhc3N3b3JkLTQy")


def _multipart(disposition: str, content: str) -> dict[str, Any]:
    body = (
        '--XyZ\r\nContent-Disposition: form-data; name="title"\r\n\r\nhello\r\n'
        f"--XyZ\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n--XyZ--\r\n"
    )
    return _body(body, "multipart/form-data; boundary=XyZ")


def _pair(secret: Secret) -> str:
    return json.dumps({"id": 7, "name": secret.label, "type": {"a": [1]}, "value": secret.value})


def _refusal(secret: Secret, *place: str | int) -> dict[str, Any]:
    """Return what FastAPI answers of a value that it refuses."""
    return {
        "type": "x", "loc": ["body", *(place or (secret.label,))], "msg": "Too short", "input": secret.value,
        "ctx": {"min_length": 300},
    }  # fmt: skip


def _coded(text: str, *codings: str) -> dict[str, Any]:
    """Return a message as it is read from the wire, with these content codings, the last one outermost."""
    data = text.encode()
    for coding in codings:
        data = _CODINGS[coding](data)
    body = Body(64 * 1024, content_type(b"application/json"), ", ".join(codings).encode())
    body.feed(data)
    body.ended = True
    return {"request": message([], body)}


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _unicode(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


@dataclass(frozen=True)
class Canary:
    """One secret in one place."""

    secret: Secret
    place: str
    fields: Callable[[], dict[str, Any]]

    def __str__(self) -> str:
        return f"{self.secret.kind}: {self.place}"

    def entry(self) -> Entry:
        """Return a new entry, not yet redacted, that holds the secret."""
        fields: dict[str, Any] = {"url": "https://a.example/", **self.fields()}
        return Entry(
            id=new_id(),
            kind="inbound",
            started_at=datetime(2026, 11, 20, tzinfo=UTC),
            status="completed",
            transaction_id=new_id(),
            **fields,
        )

    def assert_gone(self, out: bytes) -> None:
        """Fail where any eight bytes of the secret in a row are in what came out."""
        value = self.secret.value.encode()
        for form in {value, value[::-1], quote(value).encode(), json.dumps(self.secret.value)[1:-1].encode()}:
            for start in range(max(1, len(form) - FRAGMENT + 1)):
                assert form[start : start + FRAGMENT] not in out, f"{self}: {form[start : start + FRAGMENT]!r} leaked"


def _canaries() -> Iterator[Canary]:
    for secrets, tables in ((NAMED, (ANY, BY_NAME)), (SHAPED, (ANY, BY_SHAPE)), ([_CREDENTIAL], (CREDENTIALS,))):
        for secret in secrets:
            for table in tables:
                for place, fields in table.items():
                    if (secret.kind, place) == ("pem", "header name"):
                        continue  # it has blanks, which no name of a header can have
                    yield Canary(secret, place, lambda fields=fields, secret=secret: fields(secret))  # type: ignore[misc]


CANARIES = [*_canaries()]
