"""The Redactor: every field of an entry, fails closed, and leaves alone what has no secret."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from integration_logger import codec
from integration_logger.entry import Entry, Message, Run
from integration_logger.redaction import Redactor, bodies, forms, json, layers, multipart, spans, text, xml
from tests.factories import make_entry

REDACTOR = Redactor()


def make(**fields: Any) -> Entry:
    when = datetime(2026, 11, 20, tzinfo=UTC)
    return Entry(id="a", kind="inbound", started_at=when, status="completed", transaction_id="t", **fields)


def redact(**fields: Any) -> Entry:
    return REDACTOR.redact(make(**fields), 64 * 1024)


def test_places_say_what_and_why() -> None:
    """Each masked place once, with its reason."""
    entry = redact(
        url="https://u:p@a.example/?token=x&token=y",
        request=Message(
            raw_headers=[(b"Authorization", b"Bearer x"), (b"X-Note", b"Bearer abcdef123456"), (b"Cookie", b"a=b")],
            body=b'{"user": {"password": "x"}, "list": [{"pin": 12}, {"pin": 34}], "note": "card 4111111111111111"}',
            content_type="application/json",
        ),
        response=Message(body=b'{"password": x}', content_type="application/json"),
        labels={"api_key": "x", "team": "a"},
        errors=("Failed: token=abc",),
        redacted=("earlier: reason",),
    )
    assert entry.redacted == (
        "earlier: reason",
        "request.headers.authorization: name",
        "request.headers.cookie: name",
        "url: userinfo",
        "url.token: name",
        "request.headers.x-note: credentials",
        "request.body.password: name",
        "request.body.pin: name",
        "request.body.note: card number",
        "response.body: unparseable, 15 bytes",
        "errors.token: name",
        "labels.api_key: name",
    )
    assert entry.labels == {"api_key": "[REDACTED]", "team": "a"}


def test_clean_entries_are_kept_as_they_are() -> None:
    """Realistic entries without a secret lose nothing."""
    rng = random.Random(4)
    for _ in range(50):
        entry = make_entry(rng)
        before = codec.encode(entry)
        if REDACTOR.redact(entry, 1 << 20).redacted == ():
            assert codec.encode(entry) == before


def test_headers_keep_their_order_and_their_spelling() -> None:
    """Duplicates too."""
    headers = [(b"X-A", b"1"), (b"Set-Cookie", b"a=b; Path=/"), (b"x-a", b"2"), (b"SET-COOKIE", b"c=d")]
    message = redact(response=Message(raw_headers=headers)).response
    assert message is not None
    assert message.raw_headers == [
        (b"X-A", b"1"), (b"Set-Cookie", b"a=[REDACTED]; Path=/"), (b"x-a", b"2"), (b"SET-COOKIE", b"c=[REDACTED]"),
    ]  # fmt: skip


def test_what_was_given_is_not_changed() -> None:
    """The lists and dicts of the host are its own."""
    headers = [(b"authorization", b"Bearer x")]
    labels: dict[str, str | list[str]] = {"token": "x"}
    variables = {"a": [{"password": "x"}]}
    redact(request=Message(raw_headers=headers), labels=labels, variables=variables)
    assert (headers, labels, variables) == (
        [(b"authorization", b"Bearer x")], {"token": "x"}, {"a": [{"password": "x"}]},
    )  # fmt: skip


@dataclasses.dataclass
class Credentials:
    user: str
    password: str = dataclasses.field(repr=False)


def test_variables_of_any_kind() -> None:
    """What an encoder would write is what is looked at, not what an object says of itself."""
    variables = {
        "object": Credentials("ana", "Kanarienvogel"),
        "tuple": ("token=Kanarienvogel", 1.5, True, None, Decimal("1.20")),
        "bytes": b"password=Kanarienvogel",
        "pair": {1: {"secret": ["Kanarienvogel"]}},
        "card": 4111111111111111,
        "count": 17,
        "has_password": True,
        "when": datetime(2026, 1, 1, tzinfo=UTC),
    }
    entry = redact(variables=variables)
    assert b"Kanarien" not in codec.encode(entry)
    assert entry.variables["object"] == {"user": "ana", "password": "[REDACTED]"}
    assert entry.variables["tuple"][1:] == (1.5, True, None, "1.20")
    assert entry.variables["card"] == "[REDACTED]"
    assert entry.variables["count"] == 17
    assert entry.variables["has_password"] is True


def test_variables_with_odd_keys() -> None:
    """Keys that are no text are shown as Python shows them."""
    assert "hunter2" not in str(redact(variables={(1, 2): {"password": "hunter2"}}).variables)


def test_runs() -> None:
    """Savepoints may hold the cursor of somebody's interface, and its token."""
    entry = redact(run=Run(job_id="7", job_name="load", new_savepoint={"token": "x", "page": 3}, row_count=5))
    assert entry.run == Run(job_id="7", job_name="load", new_savepoint={"token": "[REDACTED]", "page": 3}, row_count=5)


def test_names_and_keep() -> None:
    """The host knows its own secrets, and its own exceptions."""
    redactor = Redactor(names=["cpf"], keep=["csrf_token"])
    body = b'{"userCPF": "123.456.789-00", "csrf_token": "x", "token": "y"}'
    entry = redactor.redact(make(request=Message(body=body, content_type="application/json")), 1 << 20)
    assert entry.request is not None
    assert entry.request.body == b'{"userCPF": "[REDACTED]", "csrf_token": "x", "token": "[REDACTED]"}'


FUNCTIONS = [
    (bodies, "redact"), (forms, "url_edits"), (json, "edits"), (text, "edits"), (multipart, "edits"), (xml, "tagged"),
    (spans, "json_value"), (spans, "text_value"), (layers, "percent"), (layers, "escapes"), (text, "name_before"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "function"), FUNCTIONS, ids=lambda value: getattr(value, "__name__", value))
def test_whatever_fails_is_raised(monkeypatch: pytest.MonkeyPatch, module: Any, function: str) -> None:
    """The recorder keeps nothing of an entry that could not be redacted: no failure may be swallowed on the way."""

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("injected")

    for name in (module, text, json, bodies, forms):
        if hasattr(name, function) and (name is module or getattr(name, function) is getattr(module, function)):
            monkeypatch.setattr(name, function, fail)
    with pytest.raises(RuntimeError, match="injected"):
        REDACTOR.redact(everything(), 1 << 20)


def everything() -> Entry:
    part = b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n--b--'
    return make(
        url="https://u:p@a.example/?%74oken=x",
        request=Message(body=b'{"password":["x"],"t":"\\u0070in=1234"}', content_type="application/json"),
        response=Message(body=part, content_type="multipart/form-data; boundary=b"),
        errors=("password=x <password>y</password>",),
    )
