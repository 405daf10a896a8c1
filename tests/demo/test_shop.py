from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from random import Random

import httpx
import pytest

from integration_logger import local_only
from integration_logger.demo import host, traffic
from integration_logger.demo.host import shop
from integration_logger.demo.traffic import Call
from integration_logger.testing import RecordingLogger, recording
from tests.adapters.clients import VERIFY
from tests.viewer.server import serving

SITE = "http://127.0.0.1:8000"

ANSWERS = {
    traffic.stripe: 200,
    traffic.shopify: 200,
    traffic.github: 200,
    traffic.twilio: 200,
    traffic.forged: 401,
    traffic.dispute: 500,
    traffic.create_order: 201,
    traffic.empty_order: 400,
    traffic.broken_order: 422,
    traffic.missing_order: 404,
    traffic.list_orders: 200,
    traffic.export_orders: 200,
    traffic.events: 202,
    traffic.upload_photo: 201,
    traffic.refund: 500,
}


@pytest.fixture
def log() -> Iterator[RecordingLogger]:
    with recording() as log:
        yield log


def send(log: RecordingLogger, *calls: Call) -> list[httpx.Response]:
    """Send calls to the shop, one after the other."""

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(shop(log, local_only()), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            requests = [httpx.Request(call.method, call.url, headers=call.headers, content=call.body) for call in calls]
            return [await client.send(request) for request in requests]

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("maker", ANSWERS, ids=lambda maker: maker.__name__)
def test_each_call_is_answered_as_it_should_be(maker: Callable[[Random, str], Call], log: RecordingLogger) -> None:
    """Each kind of call gets its status, which for the partners means that their signature verifies."""
    answers = send(log, *(maker(Random(seed), SITE) for seed in range(5)))
    assert {answer.status_code for answer in answers} == {ANSWERS[maker]}
    assert [entry.status_code for entry in log.entries if entry.kind == "inbound"] == [ANSWERS[maker]] * 5


@pytest.mark.parametrize("maker", [traffic.stripe, traffic.shopify, traffic.github, traffic.twilio])
def test_a_changed_body_is_refused(maker: Callable[[Random, str], Call], log: RecordingLogger) -> None:
    """A body that is not the one that was signed is answered with 401."""
    call = maker(Random(1), SITE)
    (answer,) = send(log, call._replace(body=call.body.replace(b"a", b"b", 1)))
    assert answer.status_code == 401


def test_a_reference_is_taken_once(log: RecordingLogger) -> None:
    """The second order under one reference is answered with 409."""
    call = traffic.same_order(Random(1), SITE)
    assert [answer.status_code for answer in send(log, call, call)] == [201, 409]


def test_calls_are_labelled(log: RecordingLogger) -> None:
    """An entry says which third party, operation and customer it belongs to, and which call of the traffic it is."""
    call = traffic.twilio(Random(1), SITE)
    send(log, call._replace(headers={**call.headers, "X-Request-Id": "call-1"}))
    (entry,) = log.entries
    assert (entry.integration, entry.operation, entry.tenant) == ("twilio", "sms", "globex")
    assert entry.labels["request_id"] == "call-1"
    assert entry.route == "/webhooks/twilio"


def test_an_import_with_a_bad_address_succeeds_with_a_warning(log: RecordingLogger) -> None:
    """An order whose e-mail address is none is imported, and its entry says so."""
    made = (traffic.shopify(Random(seed), SITE) for seed in range(200))
    send(log, next(call for call in made if b'"unknown"' in call.body))
    (entry,) = log.entries
    assert entry.outcome == "success"
    assert entry.has_errors


def test_health_checks_are_left_out(log: RecordingLogger) -> None:
    """What the load balancer asks is answered and not recorded."""
    (answer,) = send(log, Call("GET", f"{SITE}/healthz", {}))
    assert answer.json() == {"status": "ok"}
    assert log.entries == []


def test_the_mix_makes_every_kind_of_call() -> None:
    """Everything that the traffic can do belongs to its mix."""
    makers = {made for made in vars(traffic).values() if getattr(made, "__annotations__", {}).get("return") == "Call"}
    assert {maker for maker in makers if not maker.__name__.startswith("_")} == traffic.MIX.keys()


def test_calls_to_partners_are_within_the_calls_that_cause_them(
    log: RecordingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A charge is asked for until it succeeds, prices have moved, commits are streamed, refunds reach nobody."""
    monkeypatch.setattr(host.random, "uniform", lambda *between: 0.01)  # the carrier is slow otherwise
    with serving(shop(log, local_only())) as site:
        for maker in (traffic.create_order, traffic.shipping_rates, traffic.github, traffic.refund):
            for seed in range(6):
                call = maker(Random(seed), site)
                httpx.request(call.method, call.url, headers=call.headers, content=call.body, verify=VERIFY, timeout=60)
    outbound = [entry for entry in log.entries if entry.kind == "outbound"]
    assert {entry.parent_id for entry in outbound} <= {entry.id for entry in log.entries if entry.kind == "inbound"}

    def told(integration: str) -> list[tuple[int, int | None, str | None]]:
        found = [entry for entry in outbound if entry.integration == integration]
        return [(entry.attempt, entry.status_code, entry.error_type) for entry in found]

    charges = told("payments")
    assert {*charges} == {(1, 201, None), (1, 503, "http_5xx"), (2, 503, "http_5xx"), (3, 201, None), (1, None, "dns")}
    assert told("carrier") == [(1, 302, None), (2, 200, None)] * 6
    (commits, *_) = (entry for entry in outbound if entry.integration == "github")
    assert commits.response is not None
    assert (commits.response.body or b"").count(b"\n") == 5
