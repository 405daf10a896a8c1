"""Under a real server, with real sockets: what the client sees and when, and what is recorded of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.adapters.client import Host, running


@pytest.fixture(scope="module", params=["h11", "httptools"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host whose calls are recorded."""
    with running(tmp_path_factory.mktemp("host"), request.param) as host:
        yield host


@pytest.fixture(scope="module")
def alone(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The same host without us."""
    with running(tmp_path_factory.mktemp("alone"), host.implementation, "*") as alone:
        yield alone


def recorded(host: Host, route: str) -> dict[str, Any]:
    """Return the newest entry of this route."""
    return json.loads(host.get(f"/_entries?route={route}"))[-1]


def test_the_first_chunk_arrives_before_the_second_is_made(host: Host) -> None:
    """The client has each of ten chunks before the host makes the next one."""
    with host.connect() as connection:
        connection.sendall(b"GET /chunks HTTP/1.1\r\nhost: shop\r\n\r\n")
        received = b""
        for number in range(10):
            while b"chunk %d\n" % number not in received:
                received += connection.recv(4096)
            assert b"chunk %d\n" % (number + 1) not in received
            host.get("/_go/next")
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.recv(4096)
    entry = recorded(host, "/chunks")
    assert (entry["status"], entry["status_code"]) == ("completed", 200)
    assert entry["response"]["body"] == "".join(f"chunk {number}\n" for number in range(10))


@pytest.mark.parametrize(
    ("media_type", "status", "error_type"),
    [("text/event-stream", "completed", None), ("text/plain", "failed", "disconnect")],
)
@pytest.mark.alone
def test_a_client_that_leaves_is_recorded_within_a_second(
    host: Host, media_type: str, status: str, error_type: str | None
) -> None:
    """Leaving an event stream ends it, leaving another answer breaks it off; the generator is closed."""
    with host.connect() as connection:
        connection.sendall(b"GET /endless?type=%s HTTP/1.1\r\nhost: shop\r\n\r\n" % media_type.encode())
        received = b""
        while received.count(b"data: 1") < 3:
            received += connection.recv(4096)
    left = monotonic()
    host.get("/_wait/closed")
    entry = recorded(host, "/endless")
    while media_type not in entry["url"]:
        entry = recorded(host, "/endless")
    assert monotonic() - left < 1
    assert (entry["status"], entry["error_type"], entry["status_code"]) == (status, error_type, 200)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("HEAD", "/status/200?body=1"),
        ("HEAD", "/status/404"),
        ("GET", "/status/204"),
        ("GET", "/status/304"),
        ("GET", "/status/302"),
        ("GET", "/status/200?body=1"),
        ("GET", "/nothing"),
        ("GET", "/broken"),
        ("HEAD", "/broken"),
    ],
)
def test_the_answer_on_the_wire_is_the_same_with_us(host: Host, alone: Host, method: str, target: str) -> None:
    """Status line, headers and body do not change by a byte, and no body appears where there is none."""
    with_us, without = (exchange(server, method, target) for server in (host, alone))
    assert with_us == without
    if target != "/nothing":
        route = re.sub(r"/status/.*", "/status/{code}", target)
        assert recorded(host, route)["method"] == method


def exchange(host: Host, method: str, target: str) -> bytes:
    """Return all that the server sends before it closes the connection, without the date."""
    with host.connect() as connection:
        connection.sendall(f"{method} {target} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n".encode())
        received = b""
        while data := connection.recv(4096):
            received += data
    return re.sub(rb"date: [^\r]*\r\n", b"", received)


def test_a_background_task_delays_neither_the_answer_nor_its_entry(host: Host) -> None:
    """The client has the whole answer, and the log its entry, while the background task still waits."""
    assert host.get("/background") == b"done"
    entry = recorded(host, "/background")
    assert entry["status"] == "completed"
    host.get("/_go/finish")


def test_an_entry_is_readable_by_another_process_when_its_client_has_the_answer(host: Host) -> None:
    """Whoever has an answer finds its entry on the spool or in the store, were the host to die now."""
    assert host.get("/status/200?body=1") == b"hello"
    assert recorded(host, "/status/{code}")["url"].endswith("/status/200?body=1")


def test_an_upload_that_breaks_off_is_a_disconnect(host: Host) -> None:
    """A client that leaves in the middle of its request leaves a failed call with what had come."""
    with host.connect() as connection:
        head = b"POST /upload HTTP/1.1\r\nhost: shop\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n"
        connection.sendall(head + b"only this")
    entry = recorded(host, "/upload")
    assert (entry["status"], entry["error_type"], entry["request"]["size"]) == ("failed", "disconnect", 9)
    assert entry["request"]["truncated"]


MB = 1024 * 1024
SIZE = 200 * MB
AFFORDED = 5 * MB


def upload(host: Host) -> None:
    head = b"POST /upload HTTP/1.0\r\nhost: shop\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n" % SIZE
    with host.connect() as connection:
        connection.sendall(head)
        for _ in range(SIZE // MB):
            connection.sendall(b"0123456789abcdef" * (MB // 16))
        received = b""
        while data := connection.recv(4096):
            received += data
    assert received.endswith(b'{"size":%d}' % SIZE)


def download(host: Host) -> None:
    with host.connect() as connection:
        connection.sendall(b"GET /download?bytes=%d HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n" % SIZE)
        received = 0
        while data := connection.recv(MB):
            received += len(data)
    assert received > SIZE


@pytest.mark.parametrize("implementation", ["h11", "httptools"])
@pytest.mark.parametrize("transfer", [upload, download])
def test_two_hundred_megabytes_cost_no_memory(tmp_path: Path, implementation: str, transfer: Any) -> None:
    """A large upload or streamed download takes at most 5 MB more at its peak than the same run without us."""
    peaks = []
    for place, exclude in (("with", ()), ("without", ("/upload", "/download"))):
        folder = tmp_path / place
        folder.mkdir()
        with running(folder, implementation, *exclude) as host:
            host.get("/status/200?body=1")  # the same modules, threads and tables in both
            recorded(host, "/status/{code}")
            host.get("/_peak")
            before = json.loads(host.get("/_peak"))
            transfer(host)
            peaks.append(json.loads(host.get("/_peak")) - before)
            if not exclude:
                entry = recorded(host, f"/{transfer.__name__}")
                half = entry["request" if transfer is upload else "response"]
                assert (half["size"], half["truncated"], len(half["body"])) == (SIZE, True, 64 * 1024)
    assert peaks[0] - peaks[1] < AFFORDED
