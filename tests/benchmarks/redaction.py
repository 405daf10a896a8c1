"""What redaction costs, beside ``json.loads`` of the same bytes: ``python -m tests.benchmarks.redaction``."""

from __future__ import annotations

import gc
import json
import random
import string
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from integration_logger.entry import Entry, Message
from integration_logger.redaction import Redactor

WORDS = [
    "amount",
    "currency",
    "customer",
    "description",
    "created",
    "status",
    "livemode",
    "metadata",
    "charge",
    "invoice",
    "line",
    "quantity",
    "price",
    "product",
    "name",
    "email",
    "address",
    "city",
    "country",
    "phone",
    "shipping",
    "total",
    "discount",
    "updated",
    "region",
    "quote",
    "delivery",
    "weight",
    "vendor",
    "handle",
    "tags",
    "variant",
    "title",
    "published",
    "author",
    "tokens_used",
]
HEADERS = [
    (b"host", b"shop.example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0"),
    (b"accept", b"application/json, text/plain, */*"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"accept-language", b"pt-BR,pt;q=0.9,en;q=0.8"),
    (b"content-type", b"application/json"),
    (b"content-length", b"1024"),
    (b"connection", b"keep-alive"),
    (b"x-request-id", b"0198f0c1-7a3b-7c1d-9e2f-0a1b2c3d4e5f"),
    (b"x-forwarded-for", b"203.0.113.9"),
    (b"x-forwarded-proto", b"https"),
    (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
]
ANSWER = [(b"content-type", b"application/json"), (b"content-length", b"1024"), (b"server", b"uvicorn")]
CREDENTIALS = [(b"authorization", b"Bearer abcdef0123456789abcdef"), (b"cookie", b"theme=dark; sid=0123456789abcdef")]


def document(size: int, *, ids: bool = False, accents: bool = False) -> dict[str, Any]:
    """Return data that JSON writes in about that many bytes, without a secret in it."""
    rng = random.Random(size)
    records: list[dict[str, Any]] = []
    data: dict[str, Any] = {"object": "list", "data": records}
    while True:
        record: dict[str, Any] = {word: _value(rng) for word in rng.sample(WORDS, 10)}
        if ids:
            record["id"] = rng.randrange(10**12, 10**19)
        if accents:
            record["title"] = "Jo\u00e3o comprou p\u00e3o na padaria"
        records.append(record)
        if len(json.dumps(data)) > size:
            records.pop()
            data["pad"] = "x" * max(0, size - len(json.dumps(data)) - 10)
            return data


def _value(rng: random.Random) -> Any:
    word = rng.choice(WORDS)
    texts = (word, f"{word} of {rng.choice(WORDS)}", f"https://api.example.com/v1/{word}/{rng.randrange(1000)}")
    return rng.choice((True, None, rng.randrange(100_000), "2026-11-20T10:11:12Z", f"{word}@example.com", *texts))


def clean(size: int, **kinds: bool) -> bytes:
    return json.dumps(document(size, **kinds)).encode()


def masked(size: int) -> bytes:
    data = document(size - 110)
    data["data"][0]["password"] = "hunter2-hunter2"
    data["data"][-1]["api_key"] = "9f8e7d6c5b4a3928"
    return json.dumps({**data, "card_number": 4111111111111111}).encode()


def hostile(size: int) -> dict[str, bytes]:
    rng = random.Random(1)
    return {
        "quotes": b'"' * size,
        "backslashes": b'"' + b"\\" * (size - 2) + b'"',
        "a": b"a" * size,
        "brackets": b"[" * size,
        "braces and a suspect": b'{"password":' + b"{" * (size - 12),
        "near misses": b'{"tokens":1,"passwor":2,"secre":3,"api_ke":4}' * (size // 45),
        "digits": b"4" * size,
        "number by number": b"4111111111111112 " * (size // 17),
        "noise": bytes(rng.choices(string.printable.encode(), k=size)),
        "percent": b"%41" * (size // 3),
        "escapes": b'"' + b"\\u0041" * (size // 6) + b'"',
        "angles": b"<" * size,
        "at signs": b"://a:b" * (size // 6),
    }


def entry(
    body: bytes, *, headers: list[tuple[bytes, bytes]] = HEADERS, content_type: str = "application/json"
) -> Entry:
    limit = 72 * 1024
    message = {"content_type": content_type, "size": len(body), "truncated": len(body) > limit}
    return Entry(
        id="0198f0c1-7a3b-7c1d-9e2f-0a1b2c3d4e5f",
        kind="inbound",
        started_at=datetime(2026, 11, 20, tzinfo=UTC),
        status="completed",
        transaction_id="0198f0c1-7a3b-7c1d-9e2f-0a1b2c3d4e5f",
        url="https://shop.example.com/orders/17?page=2",
        host="shop.example.com",
        route="/orders/{id}",
        request=Message(raw_headers=headers, body=body[:limit], **message),
        response=Message(raw_headers=ANSWER, body=body[:limit], **message),
    )


_ENTRIES = 300


def best(call: Callable[[], object], number: int = 0) -> float:
    """Return the microseconds of one call, the fastest of several rounds."""
    timer = timeit.Timer(call)
    number = number or max(1, int(0.02 / max(timer.timeit(1), 1e-7)))
    gc.disable()
    try:
        return min(timer.repeat(7, number)) / number * 1e6
    finally:
        gc.enable()


def redaction(redactor: Redactor, body: bytes, **kinds: Any) -> float:
    """Return the microseconds of one redaction; each needs an entry of its own, which is not counted."""
    rounds = []
    gc.disable()
    for _ in range(9):
        waiting = iter([entry(body, **kinds) for _ in range(_ENTRIES)])
        rounds.append(timeit.timeit(lambda waiting=waiting: redactor.redact(next(waiting), 65536), number=_ENTRIES))
    gc.enable()
    return min(rounds) / _ENTRIES * 1e6


def main() -> None:
    redactor = Redactor()
    print(f"{'two bodies of':32}{'redact':>10}{'json.loads':>12}   (µs; json.loads of both)")
    for size in (0, 1024, 16 * 1024, 256 * 1024):
        cases: dict[str, tuple[bytes, dict[str, Any]]] = {"clean": (clean(size) if size else b"", {})}
        if size:
            cases["clean, credentials in headers"] = (clean(size), {"headers": HEADERS + CREDENTIALS})
            cases["clean, long ids"] = (clean(size, ids=True), {})
            cases["clean, \\u00e3"] = (clean(size, accents=True), {})
            cases["three masked"] = (masked(size), {})
        for name, (body, kinds) in cases.items():
            loads = 2 * best(lambda body=body: json.loads(body)) if body else 0.0
            print(f"{size // 1024:4} KiB {name:24}{redaction(redactor, body, **kinds):10.1f}{loads:12.1f}")
    print(f"\n{'1 MiB, hostile':32}{'redact':>10}   (ms, one body)")
    for name, body in hostile(1024 * 1024).items():
        for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "application/xml"):
            one = Entry(
                id="x", kind="call", started_at=datetime.now(UTC), status="completed", transaction_id="x",
                request=Message(body=body, content_type=kind),
            )  # fmt: skip
            cost = timeit.timeit(partial(redactor.redact, one, len(body)), number=1) * 1e3
            print(f"{name:32}{cost:10.1f}   {kind}")


if __name__ == "__main__":
    main()
