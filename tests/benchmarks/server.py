"""A uvicorn server of one worker on one core, for the load benchmark: ``server.py VARIANT FOLDER``.

Prints its port. Each line on its standard input asks for what is stored so far, the last one ends it.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from time import perf_counter, process_time

import uvicorn

from integration_logger import IntegrationLogger
from tests.benchmarks.harness import pin
from tests.benchmarks.host import make_app
from tests.benchmarks.load import HOST, SIZE


def main(variant: str, folder: str) -> None:
    """Serve until the standard input ends."""
    pin(0)
    app, log = make_app(SIZE), None
    if variant != "bare":
        log = IntegrationLogger(f"sqlite:///{folder}/log.db", ship=None if variant == "unshipped" else "thread")
        app = log.asgi(app)
    listening = socket.create_server((HOST, 0), backlog=64)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does so only for its own sockets
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    answering = threading.Thread(target=_answer, args=(server, log), daemon=True)
    answering.start()
    print(listening.getsockname()[1], flush=True)
    server.run(sockets=[listening])
    if log is not None:
        log.close()


def _answer(server: uvicorn.Server, log: IntegrationLogger | None) -> None:
    for line in sys.stdin:
        if line.strip() == "flush" and log is not None:
            log.flush(300)
        health = log.health() if log is not None else None
        figures = {"cpu": process_time(), "at": perf_counter()}
        if health is not None:
            figures |= {"captured": health.captured, "shipped": health.shipped, "lost": sum(health.dropped.values())}
        print(json.dumps(figures), flush=True)
    server.should_exit = True


if __name__ == "__main__":
    main(*sys.argv[1:])
