"""A guard that destroys ordinary data is a failure too: these come through byte for byte."""

from __future__ import annotations

import json
import random

import pytest

from integration_logger.entry import Message
from integration_logger.redaction import bodies
from integration_logger.redaction.rules import Rules
from tests.redaction import corpus

RULES = Rules()
DOCUMENTS = [*corpus.documents()]


def test_there_are_enough() -> None:
    """A few documents prove nothing."""
    assert len(DOCUMENTS) >= 200


@pytest.mark.parametrize(("data", "content_type"), [d[1:] for d in DOCUMENTS], ids=[d[0] for d in DOCUMENTS])
def test_untouched(data: bytes, content_type: str) -> None:
    """Nothing is masked, and nothing is written differently."""
    kept = bodies.redact(Message(body=data, content_type=content_type, truncated=False), RULES, 1 << 20)
    assert [data[edit.start : edit.end] for edit in kept.edits] == []
    assert kept.body == data


@pytest.mark.parametrize("maker", corpus.MAKERS)
def test_one_secret_among_it(maker: corpus.Maker) -> None:
    """With a secret in it all else comes through."""
    data = maker(random.Random(7))
    text = json.dumps({**data, "client_secret": "Kanarienvogel-4711"})
    kept = bodies.redact(Message(body=text.encode(), content_type="application/json", truncated=False), RULES, 1 << 20)
    assert kept.body == text.replace("Kanarienvogel-4711", "[REDACTED]").encode()


LIMIT = 64 * 1024


@pytest.mark.parametrize("at", range(0, 78, 7))
def test_a_large_one_cut(at: int) -> None:
    """Of a megabyte cut at 64 KiB with one secret anywhere, 99 % of the rest of the kept bytes survives, and more."""
    rng = random.Random(1)
    records = [maker(rng) for _ in range(200) for maker in corpus.MAKERS]
    records[at]["api_key"] = "Kanarienvogel-4711"
    data = json.dumps(records).encode()
    assert len(data) > 1_000_000
    assert data.index(b"Kanarienvogel") < LIMIT
    kept = bodies.redact(
        Message(body=data[: LIMIT + 8192], content_type="application/json", truncated=True), RULES, LIMIT
    )
    assert b"Kanarienvogel" not in kept.body
    assert data.replace(b"Kanarienvogel-4711", b"[REDACTED]").startswith(kept.body)
    assert len(kept.body) > 0.99 * LIMIT
