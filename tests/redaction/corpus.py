"""Ordinary documents, shaped as the public interfaces of well-known services have them, without one secret.

Each listed name occurs in a longer, innocent one: whatever masks by substring destroys these.
"""

# ruff: noqa: E501 - tables of data

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

INNOCENT = {
    "author": "Ana Souza", "authors": ["Bo", "Cy"], "tokens_used": 1841, "token_count": 97, "max_tokens": 4096,
    "session_count": 12, "secretary": "Dora", "state": "open", "pin_code_length": 6, "pin_codes": "enabled",
    "password_length": 12, "password_policy": "at least 12 characters", "passwordless": True, "secretariat": "Lisbon",
    "cookie_consent": "given", "cookies_accepted": 3, "authorized": True, "authorization_url": "https://a.example/o",
    "authentication_method": "sso", "token_type": "access", "token_endpoint": "https://a.example/t", "tokenizer": "bpe",
    "api_key_count": 2, "credential_type": "badge", "card_brand": "visa", "card_last4": "4242", "cvv_check": "pass",
    "cvc_check": "pass", "cc_emails": ["a@b.example"], "cc": ["Eva <eva@example.com>", "ops@example.com"], "bcc": [],
    "ssn_required": False, "iban_country": "DE", "otp_length": 6, "jwt_expires_in": 3600, "csrf_enabled": True,
    "session_length": "45 min", "private_key_count": 1, "passphrase_hint_shown": False, "code": "BR", "key": "order-17",
    "primary_key": "id", "public_key_url": "https://a.example/keys", "sort_key": "name", "signature_count": 4,
    "next_page_token": "CAUQAA", "nextPageToken": "CiAKGjBpNDd2Nmp2Zml2cXRwYjBpOXA", "continuation_token": "p2",
    "accesses": 5, "hidden": False, "pinned": True, "shipping": "express", "mapping": {"a": "b"}, "opinion": "good",
    "description": "The secret of good soup: patience. Password reset is on page 3; bearer of news, basic things.",
}  # fmt: skip


def _github(rng: random.Random) -> dict[str, Any]:
    number = rng.randrange(1, 9999)
    user = {
        "login": "octocat", "id": 583231 + number, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "type": "User", "site_admin": False,
        "avatar_url": f"https://avatars.example.com/u/583231?v={number % 9}", "events_url": "https://api.example.com/e{/privacy}",
    }  # fmt: skip
    return {
        "action": rng.choice(["opened", "closed", "synchronize"]), "number": number, "sender": user, "installation": {"id": number},
        "pull_request": {
            "url": f"https://api.example.com/repos/o/h/pulls/{number}", "state": "open", "title": "Rotate the tokens: a plan",
            "body": "Closes #1.\r\n\r\n- [x] author: ana\r\n- [ ] state=open\r\n\r\n> see https://x.example/a?b=1&state=open#c",
            "author_association": "CONTRIBUTOR", "merge_commit_sha": "e5bd3914e2e596debea16f433f57875b5b90bcd6", "labels": [],
            "user": user, "draft": rng.random() < 0.5, "additions": rng.randrange(500), "mergeable": None,
            "head": {"sha": f"{rng.getrandbits(160):040x}", "label": "octocat:auth-fix", "ref": "auth-fix"},
        },
        "commits": [{
            "id": f"{rng.getrandbits(160):040x}", "message": "Fix author of session count", "author": {"name": "Ana", "username": "ana"},
            "timestamp": "2026-11-20T10:11:12-03:00", "added": ["src/tokens.py"], "verification": {"verified": False, "signature": None},
        }],
    }  # fmt: skip


def _stripe(rng: random.Random) -> dict[str, Any]:
    ident = "".join(rng.choices("abcdefghijkABCDEFGHIJ0123456789", k=24))
    return {
        "id": f"evt_{ident}", "object": "event", "api_version": "2026-10-01", "created": 1763600000 + rng.randrange(10**6),
        "livemode": False, "pending_webhooks": 1, "type": "charge.succeeded", "request": {"id": None, "idempotency_key": ident},
        "data": {"object": {
            "id": f"ch_{ident}", "object": "charge", "amount": rng.randrange(10**5), "currency": "brl", "customer": f"cus_{ident[:14]}",
            "billing_details": {"address": {"city": "S\u00e3o Paulo", "postal_code": "01310-100", "state": "SP"}, "phone": "+55 11 91234-5678"},
            "payment_method_details": {"type": "card", "card": {
                "brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2030, "fingerprint": ident[:16], "funding": "credit",
                "checks": {"cvc_check": "pass", "address_line1_check": None}, "network_token": None, "three_d_secure": None,
            }},
            "receipt_url": f"https://pay.example.com/receipts/payment/{ident}", "statement_descriptor": "SHOP *17", "refunded": False,
        }},
    }  # fmt: skip


