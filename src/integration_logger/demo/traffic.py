"""The traffic of the demo: a process of its own that calls the sample shop and its warehouse as others do.

Each call carries an ``X-Request-Id``. The ledger on standard output says which were sent and which were answered
completely; these must be in the log. The process ends when its standard input does, so it never outlives the demo.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode

import httpx

from integration_logger.demo import payloads, signatures
from integration_logger.demo.signatures import KEYS

CALLS_PER_SECOND = 8
MOST_AT_ONCE = 32
JSON = {"Content-Type": "application/json", "Accept": "*/*"}


class Call(NamedTuple):
    """One call as a partner or customer makes it."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    patience: float = 30
    """Seconds after which the caller leaves."""


Maker = Callable[[Random, str], Call]


GITHUB_EVENTS = (("push", payloads.github_push), ("pull_request", payloads.github_pull_request))


def github(r: Random, shop: str) -> Call:
    """Return a delivery of GitHub."""
    event, payload = r.choice(GITHUB_EVENTS)
    body = json.dumps(payload(r)).encode()
    return Call(
        "POST",
        f"{shop}/webhooks/github?account=acme",
        {
            **JSON,
            "User-Agent": f"GitHub-Hookshot/{payloads.hexadecimal(r, 7)}",
            "X-GitHub-Delivery": str(uuid.UUID(int=r.getrandbits(128), version=4)),
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": "292430182",
            "X-GitHub-Hook-Installation-Target-ID": "79929171",
            "X-GitHub-Hook-Installation-Target-Type": "repository",
            "X-Hub-Signature-256": signatures.github(KEYS["github"], body),
        },
        body,
    )


STRIPE_EVENTS = ("payment_intent.succeeded", "charge.succeeded", "charge.failed", "invoice.paid")


def stripe(r: Random, shop: str) -> Call:
    """Return an event of Stripe."""
    return _stripe(r, shop, r.choice(STRIPE_EVENTS), KEYS["stripe"])


def dispute(r: Random, shop: str) -> Call:
    """Return an event of Stripe that the shop has no handler for."""
    return _stripe(r, shop, "charge.dispute.created", KEYS["stripe"])


def forged(r: Random, shop: str) -> Call:
    """Return an event that claims to be Stripe's and is not."""
    return _stripe(r, shop, "payment_intent.succeeded", b"guessed")


def _stripe(r: Random, shop: str, kind: str, key: bytes) -> Call:
    body = json.dumps(payloads.stripe_event(r, kind), indent=2).encode()
    headers = {
        "Accept": "*/*; q=0.5, application/xml",
        "Cache-Control": "no-cache",
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": signatures.stripe(key, body, int(time.time())),
    }
    return Call("POST", f"{shop}/webhooks/stripe?account={r.choice(payloads.ACCOUNTS)}", headers, body)


SHOPIFY_EVENTS = (("orders/create", payloads.shopify_order), ("products/update", payloads.shopify_product))


def shopify(r: Random, shop: str) -> Call:
    """Return a webhook of Shopify."""
    topic, payload = r.choice(
        (("orders/create", payloads.shopify_order), ("products/update", payloads.shopify_product))
    )
    account = r.choice(payloads.ACCOUNTS)
    body = json.dumps(payload(r), ensure_ascii=False).encode()
    headers = {
        **JSON,
        "Accept-Encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-API-Version": "2026-10",
        "X-Shopify-Hmac-Sha256": signatures.shopify(KEYS["shopify"], body),
        "X-Shopify-Shop-Domain": f"{account}.myshopify.example.com",
        "X-Shopify-Topic": topic,
        "X-Shopify-Triggered-At": payloads.now(),
        "X-Shopify-Webhook-Id": str(uuid.UUID(int=r.getrandbits(128), version=4)),
    }
    return Call("POST", f"{shop}/webhooks/shopify?account={account}", headers, body)


def twilio(r: Random, shop: str) -> Call:
    """Return a text message as Twilio passes it on."""
    url = f"{shop}/webhooks/twilio?account=globex"
    form = payloads.twilio_message(r)
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "I-Twilio-Idempotency-Token": str(uuid.UUID(int=r.getrandbits(128), version=4)),
        "User-Agent": "TwilioProxy/1.1",
        "X-Home-Region": "us1",
        "X-Twilio-Signature": signatures.twilio(KEYS["twilio"], url, form),
    }
    return Call("POST", url, headers, urlencode(form).encode())


def _app(r: Random, shop: str, method: str, path: str, body: object = None, patience: float = 30) -> Call:
    headers = {
        **JSON,
        "Accept-Encoding": "gzip, deflate",
        "Authorization": f"Bearer {payloads.letters(r, 32)}",
        "User-Agent": r.choice(("SampleShop/4.2 (iOS 26.1)", "SampleShop/4.1 (Android 16)", "python-httpx/0.28.1")),
    }
    mark = "&" if "?" in path else "?"
    url = f"{shop}{path}{mark}account={r.choice(payloads.ACCOUNTS)}"
    return Call(method, url, headers, b"" if body is None else json.dumps(body).encode(), patience)


def create_order(r: Random, shop: str) -> Call:
    """Return an order of a customer."""
    return _app(r, shop, "POST", "/api/orders", payloads.order(r))


def same_order(r: Random, shop: str) -> Call:
    """Return an order under one reference, which is taken from the second time on."""
    return _app(r, shop, "POST", "/api/orders", {**payloads.order(r), "reference": "R-000001"})


def empty_order(r: Random, shop: str) -> Call:
    """Return an order of nothing."""
    return _app(r, shop, "POST", "/api/orders", {**payloads.order(r), "lines": []})


def broken_order(r: Random, shop: str) -> Call:
    """Return an order that lacks what an order needs."""
    return _app(r, shop, "POST", "/api/orders", {"reference": 12, "lines": [{"sku": "MUG-01", "quantity": "two"}]})


