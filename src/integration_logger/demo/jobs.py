"""What the sample shop does by itself: a pipeline, a model, a price rule that fails now and then, and mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Final

from fastapi import FastAPI

from integration_logger.demo import payloads
from integration_logger.logger import IntegrationLogger

APPLICATIONS: Final = ("webhooks", "shop-api", "warehouse", "reminder-bot", "loyalty-bot")
"""All that the shop has; the last one has done nothing yet."""
PAGE_ROWS: Final = 250
_SEED: Final = 7

Job = Callable[[IntegrationLogger, Random], Awaitable[None]]


class NoPriceError(LookupError):
    """What the price rule fails at."""


class SourceAwayError(ConnectionError):
    """What the pipeline fails at."""


@asynccontextmanager
async def working(app: FastAPI) -> AsyncIterator[None]:
    """Have the jobs done as long as the shop is open."""
    r = Random(_SEED)
    tasks = [asyncio.create_task(_again_and_again(job, app.state.log, r, every)) for job, every in JOBS.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again_and_again(job: Job, log: IntegrationLogger, r: Random, every: float) -> None:
    while True:
        with suppress(NoPriceError, SourceAwayError):  # they are in the log
            await job(log, r)
        await asyncio.sleep(every * r.uniform(0.6, 1.4))


async def copy_orders(log: IntegrationLogger, r: Random) -> None:
    """Copy the newest orders to the warehouse, page after page."""
    account = r.choice(payloads.ACCOUNTS)
    labels = {"log_type": "pipeline", "tenant": account, "application": "warehouse"}
    first = r.randrange(10_000)
    with log.run("Orders to the warehouse", job_id=702, **labels) as run:
        with run.setup():
            await asyncio.sleep(r.uniform(0.05, 0.2))
        run.savepoint(initial=f"order {first}")
        run.set(has_deltas=True, is_billable=r.random() < 0.8)
        for page in range(r.randrange(2, 9)):
            await asyncio.sleep(r.lognormvariate(-1.2, 0.5))
            if r.random() < 0.04:
                raise SourceAwayError("warehouse-db.example.net closed the connection")
            run.add_rows(PAGE_ROWS - r.randrange(40))
            run.savepoint(new=f"order {first + (page + 1) * PAGE_ROWS}")
        if r.random() < 0.2:
            run.error(f"{r.randrange(2, 9)} orders have no customer and were copied without one")


async def forecast(log: IntegrationLogger, r: Random) -> None:
    """Build the table of tomorrow's demand anew."""
    with log.run("Demand of tomorrow", job_id=162, log_type="model", application="warehouse") as run:
        await asyncio.sleep(r.uniform(0.5, 2.5))
        run.set(row_count=4_800 + r.randrange(300))


async def remind(log: IntegrationLogger, r: Random) -> None:
    """Mail a customer about a cart that was left, at the price that a rule finds."""
    user, account = r.choice(("ana", "bruno", "carla", "diego")), r.choice(payloads.ACCOUNTS)
    flow = {"source_name": "Abandoned cart / mail", "source_url": "/flows/abandoned-cart#mail"}
    with log.run("Reminders", log_type="flow", tenant=account, application="reminder-bot", user_id=user, **flow):
        total = price(log, r, ["MUG-01", "LAMP-7", "GIFT-9" if r.random() < 0.3 else "VASE-2"])
        with log.call("C2E", operation="chat-to-email", integration="c2e") as call:
            call.label(user_name=user.capitalize())
            call.request(
                {"to": f"{user}@example.com", "subject": "Your cart", "total": total, "smtp_password": "hunter2"}
            )
            await asyncio.sleep(r.lognormvariate(-2, 0.5))
            if r.random() < 0.1:
                call.response({"ok": False, "reason": "mailbox full"}, status_code=552)
            else:
                call.response({"ok": True, "queued": payloads.letters(r, 8)}, status_code=250)


def price(log: IntegrationLogger, r: Random, cart: list[str]) -> float:
    """Add up a cart; there is no price for vouchers yet."""
    prices, total = {"MUG-01": 12.5, "LAMP-7": 79.0, "VASE-2": 31.9}, 0.0
    percent = r.choice((5, 10))
    coupon = {"code": "AUTUMN", "percent": percent, "api_token": payloads.letters(r, 24)}
    with log.script("price rule", variables=lambda: {"cart": cart, "coupon": coupon, "total": total}):
        for article in cart:
            if article not in prices:
                raise NoPriceError(f"no price for {article}")
            total += prices[article]
    return round(total * (100 - percent) / 100, 2)


JOBS: Final[dict[Job, float]] = {copy_orders: 6, forecast: 15, remind: 4}
"""The seconds between two runs of a job."""