def _shopify(rng: random.Random) -> dict[str, Any]:
    return {
        "id": rng.randrange(10**12, 2 * 10**12), "admin_graphql_api_id": "gid://shopify/Order/450789469", "app_id": None,
        "browser_ip": "203.0.113.9", "buyer_accepts_marketing": True, "checkout_id": rng.randrange(10**13, 2 * 10**13),
        "confirmation_number": "KQ1X2R", "currency": "BRL", "current_total_price": "199.00", "discount_codes": [{"code": "SUMMER"}],
        "email": "joana@example.com", "financial_status": "paid", "gateway": "visa", "name": "#1001", "note_attributes":
        [{"name": "gift", "value": "yes"}, {"name": "cart_session_count", "value": "3"}], "order_number": 1001, "order_status_url":
        "https://shop.example.com/690933842/orders/1001", "payment_gateway_names": ["bogus"], "phone": "+551133334444",
        "processed_at": "2026-11-20T10:11:12-03:00", "tags": "", "taxes_included": False, "line_items": [
            {"id": rng.randrange(10**12, 2 * 10**12), "sku": "SKU-1", "title": "Secret Santa mug", "quantity": 2, "grams": 300, "price": "99.50"}],
        "shipping_address": {"first_name": "Jo\u00e3o", "zip": "01310-100", "province_code": "SP", "country_code": "BR"},
    }  # fmt: skip


def _slack(rng: random.Random) -> dict[str, Any]:
    return {
        "team_id": "T0001", "api_app_id": "A0FFV41KK", "type": "event_callback", "event_id": "Ev0PV52K21", "event_time": 1355517523,
        "authorizations": [{"enterprise_id": None, "team_id": "T0001", "user_id": "U061F7AUR", "is_bot": False}],
        "event": {"type": "message", "channel": "C0LAN2Q65", "user": "U061F7AUR", "ts": "1515449522.000016", "client_msg_id":
                  "0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d", "text": rng.choice([
                      "who forgot the password to the coffee machine?", "token budget: fine", "the pin is in the map",
                      "basic plan or premium? https://x.example/p?state=open&code_name=zeta", "author's cut \u2013 v2"])},
    }  # fmt: skip


def _fhir(rng: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "id": f"pat-{rng.randrange(999)}", "meta": {"versionId": "2", "lastUpdated": "2026-11-20T10:11:12Z"},
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><b>Name:</b> Peter <i>Chalmers</i></div>"},
        "identifier": [{"use": "usual", "system": "urn:oid:1.2.36.146.595.217.0.1", "value": "12345"}], "active": True,
        "name": [{"use": "official", "family": "Chalmers", "given": ["Peter", "James"]}], "gender": "male", "birthDate": "1974-12-25",
        "parameter": [{"name": "_count", "valueInteger": 10}, {"name": "author", "valueString": "Dr. Ana"}],
    }  # fmt: skip


def _openai(rng: random.Random) -> dict[str, Any]:
    return {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion", "created": 1741569952, "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Tokens: small pieces of text.", "refusal": None},
                     "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": rng.randrange(99), "completion_tokens": 10, "total_tokens": 29, "prompt_tokens_details":
                  {"cached_tokens": 0, "audio_tokens": 0}}, "system_fingerprint": "fp_44709d6fcb", "service_tier": "default",
    }  # fmt: skip


def _openapi(rng: random.Random) -> dict[str, Any]:
    return {
        "openapi": "3.1.0", "info": {"title": "Shop", "version": f"1.{rng.randrange(9)}", "contact": {"email": "a@example.com"}},
        "paths": {"/orders/{id}": {"get": {"operationId": "getOrder", "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "format": "int64"}},
            {"name": "state", "in": "query", "schema": {"type": "string", "enum": ["open", "closed"]}}],
            "responses": {"200": {"description": "OK"}, "401": {"description": "Token missing"}}}},
                  "/auth/token": {"post": {"operationId": "login"}}},
        "components": {"schemas": {"Login": {"type": "object", "required": ["user", "password", "token_count"],
                                             "properties": {"author": {"type": "string"}, "tokens_used": {"type": "integer"}}}}},
    }  # fmt: skip


