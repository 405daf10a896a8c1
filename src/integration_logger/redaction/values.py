"""Secrets that are known by their shape, wherever they stand: tokens, keys, credentials in text, card numbers."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes


class Shape(NamedTuple):
    """One kind of secret; ``suspect`` matches at least where ``exact`` does, and begins where it begins."""

    reason: str
    suspect: str
    exact: re.Pattern[bytes]
    """Says where the secret is: its group 1."""
    holds: Callable[[bytes], bool] = bool
    """The last word on what ``exact`` found."""
    caseless: bool = False
    mark: bytes = b""
    """Without these bytes in the text there is no match."""
    anchored: bool = True
    """False for what has an @: the scanner cannot cheaply tell where it begins, so all of the text is searched."""


def is_card(number: bytes) -> bool:
    """Tell whether digits satisfy the check of Luhn and have an issuer's prefix and length."""
    digits = number if number.isdigit() else number.translate(None, b" -")
    # sums the characters' codes, each of which is 48 more than its digit
    luhn = sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - 48 * len(digits)
    return luhn % 10 == 0 and _ISSUED.fullmatch(digits) is not None


_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
_ISSUED: Final = re.compile(
    rb"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    rb"|3(?:0[0-59]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12,15}|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12,15}"
)


def is_credential(text: bytes) -> bool:
    """Tell credentials from words: ``bearer`` and ``basic`` occur in prose too."""
    plain = text.islower() or text.isupper() or text.istitle()
    return len(text) >= 32 or not plain or _digits(text) > 0


