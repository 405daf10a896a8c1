"""The peak of memory while 200 MB pass: with a logger around the app, and without."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Final, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from integration_logger import IntegrationLogger
from tests.benchmarks.harness import Options, folder, table
from tests.benchmarks.host import CHUNK, App, Message, incoming

BYTES: Final = 200 * 1000 * 1000
_LIMIT_MB: Final = 5.0


def run(options: Options) -> None:
    """Print the table."""
    rows = []
    for way in ("upload", "download"):
        bare, ours = (_measured(way, variant, options.scaled(BYTES)) for variant in ("bare", "ours"))
        more = ours.growth - bare.growth
        verdict = "yes" if more <= _LIMIT_MB else "no"
        growths = [f"+{bare.growth:.1f}", f"+{ours.growth:.1f}"]
        rows.append(
            [way, f"{bare.before:.1f}", growths[0], f"{ours.before:.1f}", growths[1], f"{_LIMIT_MB:.0f}", verdict]
        )
    megabytes = options.scaled(BYTES) / 1e6
    head = [
        f"{megabytes:.0f} MB of text",
        "without: before",
        "while they pass",
        "with ours: before",
        "while they pass",
        "limit",
        "limit met",
    ]
    note = "after first calls, which load what is loaded once; each run in a process of its own"
    table("Memory, MB", head, rows, f"In chunks of {CHUNK // 1024} KiB, {note}.")


class _Memory(NamedTuple):
    before: float
    growth: float


def _measured(way: str, variant: str, size: int) -> _Memory:
    with folder() as place:
        command = [sys.executable, "-m", "tests.benchmarks.memory", way, variant, str(size), str(place)]
        before, growth = subprocess.check_output(command, text=True, timeout=300).split()
        return _Memory(float(before), float(growth))


# --- in the process that is measured ----------------------------------------------------------------------


async def _take(request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return Response(b'{"received": %d}' % size, media_type="application/json")


async def _give(request: Request) -> Response:
    return StreamingResponse(_chunks(int(request.query_params["size"])), media_type="text/csv")


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, CHUNK):
        yield bytes([65 + size % 26]) * CHUNK


def make_app() -> Starlette:
    """Return an app that takes and gives much, a chunk at a time."""
    return Starlette(routes=[Route("/upload", _take, methods=["POST"]), Route("/download", _give)])


async def _call(app: App, way: str, size: int) -> None:
    scope = incoming(0, secret=True)[0].scope() | {"path": f"/{way}", "raw_path": f"/{way}".encode()}
    scope["query_string"] = b"size=%d" % size
    if way == "download":
        scope["method"] = "GET"
    await app(scope, _sender(size if way == "upload" else 0), _drop)


def _sender(size: int) -> Callable[[], Awaitable[Message]]:
    left = size

    async def receive() -> Message:
        nonlocal left
        if left < 0:  # the request has been read; the client stays
            await asyncio.sleep(3600)
        left -= CHUNK
        return {"type": "http.request", "body": b"x" * min(CHUNK, left + CHUNK), "more_body": left > 0}

    return receive


async def _drop(message: Message) -> None:
    pass


def measure(way: str, variant: str, size: int, place: Path) -> _Memory:
    """Return the MB in use before, and how many more at the peak while so many bytes pass."""
    app: App = make_app()
    log = IntegrationLogger(f"sqlite:///{place}/log.db")
    if variant == "ours":
        app = log.asgi(app)
    with asyncio.Runner() as runner:
        for _ in range(10):
            runner.run(_call(app, way, 4 * CHUNK))
        log.flush()
        _forget_peak()
        before = _in_use("VmRSS")
        runner.run(_call(app, way, size))
        log.flush()
        peak = _in_use("VmHWM")
    log.close()
    return _Memory(before, peak - before)


def _forget_peak() -> None:
    path = Path("/proc/self/clear_refs")  # Linux: 5 sets the peak to what is in use now
    if path.exists():
        path.write_text("5", encoding="ascii")


def _in_use(what: str) -> float:
    path = Path("/proc/self/status")
    if not path.exists():  # elsewhere there is only the peak since the process began
        return getrusage(RUSAGE_SELF).ru_maxrss / 1e6
    line = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(what))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    print(*measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
