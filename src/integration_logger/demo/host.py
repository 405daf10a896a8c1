"""The sample host: a small shop with webhooks of its partners, an API of its own, and the log browser at /logs."""

from __future__ import annotations

import asyncio
import gzip
import hmac
import json
import random
import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel

from integration_logger import HEALTH_CHECKS, IntegrationLogger
from integration_logger.demo import jobs, partners, signatures
from integration_logger.demo.partners import Partners
from integration_logger.demo.signatures import KEYS

if TYPE_CHECKING:
    from integration_logger.capture import Capture, Detached
    from integration_logger.viewer.access import Authorize

REQUEST_ID = "x-request-id"
KEPT_ORDERS = 200


async def database() -> None:
    """Take as long as the database of a real shop would, 30 ms in the median."""
    await asyncio.sleep(random.lognormvariate(-3.5, 0.8))


webhooks = APIRouter(prefix="/webhooks", dependencies=[Depends(database)])
api = APIRouter(prefix="/api", dependencies=[Depends(database)])


class PaymentProviderDown(RuntimeError):
    """The exception that the shop does not handle, so that the log has one to show."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Let jobs run, and close the connections to partners at the end."""
    async with app.state.partners.lifespan(), jobs.working(app):
        yield


def shop(log: IntegrationLogger, authorize: Authorize) -> FastAPI:
    """Return the shop, its calls recorded by ``log``, whose browser it mounts at ``/logs``."""
    asked = Partners(log)
    app = FastAPI(title="Sample shop", lifespan=lifespan)
    app.state.log = log
    app.state.partners = asked
    app.state.orders = {}
    app.include_router(webhooks)
    app.include_router(api)
    app.add_api_route("/healthz", healthy)
    app.add_api_route("/", lambda: RedirectResponse("logs/"), include_in_schema=False)
    app.mount(partners.PATH, partners.app)
    app.mount("/logs", log.viewer(authorize=authorize, title="Sample shop", applications=lambda _: jobs.APPLICATIONS))
    app.add_middleware(GZipMiddleware)
    app.add_middleware(log.asgi, labels=labels, exclude=[*HEALTH_CHECKS, f"{partners.PATH}/*"])
    return app


def labels(scope: MutableMapping[str, Any]) -> dict[str, object]:
    """Say which third party, which part of the shop and which of its customers a call belongs to."""
    area, _, name = scope["path"].strip("/").partition("/")
    headers = dict(scope["headers"])
    tenant = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("account")
    return {
        "integration": name if area == "webhooks" else "storefront",
        "application": "webhooks" if area == "webhooks" else "shop-api",
        "tenant": tenant,
        "request_id": headers.get(REQUEST_ID.encode(), b"").decode("latin-1") or None,
        "environment": "demo",
    }


def current(request: Request) -> Capture | Detached:
    """Return the entry in the making, to label it."""
    log: IntegrationLogger = request.app.state.log
    return log.current()


async def healthy() -> dict[str, str]:
    """Answer the load balancer; such calls are left out of the log."""
    return {"status": "ok"}


# --- webhooks ---------------------------------------------------------------------------------------


def verify(request: Request, header: str, expected: str) -> None:
    """Refuse what the partner has not signed."""
    if not hmac.compare_digest(request.headers.get(header, "").encode(), expected.encode()):
        raise HTTPException(401, f"{header} does not match the body")


@webhooks.post("/github")
async def github(request: Request) -> dict[str, Any]:
    """Take an event of a repository."""
    body = await request.body()
    verify(request, "X-Hub-Signature-256", signatures.github(KEYS["github"], body))
    event = json.loads(body)
    kind = request.headers["X-GitHub-Event"]
    current(request).label(operation=kind, log_type="events", user_id=event["sender"]["login"])
    commits = await request.app.state.partners.commits(request) if kind == "push" else 0
    return {"accepted": True, "event": kind, "repository": event["repository"]["full_name"], "commits": commits}


@webhooks.post("/stripe")
async def stripe(request: Request) -> dict[str, Any]:
    """Take a payment event; nobody has written the code for disputes yet."""
    body = await request.body()
    signed = dict(parse_qsl(request.headers.get("Stripe-Signature", "").replace(",", "&")))
    timestamp = int(signed.get("t", 0))
    verify(request, "Stripe-Signature", signatures.stripe(KEYS["stripe"], body, timestamp))
    if abs(time.time() - timestamp) > 300:
        raise HTTPException(400, "Stripe-Signature is older than 5 minutes")
    event = json.loads(body)
    current(request).label(operation=event["type"], log_type="events", user_id=event["data"]["object"].get("customer"))
    if event["type"] == "charge.dispute.created":
        raise NotImplementedError(f"no handler for {event['type']}")
    return {"received": True}


