"""The shop's partners, as far as it calls them: what they answer, and the client that the shop calls them with."""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from integration_logger import IntegrationLogger

PATH = "/partners"
"""Where the shop serves them, to be called over HTTP like others."""
PAYMENTS_DOWN = "https://payments.example.invalid/v1/refunds"
"""A provider that cannot be reached from anywhere."""
ATTEMPT = "X-Attempt"
MOST_ATTEMPTS = 3

app = FastAPI(title="Partners of the sample shop")


@app.post("/payments/v1/charges", status_code=201)
async def charge(
    order: dict[str, Any], idempotency_key: str = Header(), x_attempt: int = Header(default=1)
) -> dict[str, Any]:
    """Charge an order; every third one only when it is asked for the third time."""
    if x_attempt < MOST_ATTEMPTS and zlib.crc32(idempotency_key.encode()) % 3 == 0:
        raise HTTPException(503, "try again later", {"Retry-After": "0"})
    return {"id": f"ch_{zlib.crc32(idempotency_key.encode()):08x}", "amount": order["total"], "status": "succeeded"}


@app.get("/carrier/rates")
async def old_rates() -> Response:
    """Lead to where the prices have moved."""
    return RedirectResponse(f"{PATH}/carrier/v2/rates", 302)


@app.get("/carrier/v2/rates")
async def rates() -> dict[str, Any]:
    """Tell the prices of a parcel."""
    return {"rates": [{"carrier": "Parcel Post", "days": 3, "price": 6.9, "currency": "EUR"}]}


@app.get("/github/commits")
async def commits() -> Response:
    """Stream the commits of a push, one line each."""

    async def lines() -> AsyncIterator[str]:
        for number in range(5):
            yield json.dumps({"sha": f"{number:040x}", "message": f"Commit {number}"}) + "\n"
            await asyncio.sleep(0.02)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


class Retrying(httpx.AsyncBaseTransport):
    """Asks again after a 503. The logger is inside of it, and so sees every attempt."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make up to three attempts."""
        for attempt in range(1, MOST_ATTEMPTS):
            request.headers[ATTEMPT] = str(attempt)
            response = await self.inner.handle_async_request(request)
            if response.status_code != 503:
                return response
            await response.aread()
            await asyncio.sleep(random.uniform(0.02, 0.1))
        request.headers[ATTEMPT] = str(MOST_ATTEMPTS)
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.inner.aclose()


def labels(request: httpx.Request) -> dict[str, object]:
    """Say which partner a call goes to."""
    _, _, rest = request.url.path.partition(f"{PATH}/")
    return {"integration": rest.partition("/")[0] or "payments", "environment": "demo"}


class Partners:
    """What the shop asks of its partners."""

    def __init__(self, log: IntegrationLogger) -> None:
        inner = log.transport(httpx.AsyncHTTPTransport(), labels=labels)
        self._client = httpx.AsyncClient(transport=Retrying(inner), timeout=5, follow_redirects=True)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Close the connections when the shop shuts down."""
        async with self._client:
            yield

    async def charge(self, shop: Request, order: dict[str, Any]) -> str | None:
        """Have an order paid; return the id of the payment, or None if the provider does not answer."""
        headers = {"Idempotency-Key": order["reference"], "Authorization": "Bearer 2YotnFZFEjr1zCsicMWpAA8fa3cd01"}
        try:
            answer = await self._client.post(_at(shop, "payments/v1/charges"), json=order, headers=headers)
            return str(answer.json()["id"])
        except httpx.RequestError:
            return None

    async def rates(self, shop: Request) -> list[Any]:
        """Ask the carrier for its prices."""
        try:
            return list((await self._client.get(_at(shop, "carrier/rates"))).json()["rates"])
        except httpx.RequestError:
            return []

    async def commits(self, shop: Request) -> int:
        """Read the commits of a push as they come; return how many there are."""
        count = 0
        try:
            async with self._client.stream("GET", _at(shop, "github/commits")) as answer:
                async for _ in answer.aiter_lines():
                    count += 1
        except httpx.RequestError:
            return count
        return count

    async def refund(self) -> None:
        """Ask for money back; raises ``httpx.ConnectError``, because the provider is never there."""
        await self._client.post(PAYMENTS_DOWN, json={"amount": 9.9, "currency": "EUR"})


def _at(shop: Request, path: str) -> str:
    return str(shop.url.replace(path=f"{PATH}/{path}", query=""))
