"""Multipart: fields like those of forms, of files the size."""

from __future__ import annotations

import pytest

from integration_logger.entry import Message
from integration_logger.redaction import bodies
from integration_logger.redaction.rules import Rules

RULES = Rules()
TYPE = "multipart/form-data; boundary=XyZ"


def part(head: str, content: bytes) -> bytes:
    return b"--XyZ\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def field(name: str, content: bytes) -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', content)


def redact(data: bytes, content_type: str = TYPE, *, truncated: bool = False) -> bytes:
    return bodies.redact(Message(body=data, content_type=content_type, truncated=truncated), RULES, 1 << 20).body


FILE = 'Content-Disposition: form-data; name="upload"; filename="a.png"\r\nContent-Type: image/png'
END = b"--XyZ--\r\n"


def test_fields_and_files() -> None:
    """The syntax stays, so that the parts can be read."""
    data = field("title", b"hi") + field("password", b"hunter2") + part(FILE, b"\x89PNG\0\xff" * 10) + END
    expected = field("title", b"hi") + field("password", b"[REDACTED]") + part(FILE, b"[file, 60 bytes]") + END
    assert redact(data) == expected


def test_json_in_a_field() -> None:
    """A field is looked into like a body of its own."""
    data = field("meta", b'{"token": "abc", "a": 1}') + END
    assert redact(data) == field("meta", b'{"token": "[REDACTED]", "a": 1}') + END


def test_binary_without_a_file_name() -> None:
    """What is not text is not kept, whatever it is called."""
    assert redact(field("blob", b"\0\1\2") + END) == field("blob", b"[file, 3 bytes]") + END


def test_a_secret_in_a_file_name() -> None:
    """Metadata can hold secrets too."""
    head = 'Content-Disposition: form-data; name="f"; filename="ghp_16C7e42F292c6912E7710c838347Ae178B4a.txt"'
    assert b"16C7e42F" not in redact(part(head, b"x") + END)


def test_cut() -> None:
    """A file that is cut off is longer than what was seen; so may a field be."""
    assert redact(part(FILE, b"abc")[:-2], truncated=True).endswith(b"[file, more than 3 bytes]")
    assert b"hunter" not in redact(field("password", b"hunter2")[:-2], truncated=True)
    assert redact((field("title", b"hi") + b"--XyZ\r\nContent-Disp")[:-4], truncated=True).startswith(
        field("title", b"hi")
    )


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=other"])
def test_without_its_boundary_it_goes_whole(content_type: str) -> None:
    """Parts that cannot be told apart may be files."""
    assert redact(field("title", b"hi") + END, content_type) == b"[REDACTED]"


def test_boundary_in_quotes() -> None:
    """A boundary may be quoted, and may hold signs."""
    data = b"--a b:c\r\nContent-Disposition: form-data; name=pin\r\n\r\n1234\r\n--a b:c--"
    assert b"1234" not in redact(data, 'multipart/form-data; boundary="a b:c"')
    assert redact(data, 'multipart/form-data; boundary="a b:c"').startswith(b"--a b:c\r\nContent-Disp")