def list_orders(r: Random, shop: str) -> Call:
    """Return a look at the newest orders."""
    return _app(r, shop, "GET", "/api/orders?limit=50")


def missing_order(r: Random, shop: str) -> Call:
    """Return a question for an order that does not exist."""
    return _app(r, shop, "GET", f"/api/orders/R-{payloads.number(r, 6)}x")


def export_orders(r: Random, shop: str) -> Call:
    """Return a download that is answered line by line."""
    return _app(r, shop, "GET", "/api/orders/export")


def shipping_rates(r: Random, shop: str) -> Call:
    """Return a question that takes the shop some seconds."""
    return _app(r, shop, "GET", "/api/shipping/rates?country=PT")


def impatient(r: Random, shop: str) -> Call:
    """Return a question whose answer the customer does not wait for."""
    return _app(r, shop, "GET", "/api/shipping/rates?country=NZ", patience=1)


def refund(r: Random, shop: str) -> Call:
    """Return a refund, at which the shop fails."""
    return _app(r, shop, "POST", "/api/refunds", {"order": f"R-{payloads.number(r, 6)}", "reason": "damaged"})


def events(r: Random, shop: str) -> Call:
    """Return a batch of analytics events, compressed by the client."""
    names = ("page_view", "add_to_cart", "search", "checkout")
    lines = [
        json.dumps({"event": r.choice(names), "at": payloads.now(), "visitor": payloads.letters(r, 12)})
        for _ in range(20)
    ]
    call = _app(r, shop, "POST", "/api/events")
    headers = {**call.headers, "Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    return call._replace(headers=headers, body=gzip.compress("\n".join(lines).encode()))


def upload_photo(r: Random, shop: str) -> Call:
    """Return a photo as a browser's form uploads it."""
    photo = ("mug.jpg", b"\xff\xd8\xff\xe0" + r.randbytes(payloads.number(r, 5)), "image/jpeg")
    form = httpx.Request("POST", shop, data={"alt": "A mug on a table"}, files={"photo": photo})
    call = _app(r, shop, "POST", "/api/products/MUG-01/photo")
    return call._replace(headers={**call.headers, "Content-Type": form.headers["Content-Type"]}, body=form.read())


def stock_change(r: Random, warehouse: str) -> Call:
    """Return what a scanner has moved; it does not know everything on the shelves."""
    sku, *_ = r.choice((*payloads.PRODUCTS, ("GIFT-9", "Voucher", 0)))
    change = {"sku": sku, "by": r.randrange(-9, 10), "scanner": f"scanner-{r.randrange(1, 5)}"}
    headers = {**JSON, "Authorization": f"Bearer {KEYS['scanners'].decode()}", "User-Agent": "ShelfScanner/2.8"}
    url = f"{warehouse}/webhooks/stock?account={r.choice(payloads.ACCOUNTS)}"
    return Call("POST", url, headers, json.dumps(change).encode())


def list_stock(r: Random, warehouse: str) -> Call:
    """Return a look at what there is, which is answered line by line."""
    return _app(r, warehouse, "GET", "/api/stock.csv")


def count_stock(r: Random, warehouse: str) -> Call:
    """Return a wish to have everything counted, at which the warehouse fails."""
    return _app(r, warehouse, "POST", "/api/counts", {"shelf": f"S-{payloads.number(r, 2)}"})


WAREHOUSE: dict[Maker, int] = {stock_change: 7, list_stock: 2, count_stock: 1}
MIX: dict[Maker, int] = WAREHOUSE | {
    stripe: 22, shopify: 18, github: 14, twilio: 9, create_order: 12, list_orders: 8, events: 4, upload_photo: 2,
    export_orders: 3, missing_order: 3, shipping_rates: 2, same_order: 2, broken_order: 2, empty_order: 1,
    refund: 1, dispute: 1, forged: 1, impatient: 1,
}  # fmt: skip
"""How often each kind of call is made, in parts of about a hundred; what is not for the warehouse is for the shop."""


async def send(client: httpx.AsyncClient, call: Call) -> None:
    """Make one call and keep the ledger about it."""
    marker = str(uuid.uuid4())
    headers = {**call.headers, "X-Request-Id": marker}
    request = httpx.Request(call.method, call.url, headers=headers, content=call.body)
    note(f"sent {marker}")
    try:
        async with asyncio.timeout(call.patience):
            await client.send(request)
    except (httpx.HTTPError, TimeoutError):
        return
    note(f"answered {marker}")


def note(line: str) -> None:
    """Write a line of the ledger, at once, because it is read after a crash too."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def run(shop: str, warehouse: str, seed: int) -> None:
    """Call both in a natural rhythm until standard input ends; calls under way are brought to their end."""
    r = Random(seed)
    end = asyncio.create_task(_end_of_input())
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client, asyncio.TaskGroup() as calls:
        at_once = asyncio.Semaphore(MOST_AT_ONCE)
        for maker in mixed(r):
            call = maker(r, warehouse if maker in WAREHOUSE else shop)
            calls.create_task(_bounded(at_once, client, call))
            await asyncio.wait([end], timeout=r.expovariate(CALLS_PER_SECOND))
            if end.done():
                break


def mixed(r: Random) -> Iterator[Maker]:
    """Yield each kind of call once, so that a short look shows them all, and then the mix for ever."""
    yield from r.sample(list(MIX), len(MIX))
    while True:
        yield from r.choices(list(MIX), list(MIX.values()))


async def _bounded(at_once: asyncio.Semaphore, client: httpx.AsyncClient, call: Call) -> None:
    async with at_once:
        await send(client, call)


async def _end_of_input() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], seed=int(sys.argv[3])))
