"""Running text: assignments, headers, reprs, URLs; prose stays readable."""

from __future__ import annotations

import pytest

from integration_logger.entry import Message
from integration_logger.redaction import bodies, text
from integration_logger.redaction.edits import apply
from integration_logger.redaction.rules import Rules
from integration_logger.redaction.secrecy import is_secret

RULES = Rules()


def redact(data: str, content_type: str = "text/plain") -> str:
    return bodies.redact(
        Message(body=data.encode(), content_type=content_type, truncated=False), RULES, 1 << 20
    ).body.decode()


def within(data: str) -> str:
    return apply(data.encode(), RULES.within(data.encode())).decode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("password=hunter2", "password=[REDACTED]"),
        ("password = hunter2", "password = [REDACTED]"),
        ("a=1&password=hunter2&b=2", "a=1&password=[REDACTED]&b=2"),
        ("Server=db;Pwd=s3cr3t;Database=x", "Server=db;Pwd=[REDACTED];Database=x"),
        ("login(user='ana', password='hun\\'ter2')", "login(user='ana', password='[REDACTED]')"),
        ("Login(password=SecretStr('hunter2'), n=1)", "Login(password=SecretStr[REDACTED], n=1)"),
        ("password=b'hunter2'", "password=b'[REDACTED]'"),
        ("{'password': 'hunter2', 'a': 1}", "{'password': '[REDACTED]', 'a': 1}"),
        ("{'tokens': 3, 'auth': {'user': 'x', 'pass': 'y'}}", "{'tokens': 3, 'auth': [REDACTED]}"),
        ("{'pin': [1, 2, ']'], 'a': 1}", "{'pin': [REDACTED], 'a': 1}"),
        ("[(b'host', b'x'), (b'authorization', b'Bearer x')]", "[(b'host', b'x'), (b'authorization', b'[REDACTED]')]"),
        ("('x-api-key', 'abc'), ('accept', '*/*')", "('x-api-key', '[REDACTED]'), ('accept', '*/*')"),
        ("said\nAuthorization: Digest a=1, b=2\nHost: x", "said\nAuthorization: [REDACTED]\nHost: x"),
        ("(Authorization: Bearer abc.def now)", "(Authorization: [REDACTED] now)"),
        ("password: correct horse battery\nuser: ana", "password: [REDACTED]\nuser: ana"),
        ("export API_KEY=abc123\nexport X=1", "export API_KEY=[REDACTED]\nexport X=1"),
        ("token => abc123,", "token => [REDACTED],"),
        ("curl -u a:b https://u:p@h.example/x?token=t#f", "curl -u a:b https://[REDACTED]@h.example/x?token=[REDACTED]#f"),
        ("see https://TOKEN@h.example/", "see https://[REDACTED]@h.example/"),
        ("go https://h/?next=https%3A%2F%2Fy%2F%3Ftoken%3Dabc%26a%3D1", "go https://h/?next=https%3A%2F%2Fy%2F%3Ftoken%3D[REDACTED]%26a%3D1"),
        ("at /cb?code=abc&state=xyz and on", "at /cb?code=[REDACTED]&state=[REDACTED] and on"),
        ("paid by 4111+1111+1111+1111 today", "paid by [REDACTED] today"),
        ("at /x?card%5Bnumber%5D=4000&a=b", "at /x?card%5Bnumber%5D=[REDACTED]&a=b"),
        ('{"name": "pin", "type": [1], "value": "1234"}.', '{"name": "pin", "type": [1], "value": "[REDACTED]"}.'),
        ("got {'value': '1234', 'key': 'pin'}", "got {'value': '[REDACTED]', 'key': 'pin'}"),
        ("got %7B%22pin%22%3A%22x,y%22%7D", "got %7B%22pin%22%3A%22[REDACTED]%22%7D"),
        ("at /x?%74oken=abc", "at /x?%74oken=[REDACTED]"),
        ('msg="{\\"password\\": \\"x\\\\\\"y\\", \\"a\\": 1}"', 'msg="{\\"password\\": \\"[REDACTED]\\", \\"a\\": 1}"'),
        ("<a><Password>x</Password></a>", "<a><Password>[REDACTED]</Password></a>"),
        ('data: {"token": "x"}\n\n', 'data: {"token": "[REDACTED]"}\n\n'),
        ("unterminated password='abc def", "unterminated password='[REDACTED]'"),
    ],
)  # fmt: skip
def test_masked(given: str, expected: str) -> None:
    """The value goes, what is around it stays."""
    assert redact(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "author=ana tokens_used=3 state=open",
        "GET /authors?page=2&state=open&sort=name HTTP/1.1",
        "at /search?state=open",
        "at /zip?code=01310",
        "?key_id=7 monkey=1",
        "got {'name': 'color', 'value': 'red'}, {'name': 'pin'}, {'value': 'blue'}",
        "at /x?a=%5B%22author%22%2C%22state%22%5D",
        "passwords are hashed; no password given.",
        "the token, if any, is ignored",
        'www-authenticate: Basic realm=Restricted, Bearer error="invalid_token"',
        "retry in 10:30 of session_count 3",
        "a basic understanding of the bearer bonds",
        "mailto:ana@example.com and https://medium.example/@ana",
        "password=None, secret=null, token='' csrf=false",
        "order 4111111111111112 has 1234567890123456 items at 4111.1111111111111111",
        "task-management-and-scheduling-for-everyone sk-loading-indicator-container",
        "",
    ],
)
def test_kept(given: str) -> None:
    """What only looks like it is kept."""
    assert redact(given) == given


def test_prose_within_other_things() -> None:
    """In the strings of a document a word after a colon is a secret only if it looks like one."""
    assert within("The secret: patience. Password: see page 3") == "The secret: patience. Password: see page 3"
    assert within("Your new password: Xk29-vb and welcome") == "Your new password: [REDACTED] and welcome"


def test_cc_is_a_mailbox_or_a_card() -> None:
    """A list of people stays, the number of a card goes."""
    assert redact("cc: Ana <ana@example.com>, bo@example.com") == "cc: Ana <ana@example.com>, bo@example.com"
    assert redact("cc=4000000000001234") == "cc=[REDACTED]"
    assert is_secret(b"cc", b'"4000000000001234"')


def test_too_many_names_go_whole() -> None:
    """Where a text is made of names whose values are nowhere near, it is masked rather than read over and over."""
    names = '"name":"pin",'
    assert redact("x " + names * 3) == "x " + names * 3
    assert redact("x " + names * 1000 + '"value":"hunter2"') == "[REDACTED]"
    values = 'x {"name":"pin","value":"hunter2"}'
    assert redact(values * 1000) == values.replace("hunter2", "[REDACTED]") * 1000


def test_nested_too_deep_goes_whole() -> None:
    """Wrapped again and again, in the end it is masked without looking."""
    data = 'password="x"'
    for _ in range(text.DEEPEST + 2):
        data = data.replace("\\", "\\\\").replace('"', '\\"')
    assert "x" not in redact(f'a "{data}" b').replace("[REDACTED]", "")
