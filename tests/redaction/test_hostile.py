"""Whatever a caller sends, the time is linear: a guard that can be made to stall is a way to stall the host."""

from __future__ import annotations

from time import perf_counter

import pytest

from integration_logger.entry import Message
from integration_logger.redaction import bodies, databases
from integration_logger.redaction.rules import Rules
from integration_logger.redaction.search import Search
from tests.benchmarks.redaction import hostile

TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded", "application/xml")
SIZE = 128 * 1024
BODIES = hostile(SIZE) | {
    "jwt after jwt": b"-eyJaaaaaaaa" * (SIZE // 12),
    "key after key": b"-sk-aaaaaaaaaaaaaaaaaaaaaaaa" * (SIZE // 28),
    "names": b"password " * (SIZE // 9),
    "assignments": b"password=" * (SIZE // 9),
    "pairs": b"[" + b'{"name":"pin"},' * (SIZE // 15) + b"0]",
    "pairs and values": b"[" + b'{"value":[1],"x":{"name":"pin"}},' * (SIZE // 33) + b"0]",
    "nested pairs": b'{"name":"pin","x":' * (SIZE // 19),
    "secrets": b"[" + b'{"pin":1},' * (SIZE // 10) + b"0]",
    "callbacks": b"?code=" * (SIZE // 6),
    "tags": b"<password>" * (SIZE // 10),
    "empty elements": b"<password></password>" * (SIZE // 21),
    "attributes": b'<a key="password" ' * (SIZE // 18),
    "numbers apart": b"1 2 3 4 5 6 7 8 " * (SIZE // 16),
    "blanks": b"password" + b" " * SIZE,
    "objects": b'{"token":{' * (SIZE // 10),
    "pairs in text": b"x " + b'"name":"pin",' * (SIZE // 13),
    "places in text": b"x " + b'"loc":["pin"],1,' * (SIZE // 16),
    "places in JSON": b'{"detail":[{"loc":[' + b'"pin",' * (SIZE // 6) + b"0]}]}",
    "grants": b"{" + b'"grant_type":1,"code":2,' * (SIZE // 24) + b'"a":1}',
    "elements that name": b"<name>pin</name>" * (SIZE // 16),
    "rows": b"insert into a(pin) values" + b"(1)," * (SIZE // 4),
    "statements": b"[SQL: [parameters: (" * (SIZE // 20),
    "base64": b"eyJ-" * (SIZE // 4),
    "documents in base64": b" eyJhIjoiZXlKaElqb2kifQ" * (SIZE // 24),
    "connections": b";pin=a b" * (SIZE // 8),
    "strings of strings": b'"\\"\\\\\\"password\\":' * (SIZE // 19),
    "ampersands": b"&" * SIZE,
    "urls": b"https://a:b@c " * (SIZE // 14),
    "armour": b"-----BEGIN PRIVATE KEY " * (SIZE // 23),
}


def rules(engine: str) -> Rules:
    made = Rules()
    made._scanner.hits = (databases.Databases if engine == "hyperscan" else Search)(made.names, made.shapes).hits
    return made


ENGINES = {name: rules(name) for name in ("search", "hyperscan") if name == "search" or databases.hyperscan}


@pytest.mark.alone
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("body", BODIES)
def test_linear(engine: str, body: str) -> None:
    """A quadratic step would take minutes."""
    for content_type in TYPES:
        began = perf_counter()
        bodies.redact(Message(body=BODIES[body], content_type=content_type), ENGINES[engine], SIZE)
        assert perf_counter() - began < 10, content_type
