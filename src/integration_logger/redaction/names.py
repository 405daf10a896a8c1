"""Which names hide a secret: ``password``, ``X-Api-Key``, ``accessToken``, but not ``author`` or ``tokens_used``.

A name is sensitive when it ends in a listed one, or goes on with one word that says no more than ``_hash`` does.
Names are bytes, as they are met in bodies and headers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

from integration_logger.errors import ConfigurationError
from integration_logger.redaction.remembered import Remembered

# One name between bars, its words separated by blanks; written together they count as well (``apikey``).
_EVERYWHERE: Final = """
    authorization|auth|cookie|credential|credentials|bearer|jwt|saml response|client assertion|code verifier
    password|passwords|passwd|pwd|passphrase|passcode|secret|secrets|token
    senha|senhas|contrasena|passwort|kennwort|mot de passe|wachtwoord
    db pass|smtp pass|mail pass|user pass|admin pass|mysql pass|redis pass|ftp pass
    api key|private key|secret key|access key|account key|shared key|master key|encryption key|signing key|ssh key
    consumer key|subscription key|functions key|storage key|sas key|application key
    session|session id|sess id|csrf|xsrf
    otp|totp|pin|one time code|verification code|mfa code|authorization code|auth code
    recovery code|recovery codes|backup code|backup codes|api keys|access tokens|refresh tokens
    card number|credit card|debit card|cc number|cc|cvv|cvc|ccv|csc|cvn|security code
    ssn|social security|social security number|iban
"""

# Words that no innocent word ends in: ``userpassword``, ``csrfmiddlewaretoken`` and ``PHPSESSID`` count.
_ENDINGS: Final = (
    "password|passwd|passphrase|passcode|secret|token|cookie|credential|credentials|authorization"
    "|apikey|privatekey|secretkey|accesskey|sessionid|sessid"
)

# Elsewhere these are ordinary words.
_IN_HEADERS: Final = "signature|signature ed|sig|hmac|hmac sha|key|jwt assertion|auth pw|authentication|wsse"
_IN_QUERIES: Final = "signature|sig|hmac|key|policy|amz credential|goog credential"

# Names that end in a listed word and are known to hold none: cursors of paged lists, labels of requests.
_INNOCENT: Final = """
    page token|next token|continuation token|sync token|cursor token|skip token
    idempotency key|event key|websocket key|surrogate key|cache key|partition key|routing key|sort key|public key
