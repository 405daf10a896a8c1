"""Documents in base64 within text, as queues deliver their messages: masked whole where they hold a secret."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from integration_logger.redaction.edits import Edit
from integration_logger.redaction.suspects import Hit
from integration_logger.redaction.values import JWT

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

_RUN: Final = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}+={0,2}+(?!\.)")
_PLAIN: Final = bytes.maketrans(b"-_", b"+/")


def edits(data: bytes, hits: Sequence[Hit], rules: Rules, depth: int) -> Iterator[Edit]:
    """Yield each run of base64 that begins like an object of JSON, as JWTs do, and holds a secret."""
    for kind, start, _ in hits:
        run = _RUN.match(data, start) if kind >= 0 and rules.shapes[kind] is JWT else None
        if run and (found := rules.within(_decoded(run[0]), depth)):
            yield Edit(*run.span(), found[0].name, "in base64")


def _decoded(run: bytes) -> bytes:
    digits = run.rstrip(b"=").translate(_PLAIN)
    return b64decode(digits[: len(digits) - (len(digits) % 4 == 1)] + b"===")
