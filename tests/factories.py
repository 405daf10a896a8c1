"""Realistic entries, all invented: what a shop and its partners would say to each other."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from integration_logger.entry import Entry, InFlight, Message
from integration_logger.ids import new_id

PARTNERS = {
    "stripe": ("/webhooks/stripe", "payment_intent.succeeded", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
    "github": ("/webhooks/github", "push", "GitHub-Hookshot/7f2c1aa"),
    "shopify": ("/webhooks/shopify", "orders/create", "Shopify-Captain-Hook"),
    "twilio": ("/webhooks/twilio", "message.received", "TwilioProxy/1.1"),
    "hubspot": ("/webhooks/hubspot", "contact.creation", "HubSpot Connect 2.0"),
}
STATUS_CODES = (200,) * 88 + (201,) * 4 + (404,) * 3 + (422,) * 2 + (500,) * 2 + (503,)
EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
_NAMES = ("ana", "bruno", "carla", "diego", "elena", "fabio", "gilda", "hugo", "iris", "joana", "kaori", "lucas")
_GOODS = ("lamp", "chair", "table", "shelf", "mirror", "carpet", "vase", "clock", "basket", "candle", "blanket")


def make_entry(rng: random.Random | None = None, *, body_size: int = 1024, **overrides: Any) -> Entry:
    """Return one finished inbound call with twelve headers and bodies of about the given size."""
    rng = rng or random.Random()
    integration = rng.choice([*PARTNERS])
    path, operation, agent = PARTNERS[integration]
    code = overrides.get("status_code", rng.choice(STATUS_CODES))
    failed = code is None or code >= 400
    fields: dict[str, Any] = {
        "id": new_id(),
        "kind": "inbound",
        "started_at": EPOCH + timedelta(microseconds=rng.randrange(20 * 86400 * 10**6)),
        "status": "failed" if failed else "completed",
        "transaction_id": new_id(),
        "trace_id": new_id().replace("-", ""),
        "tenant": f"customer-{rng.randrange(200)}",
        "application": rng.choice(("shop", "billing", "sales-bot")),
        "integration": integration,
        "operation": operation,
        "log_type": "events",
        "user_id": str(rng.randrange(100_000)) if rng.random() < 0.7 else None,
        "labels": {"environment": "production", "source_id": str(rng.randrange(50)), "category": "webhook"},
        "status_code": code,
        "error_type": None if not failed else "exception" if code is None else f"http_{code // 100}xx",
        "errors": (f"{integration} was answered with {code}",) if failed else (),
        "has_errors": failed,
        "first_byte": rng.randrange(1_000, 50_000) / 1e6,
        "duration": min(int(rng.lognormvariate(10.5, 1.0)), 59_000_000) / 1e6,
        "method": rng.choice(("POST",) * 9 + ("GET",)),
        "url": f"https://shop.example.com{path}?delivery={rng.randrange(10**9)}",
        "host": "shop.example.com",
        "route": path,
        "http_version": "1.1",
        "client_ip": f"203.0.113.{rng.randrange(256)}",
        "server_host": "web-1",
        "request": make_message(rng, body_size, agent, request=True),
        "response": make_message(rng, body_size, agent, request=False),
        "redacted": ("request header authorization: name",),
    }
    return Entry(**fields | {"expires_at": fields["started_at"] + timedelta(days=30)} | overrides)


def make_message(rng: random.Random, body_size: int, agent: str, *, request: bool) -> Message:
    """Return one half of a call; the request has seven headers, the response five."""
    body = make_body(rng, body_size) if body_size else b""
    headers = _request_headers(rng, body, agent) if request else _response_headers(rng, body)
    return Message(
        raw_headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        body=body,
        content_type="application/json",
        size=len(body),
    )


def _request_headers(rng: random.Random, body: bytes, agent: str) -> tuple[tuple[str, str], ...]:
    return (
        ("host", "shop.example.com"),
        ("user-agent", agent),
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("authorization", "[REDACTED]"),
        ("x-request-id", f"{rng.getrandbits(128):032x}"),
    )


def _response_headers(rng: random.Random, body: bytes) -> tuple[tuple[str, str], ...]:
    return (
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("date", "Sat, 21 Nov 2026 08:30:00 GMT"),
        ("server", "uvicorn"),
        ("x-correlation-id", f"{rng.getrandbits(64):016x}"),
    )


def make_body(rng: random.Random, size: int) -> bytes:
    """Return a JSON document of about so many bytes: an order with its lines."""
    order: dict[str, Any] = {
        "id": f"ord_{rng.getrandbits(64):x}",
        "customer": {"name": rng.choice(_NAMES), "email": f"{rng.choice(_NAMES)}{rng.randrange(10**4)}@example.com"},
        "currency": rng.choice(("EUR", "USD", "BRL")),
        "total": rng.randrange(1, 10**6) / 100,
        "paid": rng.random() < 0.8,
        "lines": [],
    }
    length = len(json.dumps(order))
    while length < size - 60:
        line = {
            "sku": f"{rng.randrange(10**6):06}",
            "title": f"{rng.choice(_GOODS)} {rng.choice(_GOODS)}",
            "quantity": rng.randrange(1, 9),
            "price": rng.randrange(1, 10**5) / 100,
            "note": None if rng.random() < 0.5 else " ".join(rng.choices(_GOODS, k=4)),
        }
        order["lines"].append(line)
        length += len(json.dumps(line)) + 2
    return json.dumps(order).encode()


def make_in_flight(owner: str = "0199c0de-0000-7000-8000-000000000001", **overrides: Any) -> InFlight:
    """Return a call that has begun and not ended."""
    unknown: dict[str, Any] = dict.fromkeys(("status_code", "first_byte", "duration", "error_type", "response"))
    begun = unknown | {"status": "processing", "errors": (), "has_errors": False}
    entry = make_entry(body_size=0, **begun | overrides)
    return InFlight(owner=owner, entry=entry)
