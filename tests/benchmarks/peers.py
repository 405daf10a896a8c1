"""Peers around the same app, and what they add to a request of 1 KiB in and out (prints JSON).

Each runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tests.benchmarks.harness import alternate
from tests.benchmarks.host import App, answers_of, incoming, make_app, serve
from tests.benchmarks.otlp import encoding_provider

SIZE = 1024
CALLS = 1500
ROUNDS = 7
NOWHERE = "http://127.0.0.1:9"


def opentelemetry(folder: Path) -> tuple[App, Callable[[], object]]:
    """OpenTelemetry's ASGI instrumentation: spans without bodies, batched and encoded as OTLP."""
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    provider = encoding_provider(4 * CALLS)
    return OpenTelemetryMiddleware(make_app(SIZE), tracer_provider=provider), provider.force_flush


def apitally(folder: Path) -> tuple[App, Callable[[], object]]:
    """Apitally with headers and bodies, which it cuts at 50,000 bytes."""
    from apitally.shared import activation
    from apitally.starlette import init

    app: Starlette = make_app(SIZE)
    init(
        app, write_token="apt_" + "0" * 24, otlp_endpoint=NOWHERE, capture_request_headers=True,
        capture_request_body=True, capture_response_body=True,
    )  # fmt: skip
    return app, lambda: activation.span_processor and activation.span_processor.force_flush()


def fastapi(folder: Path) -> tuple[App, Callable[[], object]]:
    """FastAPI without anything, to compare fastapi-radar with."""
    from fastapi import FastAPI

    app, answers = FastAPI(), answers_of(SIZE)

    @app.post("/webhooks/{partner}")
    async def answer(partner: str, request: Request) -> Response:
        await request.body()
        return Response(next(answers), media_type="application/json")

    return app, lambda: None


def radar(folder: Path) -> tuple[App, Callable[[], object]]:
    """fastapi-radar with its defaults: bodies of up to 10,000 characters, into SQLite with a write-ahead log."""
    from fastapi_radar import Radar
    from sqlalchemy import create_engine, event

    engine = create_engine(f"sqlite:///{folder}/radar.db")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA journal_mode = WAL"))
    app, _ = fastapi(folder)
    made = Radar(app, db_engine=create_engine("sqlite://"), storage_engine=engine, include_in_schema=False)
    made.create_tables()
    return app, lambda: None


PEERS = {"opentelemetry": opentelemetry, "apitally": apitally, "fastapi": fastapi, "radar": radar}


def main(name: str) -> None:
    """Measure one peer and the bare app in turn."""
    logging.disable()
    app, flush = PEERS[name](Path.cwd())
    calls, bare = incoming(SIZE, secret=True), make_app(SIZE)
    with asyncio.Runner() as runner:

        def wall(app: App) -> float:
            flush()
            start = perf_counter()
            runner.run(serve(app, calls, CALLS))
            return (perf_counter() - start) / CALLS * 1e6

        def cpu(app: App) -> float:
            flush()
            start = process_time()
            runner.run(serve(app, calls, CALLS))
            flush()
            return (process_time() - start) / CALLS * 1e6

        wall(app)
        variants = {
            "wall": lambda: wall(app),
            "bare": lambda: wall(bare),
            "cpu": lambda: cpu(app),
            "bare_cpu": lambda: cpu(bare),
        }
        print(json.dumps(alternate(variants, ROUNDS)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