def is_basic(text: bytes) -> bool:
    """Tell user and password in base64, or what somebody sends in their place, from a word after ``basic``."""
    if len(text) >= 20:
        return is_credential(text)
    code = unquote_to_bytes(text).rstrip(b"=")
    try:
        return b":" in b64decode(code[: len(code) // 4 * 4], validate=True)
    except ValueError:
        return False


def _digits(text: bytes) -> int:
    return len(text) - len(text.translate(None, b"0123456789"))


# Not within a word, for ``task-`` is not ``sk-``; but %3D before it is no word.
_BEGINS: Final = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"


# At least three digits soon after: what tells a random key from hyphenated words.
_RANDOM: Final = "(?=(?:[A-Za-z_-]{0,40}[0-9]){3})"


def _key(reason: str, mark: str, more: str, chars: str, least: int, *, ahead: str = "", begins: str = _BEGINS) -> Shape:
    """A vendor's key: a mark of its own, perhaps more of a pattern, then at least so many characters."""
    prefix = re.escape(mark) + more
    exact = re.compile(f"{begins}({prefix}{ahead}{chars}{{{least},}}+)".encode())
    return Shape(reason, f"{prefix}{chars}{{{least}}}", exact, mark=mark.encode())


_ALNUM: Final = "[A-Za-z0-9]"
_WORD: Final = "[A-Za-z0-9_-]"
_HEX: Final = "[0-9a-f]"
# A scanner finds sixteen signs of one class in a row at memory speed, and nothing shorter: so a number of 14 or 15
# digits counts as a card's only between quotes or separators, and groups only with the same sign between them.
DIGITS: Final = ('[0-9"-]{16,}', r"[0-9 :,=&<>;()'|+\[]{16,}")
_SEPARATOR: Final = r"[ :,=&<>;()'|+\[]"
_ISSUER: Final = "(?:4[0-9]|5[1-5]|2[2-7]|3[04-9]|6[0245])[0-9]{2}"
_GROUPS: Final = "(?:[ -][0-9]{4}){3}|[ -][0-9]{6}[ -][0-9]{4,5}"

CARD: Final = Shape(
    "card number",
    f"(?:^|[^0-9.]){_ISSUER}(?:[0-9]{{10,15}}|{_GROUPS})(?:[^0-9]|$)",
    re.compile(
        rf"(?:^|[^0-9.])([2-6][0-9]{{15,18}}|[2-6][0-9]{{3}}([ -])[0-9]{{4}}\2[0-9]{{4}}\2[0-9]{{4}}"
        rf'|3[0-9]{{3}}([ -])[0-9]{{6}}\3[0-9]{{4,5}}|(?<=["-])3[0-9]{{14}}|(?<=")3[0-9]{{13}}(?=")'
        rf"|(?<={_SEPARATOR})3[0-9]{{14}}|(?<={_SEPARATOR})3[0-9]{{13}}(?={_SEPARATOR}))(?![0-9]|\.[0-9])".encode()
    ),
    holds=is_card,
)


def _scheme(name: str, holds: Callable[[bytes], bool]) -> Shape:
    return Shape(
        "credentials",
        rf"{name}[\s+%\\][A-Za-z0-9._~+/=%\\\s-]{{8}}",
        re.compile(
            rb"(?<![A-Za-z])%b(?:\s|%%20|\+)++(?!realm=|error=|scope=)([A-Za-z0-9._~+/=%%-]{8,}+)" % name.encode(),
            re.IGNORECASE,
        ),
        holds=holds,
        caseless=True,
    )


BEARER: Final = _scheme("bearer", is_credential)
BASIC: Final = _scheme("basic", is_basic)
USERINFO: Final = Shape(
    "userinfo",
    r"""[/?#][^\s/?#"'<>\\]+@""",
    re.compile(
        rb"""[A-Za-z0-9]:\\{0,4}/\\{0,4}/(?!git@)([^\s/?#"'<>\\]+"""
        # a password with signs that ought to be encoded; a number before them is a port
        rb"""|[^\s/?#"'<>\\:@\[]{0,48}:(?![0-9]{1,5}[/?#])[^\s"'<>\\@]{1,48})@"""
    ),
    mark=b"@",
    anchored=False,
)
_BLANK: Final = r"(?:[ +]|%20)"
_PEM: Final = f"-----BEGIN{_BLANK}(?:[A-Z0-9]{{1,16}}{_BLANK}){{0,3}}PRIVATE{_BLANK}KEY"
PRIVATE_KEY: Final = Shape(
    "private key",
    _PEM,
    re.compile(rb"""(%b(?:[^"'<-]|-(?!----END))*+(?:-----END[^"'<\n-]*+-{0,5})?)""" % _PEM.encode()),
    mark=b"-----BEGIN",
)
# what follows "-----BEGIN ": PRIVATE, RSA PRI, EC PRIV, OPENSSH, ENCRYPT, DSA PRI
_PEM_IN_BASE64: Final = "B(?:QUklWQVRF|SU0EgUFJJ|FQyBQUklW|PUEVOU1NI|FTkNSWVBU|EU0EgUFJJ)"
JWT: Final = Shape(
    "jwt",
    "eyJ[A-Za-z0-9_-]{8}",
    re.compile(_BEGINS.encode() + rb"(eyJ[A-Za-z0-9_-]{8,2048}+(?:\.[A-Za-z0-9_-]*+)++)"),
    mark=b"eyJ",
)

SHAPES: Final[tuple[Shape, ...]] = (
    CARD, BEARER, BASIC, USERINFO,
    PRIVATE_KEY, JWT,
    _key("aws key", "AKIA", "", "[A-Z0-9]", 16),
    _key("aws key", "ASIA", "", "[A-Z0-9]", 16),
    _key("github token", "gh", "[pousr]_", _ALNUM, 20),
    _key("github token", "github_pat_", "", _WORD, 20),
    _key("gitlab token", "gl", "(?:pat|ptt|dt|rt|cbt|oas|ft|soat|agent)-", _WORD, 16),
    _key("slack token", "xox", "[a-eoprs](?:[.-]|e-)", "[A-Za-z0-9-]", 10),
    _key("slack token", "xapp-", "", "[A-Za-z0-9-]", 10),
    _key("slack webhook", "hooks.slack.com", r"\\{0,4}/(?:services|workflows|triggers)\\{0,4}/", r"[A-Za-z0-9/\\]", 16),
    _key("stripe key", "sk_", "(?:live|test)_", _ALNUM, 10),
    _key("stripe key", "rk_", "(?:live|test)_", _ALNUM, 10),
    _key("stripe key", "whsec_", "", "[A-Za-z0-9+/=]", 16),
    _key("google key", "AIza", "", _WORD, 30),
    _key("google token", "ya29.", "", _WORD, 20),
    _key("google key", "GOCSPX-", "", _WORD, 20),
    _key("openai key", "sk-", "", _WORD, 20, ahead=_RANDOM),
    _key("sendgrid key", "SG.", r"[A-Za-z0-9_-]{16,32}\.", _WORD, 16),
    _key("twilio key", "SK", "", _HEX, 32),
    _key("shopify token", "shp", "(?:at|ca|pa|ss|tka|lka)_", "[A-Fa-f0-9]", 20),
    _key("npm token", "npm_", "", _ALNUM, 30),
    _key("pypi token", "pypi-", "", _WORD, 40),
    _key("digitalocean token", "do", "[opr]_v1_", _HEX, 40),
    _key("square token", "sq0", "[a-z]{3}-", _WORD, 20),
    _key("access token", "EAA", "", _WORD, 60),
    _key("telegram token", ":AA", "", _WORD, 32, begins="(?<=[0-9])"),
    _key("mailgun key", "key-", "", _HEX, 32, begins="(?<![A-Za-z0-9_.-])"),
    _key("huggingface token", "hf_", "", _ALNUM, 30),
    _key("private key", "LS0tLS1CRUdJTi", _PEM_IN_BASE64, "[A-Za-z0-9+/=]", 16),
    _key("discord webhook", "/api/webhooks/", "[0-9]{5,24}/", _WORD, 40, begins=""),
    _key("teams webhook", "webhook.office.com", r"\\{0,4}/", r"[A-Za-z0-9@/\\-]", 32, begins=""),
    _key("grafana token", "gl", "(?:sa|c)_", "[A-Za-z0-9+/=_]", 32),
    _key("vault token", "hv", "[sbr]\\.", _WORD, 24),
    _key("databricks token", "dapi", "", _HEX, 32),
    _key("atlassian token", "AT", "(?:ATT|CTT|BB)[A-Za-z0-9]", "[A-Za-z0-9_=-]", 24, ahead=_RANDOM),
    _key("linear key", "lin_", "(?:api|oauth)_", _ALNUM, 30),
    _key("new relic key", "NRAK-", "", "[A-Z0-9]", 20),
    _key("groq key", "gsk_", "", _ALNUM, 30),
    _key("figma token", "fig", "[dour]{1,2}_", _WORD, 30),
    _key("notion token", "ntn_", "", _ALNUM, 30),
    _key("hubspot token", "pat-", "(?:na|eu|ap)[0-9]-", "[0-9a-f-]", 32),
    _key("mercado pago token", "APP_USR-", "[0-9]{6,}-", "[A-Za-z0-9-]", 32),
)  # fmt: skip


def is_iban(number: bytes) -> bool:
    """Tell whether an account number satisfies its check (ISO 13616)."""
    compact = number.replace(b" ", b"").decode()
    return 15 <= len(compact) <= 34 and int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1


IBAN: Final = Shape(
    "iban",
    "[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4} ?[A-Z0-9]{2}",
    re.compile(_BEGINS.encode() + rb"([A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)(?![A-Za-z0-9])"),
    holds=is_iban,
)
EMAIL: Final = Shape(
    "e-mail",
    "@[A-Za-z0-9-]+[.][A-Za-z]",
    re.compile(rb"([A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+)++)"),
    mark=b"@",
    anchored=False,
)
