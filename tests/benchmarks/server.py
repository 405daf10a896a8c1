"""A uvicorn server of one worker on one core, for the load benchmark: ``server.py VARIANT FOLDER [STORE]``.

Prints its port. Each line on its standard input asks for what is stored so far, the last one ends it.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import uvicorn

from integration_logger import IntegrationLogger, Spool
from tests.benchmarks import peers
from tests.benchmarks.harness import pin
from tests.benchmarks.host import App, make_app
from tests.benchmarks.load import HOST, SIZE

SHIPPED = {"unshipped": None, "thread": "thread", "process": "process"}
ROOM = 16 * 1024**3
"""Bytes of the spool: what nobody ships is kept too, for as long as the load lasts."""
TICKS = os.sysconf("SC_CLK_TCK")


def main(variant: str, folder: str, store: str | None = None) -> None:
    """Serve until the standard input ends."""
    pin(0)
    logging.disable(logging.ERROR)
    app, log = _make(variant, folder, store or f"sqlite:///{folder}/log.db")
    listening = socket.create_server((HOST, 0), backlog=64)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does so only for its own sockets
    lifespan = "on" if variant == "radar" else "off"
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan=lifespan))
    answering = threading.Thread(target=_answer, args=(server, log), daemon=True)
    answering.start()
    print(listening.getsockname()[1], flush=True)
    server.run(sockets=[listening])
    if log is not None:
        log.close()


def _make(variant: str, folder: str, store: str) -> tuple[App, IntegrationLogger | None]:
    if variant in SHIPPED:
        spool = Spool(Path(folder, "spool"), max_bytes=ROOM)
        log = IntegrationLogger(store, spool=spool, ship=SHIPPED[variant])
        return log.asgi(make_app(SIZE)), log
    if variant == "bare":
        return make_app(SIZE), None
    return peers.PEERS[variant](Path(folder))[0], None


def _answer(server: uvicorn.Server, log: IntegrationLogger | None) -> None:
    for line in sys.stdin:
        if line.strip() == "flush" and log is not None:
            log.flush(300)
        figures: dict[str, Any] = {"cpu": process_time(), "at": perf_counter(), "child_cpu": 0.0}
        if log is not None:
            figures |= {"captured": log.health().captured, "lost": sum(log.health().dropped.values())}
            figures |= {"stored": _stored(log), "child_cpu": sum(map(_child_cpu, _children()))}
        print(json.dumps(figures), flush=True)
    server.should_exit = True


def _stored(log: IntegrationLogger) -> int:
    try:
        return log.store.info().newest_seq
    except Exception:  # nothing was stored yet
        return 0


def _children() -> list[int]:
    """Return the processes that this one started, after moving them off its core."""
    found = [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    for pid in found:
        os.sched_setaffinity(pid, {*range(os.cpu_count() or 1)} - {0} or {0})
    return found


def _child_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main(*sys.argv[1:])
