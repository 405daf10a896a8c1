"""Pasted into bash, the command sends exactly what was captured, and does nothing else."""

from __future__ import annotations

import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_logger.curl import MASK, curl, quote
from integration_logger.entry import Entry, Message
from tests.factories import make_entry

URL = "https://api.example/v1/orders?a=1"
NASTY = [
    b"it's",
    b"two\nlines\n",
    b"$(touch pwned) `touch pwned` ${HOME} $HOME",
    b"@/etc/passwd",
    b"a\x00b",
    b"\\n \\x41 %s %d %%",
    b'"double" and \\',
    b"bang! !! !$ !-1",
    b"tab\t cr\r esc\x1b[31m",
    "caf\u00e9 \u202egnp \U0001f600".encode(),
    b"\xff\xfe\x80",
    b"-n --help",
    b"'; touch pwned; '",
    b"trailing newline\n\n",
    b"x" * 200_000,
]


def entry_with(body: bytes | None = None, headers: list[tuple[bytes, bytes]] | None = None, **fields: Any) -> Entry:
    message = Message(raw_headers=headers or [(b"content-type", b"text/plain")], body=body, **fields.pop("message", {}))
    return make_entry(url=fields.pop("url", URL), method=fields.pop("method", "POST"), request=message, **fields)


def run(command: str, folder: Path, *, interactive: bool = False) -> tuple[list[bytes], bytes]:
    """Run the command with a curl that writes down its arguments and what it is fed."""
    fake = 'curl() { printf "%s\\0" "$@" > arguments; case " $* " in *" @- "*) cat > fed;; *) : > fed;; esac; }\n'
    shell = ["bash", "--norc", "--noprofile", *(["-i"] if interactive else [])]
    subprocess.run(
        shell, input=f"{fake}{command}\nexit 0\n".encode(), cwd=folder, check=True, capture_output=True, timeout=30,
        env={"PATH": "/usr/bin:/bin", "MASKED_AUTHORIZATION": "s3cret", "HISTFILE": ""},
    )  # fmt: skip
    assert not (folder / "pwned").exists()
    return (folder / "arguments").read_bytes().split(b"\0")[:-1], (folder / "fed").read_bytes()


def body_sent(command: str, folder: Path, *, interactive: bool = False) -> bytes:
    arguments, fed = run(command, folder, interactive=interactive)
    if b"--data-binary" in arguments:
        return fed
    return arguments[arguments.index(b"--data-raw") + 1]


@pytest.mark.parametrize("interactive", [False, True])
@pytest.mark.parametrize("body", NASTY, ids=lambda body: repr(body[:20]))
def test_sends_exactly_the_bytes_of_the_body(body: bytes, interactive: bool, tmp_path: Path) -> None:
    command = curl(entry_with(body)).text
    assert command is not None
    assert body_sent(command, tmp_path, interactive=interactive) == body


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(min_size=1, max_size=60) | st.text(min_size=1, max_size=60).map(str.encode))
def test_sends_exactly_the_bytes_of_any_body(body: bytes, tmp_path: Path) -> None:
    command = curl(entry_with(body)).text
    assert command is not None
    assert body_sent(command, tmp_path) == body


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.binary(min_size=1, max_size=40).filter(lambda v: not set(v) & set(b"\0\r\n") and b"REDACTED" not in v))
def test_passes_on_exactly_the_bytes_of_any_header(value: bytes, tmp_path: Path) -> None:
    command = curl(entry_with(headers=[(b"x-note", value)])).text
    assert command is not None
    assert b"x-note: " + value in run(command, tmp_path)[0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.text(st.characters(exclude_categories=["Cs"], min_codepoint=0x21, exclude_characters="\x7f"), max_size=40)
)
def test_passes_on_any_address_as_one_argument(path: str, tmp_path: Path) -> None:
    command = curl(entry_with(url=f"https://api.example/{path}")).text
    assert command is not None
    assert f"https://api.example/{path}".encode() in run(command, tmp_path)[0]


def test_leaves_masked_headers_to_variables_and_says_so(tmp_path: Path) -> None:
    found = curl(entry_with(headers=[(b"authorization", b"Bearer [REDACTED]"), (b"cookie", b"sid=[REDACTED]; a=b")]))
    assert found.text is not None
    assert "-H 'authorization: Bearer '\"$MASKED_AUTHORIZATION\"" in found.text
    assert "-H 'cookie: sid='\"$MASKED_SID\"'; a=b'" in found.text
    assert found.notes == ("Masked values are left to you: set $MASKED_AUTHORIZATION, $MASKED_SID first.",)
    assert b"authorization: Bearer s3cret" in run(found.text, tmp_path)[0]