def _mail(rng: random.Random) -> dict[str, Any]:
    return {
        "from": "Shop <no-reply@example.com>", "to": ["ana@example.com"], "cc": rng.choice(["bo@example.com", ["bo@example.com"], None, ""]),
        "bcc": [], "subject": "Your session of 10:30", "text": "Hello,\n\nState: open\nAuthor: Ana\n\n-- \nhttps://x.example/u?id=17&page=2",
        "headers": [["X-Mailer", "m"], ["List-Unsubscribe", "<mailto:u@example.com?subject=no>"]], "attachments": [{"name": "a.pdf", "size": 3}],
    }  # fmt: skip


Maker = Callable[[random.Random], dict[str, Any]]
MAKERS: tuple[Maker, ...] = (
    _github,
    _stripe,
    _shopify,
    _slack,
    _fhir,
    _openai,
    _openapi,
    _mail,
    lambda _: dict(INNOCENT),
)
_STYLES: tuple[dict[str, Any], ...] = (
    {},
    {"separators": (",", ":")},
    {"indent": 2},
    {"ensure_ascii": False, "separators": (",", ":")},
)


def documents() -> Iterator[tuple[str, bytes, str]]:
    """Yield a label, a body and its content type for each."""
    for seed in range(6):
        rng = random.Random(seed)
        for maker in MAKERS:
            name = maker.__name__.strip("_<>")
            for number, style in enumerate(_STYLES):
                data = maker(rng)
                yield f"{name} {seed}.{number}", json.dumps(data, **style).encode(), "application/json"
            wrapped = {"payload": json.dumps(maker(rng)), "attempt": seed}
            yield f"{name} {seed} in a string", json.dumps(wrapped).encode(), "application/json"
    yield from _others()


def _others() -> Iterator[tuple[str, bytes, str]]:
    twilio = {
        "ToCountry": "US", "ToState": "CA", "SmsMessageSid": "SM0123456789abcdef0123456789abcdef", "NumMedia": "0", "FromZip": "94105",
        "Body": "See you at 10:30? token of thanks", "AccountSid": "AC0123456789abcdef0123456789abcdef", "ApiVersion": "2010-04-01",
        "From": "+14158675310", "MessageStatus": "delivered", "author": "Ana", "state": "open", "pin_code_length": "6",
    }  # fmt: skip
    form = "application/x-www-form-urlencoded"
    yield "twilio", urlencode(twilio).encode(), form
    yield "slack interaction", urlencode({"payload": json.dumps(_slack(random.Random(1)))}).encode(), form
    yield "form with lists", b"items%5B0%5D%5Bsku%5D=A-1&items%5B0%5D%5Bqty%5D=2&state=open&code=BR&q=a+b", form
    lines = b"\n".join(json.dumps({"n": n, "author": "ana", "tokens_used": n}).encode() for n in range(20))
    yield "lines", lines, "application/x-ndjson"
    events = b"".join(b'event: delta\ndata: {"tokens_used": %d, "delta": "sec"}\n\n' % n for n in range(9))
    yield "event stream", events, "text/event-stream"
    yield "soap", (
        b'<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        b'<m:GetPrice author="ana"><m:Item id="7">Apples</m:Item><TokenCount>3</TokenCount></m:GetPrice></soap:Body></soap:Envelope>'
    ), "application/soap+xml"  # fmt: skip
    yield (
        "html",
        b'<html><body><h1>Password</h1><p class="secretary">Reset your password <a href="/reset?step=2">here</a></p></body></html>',
        "text/html",
    )
    yield "csv", b"id,author,tokens_used,state\n1,Ana,17,open\n2,Bo,18,closed\n", "text/csv"
    yield (
        "log",
        b"2026-11-20 10:11:12,345 INFO author=ana tokens_used=3 state=open took 10:30 (session 3 of 5)\n",
        "text/plain",
    )
    yield (
        "graphql",
        b'{"query":"query($id: ID!) { order(id: $id) { id author { name } tokenCount } }","variables":{"id":"17"}}',
        "application/json",
    )
