"""``redact`` and ``scan``: what the rules say of a file and of a store."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from integration_logger.entry import Message
from integration_logger.redaction import Redactor
from tests.cli.commands import ESCAPE, hostile, run, write
from tests.factories import make_entry

SECRET = "Kanarienvogel-4711"


def test_a_body_as_it_would_be_stored(tmp_path: Path) -> None:
    """The body goes to the output, what was masked and why to standard error."""
    file = tmp_path / "order.json"
    file.write_text(json.dumps({"id": 7, "api_key": SECRET, "note": "card 4111111111111111"}))
    done = run("redact", str(file))
    assert done.exit_code == 0
    assert done.stdout == '{"id": 7, "api_key": "[REDACTED]", "note": "card [REDACTED]"}\n'
    assert done.stderr.splitlines() == ["body.api_key: name", "body.note: card number"]


def test_the_type_is_told_or_guessed(tmp_path: Path) -> None:
    """By option, by the name of the file, else by its bytes."""
    file = tmp_path / "body"
    file.write_text(f"doc=7&pass+code={SECRET}")
    assert run("redact", str(file), "--content-type", "application/x-www-form-urlencoded").stdout == (
        "doc=7&pass+code=[REDACTED]\n"
    )
    file.write_bytes(gzip.compress(b"x"))
    assert run("redact", str(file)).stdout == "nothing would be kept: binary\n"
    file.write_bytes(b"")
    assert run("redact", str(file)).stdout == "nothing would be kept: empty\n"


def test_rules_of_the_host(tmp_path: Path) -> None:
    """Names, exceptions and paths may be given."""
    file = tmp_path / "order.json"
    file.write_text('{"cpf": 1, "pin": 1234, "a": {"b": 2}}')
    done = run("redact", str(file), "--name", "cpf", "--keep", "pin", "--path", "json:$.a.b")
    assert done.stdout == '{"cpf": "[REDACTED]", "pin": 1234, "a": {"b": "[REDACTED]"}}\n'
    assert run("redact", str(file), "--path", "nonsense").exit_code == 2


def test_a_har_file(tmp_path: Path) -> None:
    """Each call is shown with its headers and bodies, and with the places that were masked."""
    request = {
        "method": "POST", "url": f"https://a.example/?token={SECRET}",
        "headers": [{"name": "Authorization", "value": f"Bearer {SECRET}"}],
        "postData": {"mimeType": "application/json", "text": json.dumps({"password": SECRET})},
    }  # fmt: skip
    content = {"mimeType": "text/plain", "text": "cGFzc3dvcmQ9S2FuYXJpZW52b2dlbC00NzEx", "encoding": "base64"}
    response = {"status": 401, "headers": [{"name": "X-Note", "value": ESCAPE}], "content": content}
    file = tmp_path / "calls.har"
    file.write_text(json.dumps({"log": {"version": "1.2", "entries": [{"request": request, "response": response}]}}))
    done = run("redact", str(file))
    assert done.exit_code == 0
    assert "POST https://a.example/?token=[REDACTED]" in done.stdout
    assert "password=[REDACTED]" in done.stdout
    assert "request.body.password: name" in done.stdout
    assert "Kanarien" not in done.output
    assert ESCAPE not in done.output


def test_scan_finds_what_today_would_be_masked(url: str) -> None:
    """By entry and place, with status 1; the secret itself is not shown."""
    body = json.dumps({"password": SECRET}).encode()
    leak = make_entry(request=Message(body=body, content_type="application/json", size=len(body)))
    write(url, leak, hostile())
    done = run("scan", url)
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert f"{leak.id}  request.body.password: name" in lines
    assert lines[-1] == "2 entries looked at, 1 with something to mask"
    assert SECRET not in done.output


def test_scan_of_what_was_redacted(url: str) -> None:
    """What was masked when it was recorded is no find, until the rules are others."""
    body = json.dumps({"password": SECRET, "cpf": "123"}).encode()
    entry = make_entry(request=Message(body=body, content_type="application/json", size=len(body)))
    write(url, Redactor().redact(entry, 1 << 16))
    done = run("scan", url)
    assert (done.exit_code, done.stdout) == (0, "1 entries looked at, 0 with something to mask\n")
    again = run("scan", url, "--name", "cpf")
    assert (again.exit_code, again.stdout.splitlines()[0]) == (1, f"{entry.id}  request.body.cpf: name")
    assert run("scan", url, "--name", "cpf", "-q", "method:NONE").exit_code == 0