def test_never_names_a_variable_that_the_shell_may_have() -> None:
    found = curl(entry_with(headers=[(b"aws-secret-access-key", MASK.encode()), (b"path", MASK.encode())]))
    assert found.text is not None
    assert '"$MASKED_AWS_SECRET_ACCESS_KEY"' in found.text
    assert '"$PATH"' not in found.text


def test_leaves_masked_parts_of_the_address_to_variables() -> None:
    found = curl(entry_with(url="https://u:[REDACTED]@api.example/x?token=[REDACTED]&b=[REDACTED]"))
    assert found.text is not None
    assert "'https://u:'\"$MASKED_PASSWORD\"'@api.example/x?token='\"$MASKED_TOKEN\"'&b='\"$MASKED_B\"" in found.text


def test_notes_masks_in_the_body_and_keeps_its_bytes(tmp_path: Path) -> None:
    found = curl(entry_with(b'{"password": "[REDACTED]"}'))
    assert found.text is not None
    assert body_sent(found.text, tmp_path) == b'{"password": "[REDACTED]"}'
    assert "masked values" in found.notes[0]


def test_notes_what_was_not_kept() -> None:
    cut = curl(entry_with(b"begin", message={"truncated": True, "size": 999}))
    assert "cut" in cut.notes[0]
    binary = curl(entry_with(None, message={"omitted": "binary", "size": 999}))
    assert "--data-binary @FILE" in binary.notes[0]


def test_leaves_out_headers_of_the_connection() -> None:
    headers = [
        (b"Host", b"api.example"), (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked"), (b":path", b"/"),
        (b"Accept-Encoding", b"gzip, br"), (b"Content-Encoding", b"gzip"), (b"X-Empty", b""), (b"Accept", b"*/*"),
    ]  # fmt: skip
    found = curl(entry_with(b"hello", headers=headers))
    assert found.text == (
        "curl -X POST 'https://api.example/v1/orders?a=1' \\\n  --compressed \\\n  -H 'X-Empty;' \\\n  "
        "-H 'Accept: */*' \\\n  -H 'Content-Type:' \\\n  --data-raw 'hello'"
    )
    assert found.notes == ("The body is sent decoded, not as gzip.",)


def test_keeps_a_host_that_differs_from_the_address() -> None:
    found = curl(entry_with(headers=[(b"host", b"other.example")]))
    assert found.text is not None
    assert "-H 'host: other.example'" in found.text


def test_leaves_out_headers_that_http_does_not_allow() -> None:
    found = curl(entry_with(headers=[(b"@/etc/passwd", b"x"), (b"a b", b"x"), (b"x-split", b"a\r\nEvil: 1")]))
    assert found.text is not None
    assert "-H" not in found.text
    assert found.notes == ("A header that HTTP does not allow was left out.",)


@pytest.mark.parametrize("url", [None, "javascript:alert(1)", "file:///etc/passwd", "-o/etc/passwd", ""])
def test_repeats_http_only(url: str | None) -> None:
    assert curl(entry_with(url=url)).text is None


def test_repeats_no_word_that_is_not_an_http_method() -> None:
    assert curl(entry_with(method="X; touch pwned")).text is None
    assert "-X 'M-SEARCH'" in (curl(entry_with(method="M-SEARCH")).text or "")


def test_asks_for_the_head_only_as_curl_does() -> None:
    assert (curl(entry_with(method="HEAD", headers=[(b"accept", b"*/*")])).text or "").startswith("curl --head 'https")
    assert (curl(entry_with(method="GET", headers=[(b"accept", b"*/*")])).text or "").startswith("curl 'https")


def test_takes_brackets_in_an_address_as_they_are() -> None:
    assert "--globoff" in (curl(entry_with(url="https://api.example/?filter[a]={b}")).text or "")


def test_shows_signs_that_cannot_be_seen() -> None:
    assert quote("a\u202eb") == "$'a\\342\\200\\256b'"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
@pytest.mark.parametrize("body", [body for body in NASTY if len(body) < 1000], ids=lambda body: repr(body[:20]))
def test_the_real_curl_sends_the_same_request(body: bytes, tmp_path: Path) -> None:
    received: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    entry = entry_with(body, method="PUT", url=f"http://127.0.0.1:{server.server_port}/a?b={{c}}&d=[1]")
    command = curl(entry).text
    assert command is not None
    subprocess.run(
        ["bash", "-c", command.replace("curl ", "curl --silent --max-time 10 ", 1)], check=True, cwd=tmp_path
    )
    server.server_close()
    assert received == [("/a?b={c}&d=[1]", body)]
