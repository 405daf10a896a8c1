"""Whether anything of a secret is in what came out of a log, however it is written there."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

from integration_logger.redaction import databases
from tests.redaction.canaries import FRAGMENT, Secret

_IN_BASE64 = 11  # characters that eight bytes are, wherever they begin


class Fragments:
    """Every eight bytes in a row of some secrets, as they are and as JSON, URLs, HTML and base64 write them."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._kinds = {piece: secret.kind for secret in secrets for piece in _pieces(secret.value)}
        self._listed = [*self._kinds]

    def found(self, out: bytes) -> dict[str, bytes]:
        """Return for each kind of secret that shows in some bytes a piece of it that does."""
        narrow = out.replace(b"\0", b"") if b"\0" in out else out  # text of two bytes a character, too
        return {self._kinds[piece]: piece for piece in self._in(narrow)}

    def _in(self, out: bytes) -> list[bytes]:
        if self._database is None:  # no scanner on this platform
            return [piece for piece in self._listed if piece in out]
        found: list[int] = []
        self._database.scan(out, lambda index, *_: found.append(index))
        return [self._listed[index] for index in found]

    @cached_property
    def _database(self) -> Any:
        if databases.hyperscan is None:
            return None
        made = databases.hyperscan.Database(mode=databases.hyperscan.HS_MODE_BLOCK)
        made.compile(
            expressions=["".join(f"\\x{byte:02x}" for byte in piece).encode() for piece in self._listed],
            ids=[*range(len(self._listed))],
            flags=[databases.hyperscan.HS_FLAG_SINGLEMATCH] * len(self._listed),
        )
        return made


def _pieces(secret: str) -> Iterator[bytes]:
    for value in (secret, secret[::-1]):
        for start in range(len(value) - FRAGMENT + 1):
            yield from _written(value[start : start + FRAGMENT])
        for before in range(3):
            for encode in (b64encode, urlsafe_b64encode):
                code = encode(b"\0" * before + value.encode()).rstrip(b"=")[4 if before else 0 : -1]
                yield from (code[start : start + _IN_BASE64] for start in range(len(code) - _IN_BASE64 + 1))


def _written(text: str) -> set[bytes]:
    percent = "".join(f"%{ord(sign):02X}" for sign in text)
    escapes = "".join(f"\\u{ord(sign):04x}" for sign in text)
    forms = (text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1], html.escape(text))
    return {form.encode() for form in (*forms, percent, percent.lower(), escapes)}
