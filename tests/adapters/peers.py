"""The other side of calls that go out: servers on plain sockets, which may break off, keep silent or talk nonsense."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import h2.config
import h2.connection
import h2.events

Answer = Callable[[socket.socket, bytes], None]


@contextmanager
def peer(answer: Answer | bytes, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answer each connection's first request by a function that gets its head, or with bytes; yields ``host:port``."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as connections:
        threading.Thread(target=_serve, args=(listening, answer, context, connections), daemon=True).start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _serve(
    listening: socket.socket, answer: Answer | bytes, context: ssl.SSLContext | None, connections: ExitStack
) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            connections.callback(connection.close)
            threading.Thread(target=_answer, args=(connection, answer, context), daemon=True).start()


def _answer(connection: socket.socket, answer: Answer | bytes, context: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        if context is not None:
            connection = context.wrap_socket(connection, server_side=True)
        head = _head(connection)
        if isinstance(answer, bytes):
            connection.sendall(answer)
            connection.close()
        else:
            answer(connection, head)


def _head(connection: socket.socket) -> bytes:
    head = b""
    # one who wants to speak TLS sends no head
    while b"\r\n\r\n" not in head and not head.startswith(b"\x16") and (data := connection.recv(65536)):
        head += data
    return head


def silent(*first: bytes) -> Answer:
    """Say this much, and then nothing."""

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"".join(first))

    return answer


def reset(*first: bytes) -> Answer:
    """Say this much, and then break the connection."""

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"".join(first))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return answer


@contextmanager
def crowded() -> Iterator[str]:
    """Yield the address of a server that has no room for one more connection."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listening.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"127.0.0.1:{address[1]}"


def closed_port() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def http2(connection: socket.socket, head: bytes) -> None:
    """Speak HTTP/2, and answer each request with its body."""
    speaking = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    speaking.initiate_connection()
    connection.sendall(speaking.data_to_send())
    bodies: dict[int, bytes] = {}
    data = head
    while data:
        for event in speaking.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                speaking.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                speaking.send_headers(event.stream_id, [(":status", "200"), ("content-type", "text/plain")])
                speaking.send_data(event.stream_id, bodies.get(event.stream_id, b""), end_stream=True)
        connection.sendall(speaking.data_to_send())
        data = connection.recv(65536)