@webhooks.post("/shopify")
async def shopify(request: Request) -> dict[str, Any]:
    """Take a change in somebody's Shopify shop; a bad e-mail address is noted and does not stop the import."""
    body = await request.body()
    verify(request, "X-Shopify-Hmac-Sha256", signatures.shopify(KEYS["shopify"], body))
    item = json.loads(body)
    call = current(request)
    call.label(operation=request.headers["X-Shopify-Topic"], log_type="events", source_id=item["id"])
    if "@" not in item.get("email", "@"):
        call.error(f"email: {item['email']!r} is not an address; the order was imported without it")
    return {"imported": item["admin_graphql_api_id"]}


@webhooks.post("/twilio")
async def twilio(request: Request) -> Response:
    """Take a text message and answer it in TwiML."""
    form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    verify(request, "X-Twilio-Signature", signatures.twilio(KEYS["twilio"], str(request.url), form))
    current(request).label(operation="sms", log_type="messages", user_id=form["From"])
    answer = f"<Response><Message>We received: {len(form['Body'])} characters. Thank you!</Message></Response>"
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{answer}', media_type="text/xml")


# --- the shop's own API -----------------------------------------------------------------------------


class Line(BaseModel):
    """One position of an order."""

    sku: str
    quantity: int
    price: float


class Order(BaseModel):
    """What a customer orders."""

    reference: str
    email: str
    lines: list[Line]


@api.get("/orders")
async def list_orders(request: Request, limit: int = 50) -> dict[str, Any]:
    """Return the newest orders; long enough to be compressed."""
    orders = list(request.app.state.orders.values())[-limit:]
    return {"orders": orders[::-1], "total": len(request.app.state.orders)}


@api.post("/orders", status_code=201)
async def create_order(request: Request, order: Order) -> dict[str, Any]:
    """Create an order: 400 for an empty one, 409 for a reference that is taken, 422 for what is no order."""
    orders: dict[str, Any] = request.app.state.orders
    current(request).label(operation="create_order", user_id=order.email)
    if not order.lines:
        raise HTTPException(400, "an order needs at least one line")
    if order.reference in orders:
        raise HTTPException(409, f"order {order.reference} exists")
    if len(orders) >= KEPT_ORDERS:
        del orders[next(iter(orders))]
    total = round(sum(line.quantity * line.price for line in order.lines), 2)
    orders[order.reference] = {**order.model_dump(), "total": total, "currency": "EUR", "state": "open"}
    payment = await request.app.state.partners.charge(request, orders[order.reference])
    return {**orders[order.reference], "payment": payment}


@api.get("/orders/export")
async def export_orders(request: Request) -> StreamingResponse:
    """Stream the orders as NDJSON, one at a time."""

    async def lines() -> AsyncIterator[str]:
        for order in list(request.app.state.orders.values())[-20:]:
            yield json.dumps(order) + "\n"
            await asyncio.sleep(0.05)
        yield json.dumps({"end": True}) + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@api.get("/orders/{reference}")
async def get_order(request: Request, reference: str) -> dict[str, Any]:
    """Return one order."""
    if reference not in request.app.state.orders:
        raise HTTPException(404, f"there is no order {reference}")
    return dict(request.app.state.orders[reference])


@api.get("/shipping/rates")
async def shipping_rates(request: Request, country: str) -> dict[str, Any]:
    """Ask a slow carrier for its prices."""
    await asyncio.sleep(random.uniform(2, 4))
    return {"country": country, "rates": await request.app.state.partners.rates(request)}


@api.post("/refunds")
async def refund(request: Request) -> None:
    """Fail: the payment provider is never there."""
    try:
        await request.app.state.partners.refund()
    except httpx.RequestError as error:
        raise PaymentProviderDown("the payment provider cannot be reached") from error


@api.post("/events", status_code=202)
async def events(request: Request) -> dict[str, int]:
    """Take a batch of analytics events, gzip-compressed NDJSON."""
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return {"accepted": len(body.splitlines())}


@api.post("/products/{sku}/photo", status_code=201)
async def upload_photo(request: Request, sku: str) -> dict[str, Any]:
    """Take a photo of a product, as a browser's form sends it."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"sku": sku, "received": size}
