"""Whether what stands under a sensitive name is a secret: null, counts and complaints about it are none."""

from __future__ import annotations

import re
from typing import Final

from integration_logger.redaction.names import is_alone

_EMPTY: Final = frozenset((b"", b'""', b"''", b"null", b"none", b"nil", b"true", b"false", b"[]", b"{}", b"undefined"))
_RIGHTS: Final = frozenset((b'"read"', b'"write"', b'"admin"'))
"""To secrets: what GitHub says that an installation may."""
_COUNTED: Final = re.compile(
    rb"""[\[{].*+|[0-9]{1,5}(?:\.[0-9]++)?|["']?(?:yes|no|ok|all|n/a|pass(?:ed)?|fail(?:ed)?)["']?""",
    re.DOTALL | re.IGNORECASE,
)
"""What passes: tests, checks, and how many of them."""
_TWELVE_DIGITS: Final = re.compile(rb"(?:[0-9][ -]?){12}")


def is_secret(name: bytes, value: bytes) -> bool:
    """Tell whether the value of a sensitive name is worth masking: null, booleans and empty texts are not."""
    if len(value) < 16 and value.replace(b" ", b"").strip().lower() in _EMPTY:
        return False
    if value in _RIGHTS and name.endswith(b"secrets"):
        return False
    if value[:1] == b"[" and _are_complaints(name, value):
        return False
    if is_alone(name) and _COUNTED.fullmatch(value):
        return False
    # In a mail, cc is a list of people; elsewhere it is a credit card.
    return name.rstrip(b"0123456789_-.")[-2:].lower() != b"cc" or _TWELVE_DIGITS.search(value) is not None


_LONGEST: Final = 1024  # bytes of a list of complaints
_SENTENCE: Final = rb""""[A-Za-z][^"\\]{7,250}"|'[A-Za-z][^'\\]{7,250}'"""
_SENTENCES: Final = re.compile(rb"\[\s*+(?:%b)(?:\s*+,\s*+(?:%b))*+\s*+\]" % (_SENTENCE, _SENTENCE))
_EACH: Final = re.compile(_SENTENCE)
_WORD: Final = re.compile(rb"[a-z]+(?:'[a-z]+)?|[0-9]{1,3}(?![0-9])")
_BETWEEN: Final = re.compile(rb"[\s.,:()-]+")
_FAULTS: Final = frozenset(
    b"required must should invalid incorrect wrong blank empty short long common weak numeric similar match expired"
    b" missing needs".split()
)
_USUAL: Final = frozenset(
    b"the this that your a an and or of to in is are was be been it its has have with for as by than too very at least"
    b" most more less only also entirely may can do does not can't cannot isn't doesn't don't didn't contain contains"
    b" include includes one two three letter letters lowercase uppercase lower upper case mixed digit digits number"
    b" numbers symbol symbols special character characters char chars minimum maximum min max length between string"
    b" text valid value field provided given confirmation confirm format same different other previous current new old"
    b" from already used enter provide please supplied submitted null ensure password passwords token code secret pin"
    b" key email e-mail username name you we".split()
)


def _are_complaints(name: bytes, value: bytes) -> bool:
    """Tell whether a list only says what is wrong with a value: ``["The password field is required."]``.

    All of its words are known ones, one of them names a fault, and there are three or more: no secret is shown.
    """
    if len(value) > _LONGEST or not _SENTENCES.fullmatch(value):
        return False
    known = _USUAL | _FAULTS | {*_WORD.findall(name.lower())}
    return all(_is_complaint(sentence, known) for sentence in _EACH.findall(value))


def _is_complaint(sentence: bytes, known: frozenset[bytes]) -> bool:
    words = [word for word in _BETWEEN.split(sentence[1:-1].lower()) if word]
    return (
        len(words) >= 3
        and not _FAULTS.isdisjoint(words)
        and all(word in known or (len(word) <= 3 and word.isdigit()) for word in words)
    )
