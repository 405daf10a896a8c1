"""Which names hide a secret: ``password``, ``X-Api-Key``, ``accessToken``, but not ``author`` or ``tokens_used``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# One name between bars, its words separated by blanks; written together they count as well (``apikey``).
_EVERYWHERE: Final = """
    authorization|auth|cookie|credential|credentials|bearer|jwt|saml response|client assertion|code verifier
    password|passwords|passwd|pwd|passphrase|passphrases|passcode|user pass|db pass|smtp pass
    secret|secrets|token|access tokens|refresh tokens|api keys|private keys
    api key|private key|secret key|access key|account key|shared key|master key|encryption key|signing key|ssh key
    consumer key|subscription key|functions key|storage key|sas key|application key
    session|session id|sess id|csrf|xsrf
    otp|totp|pin|one time password|one time code|verification code|mfa code|authorization code|auth code
    recovery code|recovery codes|backup code|backup codes
    card number|credit card|credit card number|debit card|cc number|cc|cvv|cvc|ccv|csc|cvn|security code
    ssn|social security|social security number|iban
"""

# Words that no innocent word ends in: ``userpassword``, ``csrfmiddlewaretoken`` and ``PHPSESSID`` count.
_ENDINGS: Final = (
    "password|passwd|passphrase|passcode|secret|token|cookie|credential|credentials|authorization|apikey|privatekey"
    "|secretkey|accesskey|sessionid|sessid"
)

# Elsewhere these are ordinary words.
_IN_HEADERS: Final = "signature|signature ed|sig|hmac|hmac sha|key|jwt assertion|auth pw"
_IN_QUERIES: Final = "signature|sig|hmac|key|policy|amz credential|goog credential"

# Names that end in a listed word and are known to hold none: cursors of paged lists, labels of requests.
_INNOCENT: Final = """
    page token|next token|continuation token|sync token|cursor token|skip token
    idempotency key|event key|websocket key|surrogate key|cache key|partition key|routing key|sort key|public key
"""

CONTINUATIONS: Final = tuple(
    ["value", "hash", "old", "new", "confirmation", "confirm", "repeat", "again", "encrypted", "plain"]
)
SEPARATORS: Final = r"[-_. $0-9]*"
"""What may stand between the words of a name, as a pattern."""

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_CACHED: Final = 4096  # verdicts kept; names come from callers, so their number has to be bounded
_LONGEST: Final = 128  # characters of a name that are looked at, from its end

Words = tuple[str, ...]


class Names:
    """The verdict on names, by where they stand, remembered."""

    def __init__(self, names: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        listed = _parse(_EVERYWHERE) | {split(name) for name in names}
        kept = _parse(_INNOCENT) | {split(name) for name in keep}
        self.listed = listed - kept
        self.in_queries = _parse(_IN_QUERIES) - kept
        self.sensitive = _Verdicts(listed, kept).__getitem__
        self.sensitive_header = _Verdicts(listed | _parse(_IN_HEADERS), kept).__getitem__
        self.sensitive_parameter = _Verdicts(listed | _parse(_IN_QUERIES), kept).__getitem__


class _Verdicts(dict[str, bool]):
    """Name to verdict, filled as names are met."""

    def __init__(self, listed: set[Words], kept: set[Words]) -> None:
        self._listed = {"".join(name) for name in listed}
        self._kept = {"".join(name) for name in kept}
        self._endings = tuple(_ENDINGS.split("|"))

    def __missing__(self, name: str) -> bool:
        if len(self) >= _CACHED:
            self.clear()
        verdict = self[name] = self._judge(split(name[-_LONGEST:]))
        return verdict

    def _judge(self, words: Words) -> bool:
        if _ends_in(self._kept, words):
            return False
        while len(words) > 1 and words[-1] in CONTINUATIONS:
            words = words[:-1]
        return _ends_in(self._listed, words) or (bool(words) and words[-1].endswith(self._endings))


def split(name: str) -> Words:
    """Split a name at everything that is not a letter and at the humps of camelCase."""
    return tuple(word.lower() for word in _WORD.findall(name))


def scan_patterns(names: Iterable[Words]) -> list[str]:
    """Patterns, for a scanner that ignores case, that find at least every name with one of these endings."""
    continuation = rf"(?:{SEPARATORS}(?:{'|'.join(CONTINUATIONS)}))*{SEPARATORS}"
    stems = {SEPARATORS.join(words) for words in names if words} | set(_ENDINGS.split("|"))
    return [stem + continuation for stem in sorted(stems)]


def _ends_in(joined: set[str], words: Words) -> bool:
    return any("".join(words[start:]) in joined for start in range(len(words)))


def _parse(listed: str) -> set[Words]:
    return {tuple(name.split()) for line in listed.split("\n") for name in line.split("|") if name.strip()}
