"""Bodies in the shape that the four partners send, about people and companies who do not exist."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

Json = dict[str, Any]

PEOPLE = ("Ana Lima", "Bruno Keller", "Chloé Martin", "Dai Tanaka", "Elif Şahin", "Femi Adeyemi", "Greta Holm")
PRODUCTS = (
    ("MUG-01", "Stoneware mug", 14.5),
    ("TEE-02", "Organic T-shirt", 24.0),
    ("BAG-03", "Canvas tote bag", 19.9),
    ("NTB-04", "Dotted notebook", 11.25),
    ("LMP-05", "Desk lamp", 69.0),
)
ACCOUNTS = ("acme", "globex", "initech")


def person(r: Random) -> tuple[str, str]:
    """Return a name and its address at example.com."""
    name = r.choice(PEOPLE)
    return name, f"{name.split()[0].lower().replace('é', 'e')}@example.com"


def number(r: Random, digits: int) -> int:
    """Return a random number of so many digits."""
    return r.randrange(10 ** (digits - 1), 10**digits)


def letters(r: Random, length: int) -> str:
    """Return random letters and digits, as identifiers have them."""
    return "".join(r.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", k=length))


def hexadecimal(r: Random, length: int) -> str:
    """Return random hexadecimal digits."""
    return f"{r.getrandbits(length * 4):0{length}x}"


def now() -> str:
    """Return the time as these APIs write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- GitHub -----------------------------------------------------------------------------------------


def _user(r: Random) -> Json:
    name, _ = person(r)
    login = name.split()[0].lower()
    return {
        "login": login,
        "id": number(r, 7),
        "type": "User",
        "site_admin": False,
        "html_url": f"https://github.example.com/{login}",
    }


def _repository(r: Random) -> Json:
    name = r.choice(("storefront", "checkout", "mobile-app"))
    return {
        "id": number(r, 9),
        "name": name,
        "full_name": f"sample-shop/{name}",
        "private": True,
        "owner": {"login": "sample-shop", "id": 583231, "type": "Organization"},
        "default_branch": "main",
        "topics": ["shop", "python"],
    }


def github_push(r: Random) -> Json:
    """Return a ``push`` event."""
    name, email = person(r)
    commits = [
        {
            "id": hexadecimal(r, 40),
            "message": r.choice(("Fix rounding of totals", "Speed up the product list", "Translate the checkout")),
            "timestamp": now(),
            "author": {"name": name, "email": email, "username": name.split()[0].lower()},
            "added": [],
            "removed": [],
            "modified": [r.choice(("shop/cart.py", "shop/views.py", "locale/de.po"))],
        }
        for _ in range(r.randint(1, 3))
    ]
    return {
        "ref": "refs/heads/main",
        "before": hexadecimal(r, 40),
        "after": commits[-1]["id"],
        "forced": False,
        "commits": commits,
        "head_commit": commits[-1],
        "pusher": {"name": name.split()[0].lower(), "email": email},
        "repository": _repository(r),
        "sender": _user(r),
    }


def github_pull_request(r: Random) -> Json:
    """Return a ``pull_request`` event."""
    user = _user(r)
    return {
        "action": r.choice(("opened", "synchronize", "closed")),
        "number": number(r, 3),
        "pull_request": {
            "id": number(r, 10),
            "state": "open",
            "title": "Show the delivery date in the cart",
            "user": user,
            "body": "Closes #12.\r\n\r\n- [x] tests\r\n- [ ] docs",
            "labels": [{"name": "enhancement", "color": "a2eeef"}],
            "head": {"ref": "delivery-date", "sha": hexadecimal(r, 40)},
            "base": {"ref": "main", "sha": hexadecimal(r, 40)},
            "draft": False,
            "additions": number(r, 2),
            "deletions": number(r, 2),
        },
        "repository": _repository(r),
        "sender": user,
    }


# --- Stripe -----------------------------------------------------------------------------------------


