"""The host of ``host.py`` in a process of its own, and plain sockets to talk to it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Host(NamedTuple):
    """A running host."""

    implementation: str
    port: int

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def get(self, target: str) -> bytes:
        """Return the body of an answer."""
        with self.connect() as connection:
            connection.sendall(f"GET {target} HTTP/1.0\r\nhost: shop\r\n\r\n".encode())
            received = b""
            while data := connection.recv(65536):
                received += data
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.split()[1] in (b"200", b"204"), head
        return body


@contextmanager
def running(folder: Path, implementation: str, *exclude: str) -> Iterator[Host]:
    """Run the host until the block is left."""
    command = [sys.executable, "-m", "tests.adapters.host", str(folder), implementation, *exclude]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Host(implementation, int(process.stdout.readline()))
        finally:
            process.kill()
