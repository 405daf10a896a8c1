"""XML and HTML: elements, attributes, and values beside a name."""

from __future__ import annotations

import pytest

from integration_logger.entry import Message
from integration_logger.redaction import bodies
from integration_logger.redaction.rules import Rules

RULES = Rules()


def redact(data: str) -> str:
    return bodies.redact(
        Message(body=data.encode(), content_type="application/xml", truncated=False), RULES, 1 << 20
    ).body.decode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("<a><password>x</password><b>y</b></a>", "<a><password>[REDACTED]</password><b>y</b></a>"),
        ('<w:Password Type="T">x</w:Password>', '<w:Password Type="T">[REDACTED]</w:Password>'),
        ("<token><a>1</a><token>2</token>3</token>4", "<token>[REDACTED]</token>4"),
        ("<pin><![CDATA[<x>]]></pin>", "<pin>[REDACTED]</pin>"),
        ("<password/><a>1</a>", "<password/><a>1</a>"),
        ("<password></password><a>1</a>", "<password></password><a>1</a>"),
        ("<password>x", "<password>[REDACTED]"),
        ('<a api_key="x" b="y"/>', '<a api_key="[REDACTED]" b="y"/>'),
        ("<a b='y' secret='x'>z</a>", "<a b='y' secret='[REDACTED]'>z</a>"),
        ('<add key="password" value="x"/>', '<add key="password" value="[REDACTED]"/>'),
        ('<input value="x" type="text" name="csrf_token">', '<input value="[REDACTED]" type="text" name="csrf_token">'),
        ('<entry key="password">x</entry>', '<entry key="password">[REDACTED]</entry>'),
        ("<member><name>password</name><value><string>x</string></value></member>",
         "<member><name>password</name><value>[REDACTED]</value></member>"),
        ("<property><name>db.password</name>\n<value>x</value></property>",
         "<property><name>db.password</name>\n<value>[REDACTED]</value></property>"),
        ("<a>https://x.example/?token=t&amp;b=1</a>", "<a>https://x.example/?token=[REDACTED]&amp;b=1</a>"),
    ],
)  # fmt: skip
def test_masked(given: str, expected: str) -> None:
    """What is marked as a secret goes, the marks stay."""
    assert redact(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "<a><author>x</author><tokenCount>3</tokenCount></a>",
        '<div id="session"><p>text</p></div>',
        "<h1>Password</h1><p>text</p>",
        '<label for="password">Password</label>',
        "<passwordPolicy>long</passwordPolicy>",
        "1 < 2 > 0 <<>> <",
    ],
)
def test_kept(given: str) -> None:
    """Ordinary markup is no secret."""
    assert redact(given) == given