def stripe_event(r: Random, kind: str) -> Json:
    """Return an event about a payment, an invoice or a charge."""
    name, email = person(r)
    what = kind.rpartition(".")[0].replace(".", "_")
    amount = number(r, 4)
    return {
        "id": f"evt_{letters(r, 24)}",
        "object": "event",
        "api_version": "2026-09-30.basil",
        "created": int(datetime.now(UTC).timestamp()),
        "type": kind,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": f"req_{letters(r, 14)}", "idempotency_key": hexadecimal(r, 32)},
        "data": {
            "object": {
                "id": f"{what[:2]}_{letters(r, 24)}",
                "object": what,
                "amount": amount,
                "currency": "eur",
                "customer": f"cus_{letters(r, 14)}",
                "billing_details": {"name": name, "email": email, "address": {"country": "DE", "postal_code": "10115"}},
                "payment_method_details": {
                    "type": "card",
                    "card": {"brand": "visa", "last4": "4242", "exp_year": 2030},
                },
                "failure_code": "card_declined" if kind == "charge.failed" else None,
                "metadata": {"order": f"R-{number(r, 6)}"},
            }
        },
    }


# --- Shopify ----------------------------------------------------------------------------------------


def shopify_order(r: Random) -> Json:
    """Return an order; now and then with something else where the e-mail address belongs."""
    name, email = person(r)
    first, last = name.split()
    basket = [(product, r.randint(1, 3)) for product in r.sample(PRODUCTS, r.randint(1, 3))]
    order = number(r, 13)
    return {
        "id": order,
        "admin_graphql_api_id": f"gid://shopify/Order/{order}",
        "name": f"#{number(r, 4)}",
        "email": "unknown" if r.random() < 0.15 else email,
        "created_at": now(),
        "currency": "EUR",
        "financial_status": r.choice(("paid", "pending", "authorized")),
        "total_price": f"{sum(price * quantity for (_, _, price), quantity in basket):.2f}",
        "customer": {"id": number(r, 12), "first_name": first, "last_name": last, "email": email, "tags": "newsletter"},
        "shipping_address": {"name": name, "address1": "12 Sample Street", "city": "Lisbon", "country_code": "PT"},
        "line_items": [
            {"id": number(r, 12), "sku": sku, "title": title, "quantity": quantity, "price": f"{price:.2f}"}
            for (sku, title, price), quantity in basket
        ],
    }


def shopify_product(r: Random) -> Json:
    """Return a product with its variants."""
    sku, title, price = r.choice(PRODUCTS)
    product = number(r, 13)
    variants = [
        {"id": number(r, 14), "sku": f"{sku}-{size}", "title": size, "price": f"{price:.2f}", "inventory_quantity": 12}
        for size in ("S", "M", "L")
    ]
    return {
        "id": product,
        "admin_graphql_api_id": f"gid://shopify/Product/{product}",
        "title": title,
        "body_html": f"<p>{title}, made to last.</p>",
        "vendor": "Sample Shop",
        "status": "active",
        "updated_at": now(),
        "variants": variants,
    }


# --- Twilio and the shop's own customers ---------------------------------------------------------------


def twilio_message(r: Random) -> dict[str, str]:
    """Return the form fields of a text message that came in; the numbers are reserved for fiction."""
    return {
        "ToCountry": "US",
        "SmsMessageSid": (sid := f"SM{hexadecimal(r, 32)}"),
        "MessageSid": sid,
        "AccountSid": f"AC{hexadecimal(r, 32)}",
        "From": f"+1202555{r.randrange(100, 200):04d}",
        "To": "+12025550142",
        "FromCity": "",
        "Body": r.choice(("Where is my order?", "STOP", "Obrigada! 😀", "Please call me back & bring the mug")),
        "NumMedia": "0",
        "NumSegments": "1",
        "ApiVersion": "2010-04-01",
    }


def order(r: Random) -> Json:
    """Return an order as the shop's own API takes it."""
    lines = [
        {"sku": sku, "quantity": r.randint(1, 4), "price": price}
        for sku, _, price in r.sample(PRODUCTS, r.randint(1, 3))
    ]
    return {"reference": f"R-{number(r, 6)}", "email": person(r)[1], "lines": lines}
