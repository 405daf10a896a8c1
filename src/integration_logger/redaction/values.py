"""Secrets that are known by their shape, wherever they stand: tokens, keys, credentials in text, card numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple


class Shape(NamedTuple):
    """One kind of secret; ``suspect`` finds at least where ``exact`` matches, and begins where it begins."""

    reason: str
    suspect: str
    exact: re.Pattern[bytes]
    """Says where the secret is: its group 1."""
    holds: Callable[[bytes], bool] = bool
    """The last word on what ``exact`` found."""
    caseless: bool = False
    anchored: bool = True
    """False where the scanner cannot tell cheaply where a match begins: then all of the text is searched."""


def is_card(number: bytes) -> bool:
    """Tell whether digits with an issuer's prefix and length satisfy the check of Luhn."""
    digits = number.translate(None, b" -")
    if _ISSUED.fullmatch(digits) is None:
        return False
    return (sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - 48 * len(digits)) % 10 == 0


_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
_ISSUED: Final = re.compile(
    rb"4(?:\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    rb"|3(?:0[0-59]|[689]\d)\d{11}|3(?:52[89]|5[3-8]\d)\d{12,15}|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12,15}"
)


def _is_credential(text: bytes) -> bool:
    """Words follow ``bearer`` and ``basic`` in prose; credentials have digits, signs, or are long."""
    return len(text) >= 24 or not text.rstrip(b".").isalpha()


def _key(reason: str, prefix: str, chars: str, least: int) -> Shape:
    """A vendor's key: a prefix of its own, then at least so many characters."""
    return Shape(reason, f"{prefix}{chars}{{{least}}}", re.compile(f"({prefix}{chars}{{{least},}}+)".encode()))


_WORD: Final = "[A-Za-z0-9_-]"

CARD: Final = Shape(
    "card number",
    r"(?:^|[^0-9.])(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|3[04-9][0-9]{2}|6[0-9]{3})"
    r"[ -]?[0-9]{4}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}",
    re.compile(
        rb"(?:^|[^0-9.])(3\d{3}[ -]?\d{6}[ -]?\d{4,5}(?![0-9])|[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}(?:[ -]?\d{1,3})?(?![0-9]))"
    ),
    holds=is_card,
)

SHAPES: Final[tuple[Shape, ...]] = (
    CARD,
    Shape(
        "credentials",
        r"(?:bearer|basic)(?:\s|%20|\+)+[A-Za-z0-9._~+/=%-]{8}",
        re.compile(rb"(?:bearer|basic)(?:\s|%20|\+)+([A-Za-z0-9._~+/=%-]{8,}+)", re.IGNORECASE),
        holds=_is_credential,
        caseless=True,
    ),
    Shape(
        "userinfo",
        r"""[:/][^\s/?#"'<>\\@:]+@""",
        re.compile(rb"""[A-Za-z0-9]:\\{0,4}/\\{0,4}/([^\s/?#"'<>\\]+)@"""),
        anchored=False,
    ),
    Shape("jwt", r"eyJ[A-Za-z0-9_-]{8}", re.compile(rb"(eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)*)")),
    Shape(
        "private key",
        r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY",
        re.compile(
            rb"""(-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?:[^"'<-]|-(?!----END))*+(?:-----END[^"'<\n-]*+-{0,5})?)"""
        ),
    ),
    _key("aws key", "(?:AKIA|ASIA|ABIA|ACCA)", "[A-Z0-9]", 16),
    _key("github token", "gh[pousr]_", "[A-Za-z0-9]", 20),
    _key("github token", "github_pat_", _WORD, 20),
    _key("gitlab token", "gl(?:pat|ptt|dt|rt|cbt|oas|ft|soat|agent)-", _WORD, 16),
    _key("slack token", "xox[abeoprs](?:[.-]|e-)", "[A-Za-z0-9-]", 10),
    _key("slack token", "xapp-", "[A-Za-z0-9-]", 10),
    _key("slack webhook", r"hooks\.slack\.com\\{0,4}/(?:services|workflows|triggers)\\{0,4}/", r"[A-Za-z0-9/\\]", 16),
    _key("stripe key", "[sr]k_(?:live|test)_", "[A-Za-z0-9]", 10),
    _key("stripe key", "whsec_", "[A-Za-z0-9+/=]", 16),
    _key("google key", "AIza", _WORD, 30),
    _key("google token", r"ya29\.", _WORD, 20),
    _key("google key", "GOCSPX-", _WORD, 20),
    _key("openai key", "sk-", _WORD, 20),
    _key("sendgrid key", r"SG\.", r"[A-Za-z0-9_.-]", 20),
    _key("twilio key", "SK", "[0-9a-f]", 32),
    _key("shopify token", "shp(?:at|ca|pa|ss|tka|lka)_", "[A-Fa-f0-9]", 20),
    _key("npm token", "npm_", "[A-Za-z0-9]", 30),
    _key("pypi token", "pypi-", _WORD, 40),
    _key("digitalocean token", "do[opr]_v1_", "[0-9a-f]", 40),
    _key("square token", "(?:sq0[a-z]{3}-|EAAA)", _WORD, 40),
    _key("telegram token", "[0-9]{8,10}:AA", _WORD, 32),
    _key("mailgun key", "key-", "[0-9a-f]", 32),
    _key("huggingface token", "hf_", "[A-Za-z0-9]", 30),
)
