"""A host with its log browser at ``/logs/``, under uvicorn: ``live_host.py FOLDER``.

Prints its port. A line on its standard input asks, once all is shipped, for what the log counted; the last one ends it.
"""

from __future__ import annotations

import json
import socket
import sys
import threading

import uvicorn

from integration_logger import IntegrationLogger
from tests.benchmarks.host import make_app
from tests.benchmarks.load import HOST, SIZE
from tests.viewer.server import OWNER


def main(folder: str) -> None:
    """Serve until the standard input ends."""
    log = IntegrationLogger(f"sqlite:///{folder}/log.db")
    app = make_app(SIZE)
    app.mount("/logs", log.viewer(authorize=lambda _: OWNER))
    listening = socket.create_server((HOST, 0), backlog=64)
    # As on the sockets that uvicorn makes itself; without it an answer waits 40 ms for the client's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        log.asgi(app), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    threading.Thread(target=_answer, args=(server, log), daemon=True).start()
    print(listening.getsockname()[1], flush=True)
    server.run(sockets=[listening])
    log.close()


def _answer(server: uvicorn.Server, log: IntegrationLogger) -> None:
    for _ in sys.stdin:
        log.flush(60)
        health = log.health()
        figures = {"captured": health.captured, "shipped": health.shipped, "lost": sum(health.dropped.values())}
        print(json.dumps(figures), flush=True)
    server.should_exit = True


if __name__ == "__main__":
    main(*sys.argv[1:])
