"""How the partners of the sample shop sign what they send: the shop verifies what the traffic makes."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping

KEYS = {name: f"demo-signing-key-of-{name}".encode() for name in ("github", "stripe", "shopify", "twilio", "scanners")}


def github(key: bytes, body: bytes) -> str:
    """Return ``X-Hub-Signature-256``."""
    return f"sha256={hmac.digest(key, body, 'sha256').hex()}"


def stripe(key: bytes, body: bytes, timestamp: int) -> str:
    """Return ``Stripe-Signature``: the time is signed too, so that an old delivery cannot be sent again."""
    return f"t={timestamp},v1={hmac.digest(key, b'%d.%b' % (timestamp, body), 'sha256').hex()}"


def shopify(key: bytes, body: bytes) -> str:
    """Return ``X-Shopify-Hmac-Sha256``."""
    return b64encode(hmac.digest(key, body, "sha256")).decode()


def twilio(key: bytes, url: str, form: Mapping[str, str]) -> str:
    """Return ``X-Twilio-Signature``: of the full URL and the form fields in alphabetical order."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return b64encode(hmac.digest(key, signed.encode(), "sha1")).decode()
