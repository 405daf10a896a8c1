"""Make the zstd dictionary of payloads: ``python -m integration_logger.stores.sql.make_dictionary``.

The corpus is invented here, from words and shapes that calls between applications have in common. Run it
only for a new version of the payload: what was written with a dictionary can be read with that one alone.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import zstandard

SAMPLES = 6_000
SIZE = 16 * 1024  # measured: larger ones neither shrink payloads further nor cost less

_random = random.Random(20261121)  # noqa: S311 - a corpus that is the same each time
_pick = _random.choice

_KEYS = (
    "id", "object", "type", "name", "status", "created_at", "updated_at", "email", "phone", "currency", "amount",
    "total", "subtotal", "price", "quantity", "description", "title", "sku", "url", "metadata", "customer", "order",
    "payment", "address", "line1", "line2", "city", "state", "country", "postal_code", "first_name", "last_name",
    "items", "lines", "data", "attributes", "properties", "event", "events", "timestamp", "created", "livemode",
    "message", "messages", "text", "body", "from", "to", "subject", "user", "user_id", "account_id", "product_id",
    "order_id", "customer_id", "external_id", "reference", "tags", "note", "notes", "source", "channel", "locale",
    "language", "timezone", "version", "api_version", "request_id", "correlation_id", "success", "error", "errors",
    "code", "detail", "reason", "results", "result", "count", "page", "per_page", "next", "previous", "has_more",
    "cursor", "limit", "offset", "query", "filters", "fields", "value", "values", "key", "label", "enabled",
    "active", "deleted", "archived", "paid", "refunded", "shipping", "billing", "tax", "discount", "fulfillment",
    "tracking_number", "carrier", "weight", "variant", "vendor", "inventory", "image", "images", "src", "width",
    "height", "repository", "sender", "ref", "commits", "author", "committer", "branch", "action", "workflow",
    "score", "rank", "stage", "pipeline", "deal", "contact", "company", "owner", "latitude", "longitude",
)  # fmt: skip
_WORDS = (
    "active", "pending", "completed", "failed", "cancelled", "succeeded", "processing", "paid", "open", "closed",
    "created", "updated", "order", "payment", "invoice", "customer", "product", "message", "delivered", "queued",
    "not found", "invalid request", "unauthorized", "internal server error", "validation error", "too many requests",
    "EUR", "USD", "BRL", "GBP", "en", "pt-BR", "de", "webhook", "api", "web", "mobile", "default", "standard",
)  # fmt: skip
_TYPES = (
    "application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded", "text/html",
    "text/html; charset=utf-8", "text/plain; charset=utf-8", "application/xml", "application/problem+json",
    "application/octet-stream", "text/event-stream", "multipart/form-data",
)  # fmt: skip
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari",
    "python-httpx/0.28.1", "python-requests/2.32.3", "curl/8.5.0", "GitHub-Hookshot/", "Stripe/1.0 (+https://stripe.com/",
    "TwilioProxy/1.1", "Shopify-Captain-Hook", "PostmanRuntime/7.43.0", "okhttp/4.12.0", "axios/1.7.9", "node",
)  # fmt: skip
_PLACES = ("request header", "response header", "request body", "response body", "url query")


def main() -> None:
    samples: list[Any] = [_payload() for _ in range(SAMPLES)]
    data = zstandard.train_dictionary(SIZE, samples, level=1).as_bytes()
    Path(__file__).with_name("payload-1.dict").write_bytes(data)
    sys.stdout.write(f"{len(data)} bytes from {SAMPLES} samples of {sum(map(len, samples)) // SAMPLES} bytes\n")


def _payload() -> bytes:
    """Return one payload as the store compresses it (see ``payload.py``)."""
    variables = _document(2) if _random.random() < 0.05 else None
    traceback = _traceback() if _random.random() < 0.05 else None
    redacted = [f"{_pick(_PLACES)} {_pick(_KEYS)}: name" for _ in range(_random.randrange(4))]
    parts = (_request_headers(), _body(), _response_headers(), _body(), variables, traceback, redacted)
    return msgspec.msgpack.encode(parts)


def _request_headers() -> list[tuple[bytes, bytes]]:
    headers = [
        ("host", _pick(("api.example.com", "www.example.com", "localhost:8000", "127.0.0.1:8000"))),
        ("user-agent", _pick(_AGENTS)),
        ("accept", _pick(("*/*", "application/json", "application/json, text/plain, */*", "text/html,*/*;q=0.8"))),
        ("accept-encoding", _pick(("gzip, deflate", "gzip, deflate, br", "gzip, deflate, br, zstd", "identity"))),
        ("accept-language", _pick(("en-US,en;q=0.9", "pt-BR,pt;q=0.9", "de-DE,de;q=0.9"))),
        ("connection", _pick(("keep-alive", "close"))),
        ("content-type", _pick(_TYPES)),
        ("content-length", str(_random.randrange(3000))),
        ("authorization", "[REDACTED]"),
        ("cookie", "[REDACTED]"),
        ("x-api-key", "[REDACTED]"),
        ("x-forwarded-for", _address()),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", _address()),
        ("x-request-id", _hex(32)),
        ("x-correlation-id", _uuid()),
        ("idempotency-key", _uuid()),
        ("traceparent", f"00-{_hex(32)}-{_hex(16)}-01"),
        ("origin", "https://www.example.com"),
        ("referer", "https://www.example.com/"),
        ("stripe-signature", "[REDACTED]"),
        ("x-hub-signature-256", "[REDACTED]"),
        ("x-github-event", _pick(("push", "pull_request", "issues", "ping"))),
        ("x-github-delivery", _uuid()),
        ("x-shopify-topic", _pick(("orders/create", "orders/paid", "products/update", "customers/create"))),
        ("x-shopify-hmac-sha256", "[REDACTED]"),
        ("x-shopify-shop-domain", "example.myshopify.com"),
        ("x-twilio-signature", "[REDACTED]"),
    ]
    return _some(headers, 7)


def _response_headers() -> list[tuple[bytes, bytes]]:
    headers = [
        ("content-type", _pick(_TYPES)),
        ("content-length", str(_random.randrange(3000))),
        ("content-encoding", _pick(("gzip", "br", "zstd"))),
        ("transfer-encoding", "chunked"),
        ("connection", _pick(("keep-alive", "close"))),
        ("date", _date()),
        ("last-modified", _date()),
        ("server", _pick(("uvicorn", "gunicorn", "nginx", "cloudflare", "nginx/1.24.0 (Ubuntu)"))),
        ("cache-control", _pick(("no-cache", "no-store", "private, max-age=0", "public, max-age=3600"))),
        ("vary", _pick(("Accept-Encoding", "Origin", "Accept, Origin", "Accept-Language, Cookie"))),
        ("etag", f'W/"{_hex(32)}"'),
        ("location", f"https://api.example.com/v1/{_pick(_KEYS)}/{_random.randrange(10**6)}"),
        ("set-cookie", "[REDACTED]; Path=/; HttpOnly; Secure; SameSite=Lax"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", _pick(("DENY", "SAMEORIGIN"))),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("x-ratelimit-limit", "1000"),
        ("x-ratelimit-remaining", str(_random.randrange(1000))),
        ("retry-after", str(_random.randrange(120))),
        ("x-request-id", _hex(32)),
        ("x-powered-by", _pick(("Express", "PHP/8.2.0", "ASP.NET"))),
    ]
    return _some(headers, 6)


def _some(headers: list[tuple[str, str]], number: int) -> list[tuple[bytes, bytes]]:
    chosen = [pair for pair in headers if _random.random() < number / len(headers)]
    return [(name.encode(), value.encode()) for name, value in chosen]


def _body() -> bytes | None:
    shape = _random.random()
    if shape < 0.15:
        return None
    if shape < 0.75:
        separators = _pick(((",", ":"), (", ", ": ")))
        return json.dumps(_document(3), separators=separators).encode()
    if shape < 0.88:
        return urlencode([(_pick(_KEYS), _scalar()) for _ in range(_random.randrange(3, 15))]).encode()
    return _markup().encode()


def _document(depth: int) -> dict[str, Any]:
    return {_pick(_KEYS): _value(depth) for _ in range(_random.randrange(3, 10))}


def _value(depth: int) -> Any:
    shape = _random.random()
    if depth and shape < 0.15:
        return _document(depth - 1)
    if depth and shape < 0.25:
        keys = _random.sample(_KEYS, _random.randrange(2, 7))
        return [{key: _scalar() for key in keys} for _ in range(_random.randrange(1, 6))]
    return _scalar()


def _scalar() -> Any:
    return _pick((
        None, True, False, _random.randrange(100), _random.randrange(10**7), round(_random.random() * 1000, 2),
        _pick(_WORDS), _pick(_WORDS), f"2026-{_random.randrange(1, 13):02}-{_random.randrange(1, 29):02}",
        f"2026-11-{_random.randrange(1, 29):02}T{_random.randrange(24):02}:{_random.randrange(60):02}:00Z",
        f"2026-11-21T08:30:{_random.randrange(60):02}.{_random.randrange(10**6):06}+00:00", _uuid(), _hex(24),
        f"https://api.example.com/v1/{_pick(_KEYS)}/{_random.randrange(10**6)}", f"{_pick(_WORDS)}@example.com",
        "[REDACTED]", "", [], {},
    ))  # fmt: skip


def _markup() -> str:
    tags = "".join(f"<{key}>{_pick(_WORDS)}</{key}>" for key in _random.sample(_KEYS, 8))
    return _pick((
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{tags}</Response>',
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_pick(_WORDS)}</title>\n'
        f'</head>\n<body>\n<div class="{_pick(_WORDS)}">\n<h1>{_pick(_WORDS)}</h1>\n<p>{_pick(_WORDS)}</p>\n'
        "</div>\n</body>\n</html>",
        f"event: {_pick(_WORDS)}\ndata: {json.dumps(_document(0))}\n\n" * 4,
    ))  # fmt: skip


def _traceback() -> str:
    frames = "".join(
        f'  File "/app/{_pick(_KEYS)}.py", line {_random.randrange(400)}, in {_pick(_KEYS)}\n    {_pick(_KEYS)}()\n'
        for _ in range(6)
    )
    return f"Traceback (most recent call last):\n{frames}{_pick(('ValueError', 'KeyError', 'httpx.ReadTimeout'))}: \n"


def _date() -> str:
    day = _pick(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
    time = f"{_random.randrange(24):02}:{_random.randrange(60):02}:{_random.randrange(60):02}"
    return f"{day}, {_random.randrange(1, 29):02} Nov 2026 {time} GMT"


def _address() -> str:
    return f"203.0.113.{_random.randrange(256)}"


def _hex(digits: int) -> str:
    return f"{_random.getrandbits(4 * digits):0{digits}x}"


def _uuid() -> str:
    return "-".join(_hex(digits) for digits in (8, 4, 4, 4, 12))


if __name__ == "__main__":
    main()