"""

_ALONE: Final = re.compile(rb"(?:\A|\[)[\"' $]*+(?:pass|pw)[-_. $\[\]]*+\Z", re.IGNORECASE)
"""Names that count as a whole only: much ends so."""
_LAST: Final = re.compile(rb"(?:\A|[ \[$])(?:pass|pw)[-_. $\[\]]*+\Z", re.IGNORECASE)

_CONTINUATIONS: Final = (
    "value",
    "hash",
    "old",
    "new",
    "confirmation",
    "confirm",
    "repeat",
    "again",
    "encrypted",
    "plain",
    "eq",
)

_HUMP: Final = re.compile(rb"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN: Final = re.compile(rb"[-_. \[\]]|%5B|%5D", re.IGNORECASE)
_LONGEST: Final = 128  # bytes of a name that are looked at, from its end

Words = tuple[str, ...]
Keep = Iterable[str] | Callable[[str], bool]
"""Names that are not sensitive although they look so, or a function that tells them."""


class Names:
    """The verdicts on names, by where they stand."""

    def __init__(self, names: Iterable[str] = (), keep: Keep = ()) -> None:
        asked = keep if callable(keep) else None
        kept = _parse(_INNOCENT) | (set() if callable(keep) else _given("keep", keep))
        self.listed = (_parse(_EVERYWHERE) | _given("names", names)) - kept
        self.endings = {(ending,) for ending in _ENDINGS.split("|")} - kept
        self.in_queries = _parse(_IN_QUERIES) - kept
        endings = tuple(ending for (ending,) in self.endings)
        self.sensitive = _remembered(_Verdict(self.listed, kept, endings, asked))
        self.sensitive_header = _remembered(_Verdict(self.listed | _parse(_IN_HEADERS), kept, endings, asked))
        self.sensitive_parameter = _remembered(_Verdict(self.listed | self.in_queries, kept, endings, asked))


def _remembered(verdict: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    return Remembered(verdict).__getitem__


class _Verdict:
    """Tells whether a name is sensitive."""

    def __init__(
        self, listed: Iterable[Words], kept: Iterable[Words], endings: Words, asked: Callable[[str], bool] | None
    ) -> None:
        self._listed = frozenset("".join(words) for words in listed)
        self._kept = frozenset("".join(words) for words in kept)
        self._endings = endings
        self._asked = asked

    def __call__(self, name: bytes) -> bool:
        words = split(name[-_LONGEST:])
        found = self._judge(words) or (_ALONE.search(name) is not None and not _ends_in(words, self._kept))
        return found and not self._is_kept(name)

    def _is_kept(self, name: bytes) -> bool:
        try:
            return self._asked is not None and self._asked(name.decode("utf-8", "replace")) is True
        except Exception:  # the host's own function: what it cannot tell is masked
            return False

    def _judge(self, words: Words) -> bool:
        if _ends_in(words, self._kept):
            return False
        if len(words) > 1 and words[-1] in _CONTINUATIONS:
            words = words[:-1] if words[-2] or not words[:-2] else words[:-2]  # filter[password][eq]
            words = (*words[:-1], words[-1].rstrip("0123456789"))
        return _ends_in(words, self._listed) or words[-1].endswith(self._endings)


def _is_alone(name: bytes) -> bool:
    return _LAST.search(name) is not None


is_alone: Final = Remembered(_is_alone).__getitem__
"""Tells whether a name is one of those that are secret as a whole, perhaps after other words of a text."""


def split(name: bytes) -> Words:
    """Split a name at each separator and at the humps of camelCase; digits at its end do not count."""
    words = _BETWEEN.split(_HUMP.sub(b"_", name.rstrip(b"0123456789-_. $[]")))
    return tuple(word.decode("ascii", "replace").lower() for word in words)


def scan_patterns(listed: Iterable[Words]) -> list[str]:
    """Return patterns for a scanner that ignores case: they find at least every name with one of these endings."""
    stems = {_stem(words) for words in listed}
    continuations = "|".join(_CONTINUATIONS)
    return [rf"{stem}(?:[-_. $0-9\[\]%bd]*(?:{continuations}))?" for stem in sorted(stems)]


def _stem(words: Words) -> str:
    """Return the pattern of a name; one that hexadecimal numbers hold by chance, as ``cc``, has to begin a word."""
    stem = r"(?:[-_. \[+]|%5B|%20)?".join(words)
    if set("".join(words)) - set("abcdef"):
        return stem
    begin = r"(?:^|[^a-z0-9]|%[0-9a-f]{2}|\\u[0-9a-f]{4}|\\[a-z])"
    return f"(?:{begin}{stem}|(?-i:[A-Za-z0-9]{stem[0].upper()}){stem[1:]})"


def last_words(names: Iterable[Words]) -> set[bytes]:
    """Return every word in which one of these names may end."""
    return {word.encode() for word in {words[-1] for words in names}.union(_CONTINUATIONS)}


def _ends_in(words: Words, joined: frozenset[str]) -> bool:
    """Tell whether the last words are listed; an empty one, from two separators in a row, parts what is around it."""
    ending = ""
    for word in reversed(words):
        ending = word + ending
        if not word:
            return False
        if ending in joined:
            return True
    return False


def _given(option: str, names: Iterable[str]) -> set[Words]:
    listed = [] if isinstance(names, str) or not isinstance(names, Iterable) else [*names]
    good = [name for name in listed if isinstance(name, str) and name.strip()]
    if len(good) < len(listed) or not (listed or isinstance(names, Collection)) or isinstance(names, str):
        raise ConfigurationError(f"Redactor: {option} takes a list of names such as ['tax_id'], not {names!r}")
    if foreign := [name for name in good if not name.isascii()]:
        raise ConfigurationError(
            f"Redactor: {option} takes ASCII, not {foreign[0]!r}; paths takes all names, such as json:$..{foreign[0]}"
        )
    return {split(name.encode()) for name in good}


def _parse(listed: str) -> set[Words]:
    return {tuple(name.split()) for line in listed.split("\n") for name in line.split("|") if name.strip()}
