"""Several loggers in one process, and hosts without a lifespan: each log has its own calls, all of them, once."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.testclient import TestClient

from integration_logger import IntegrationLogger
from integration_logger.spool.segments import segments
from integration_logger.stores import open_store
from tests import postgresql
from tests.records import stored

pytestmark = pytest.mark.reliability


def flask_app(*logs: IntegrationLogger) -> Any:
    """Return a WSGI host around which all these loggers lie."""
    app = Flask("shop")
    app.add_url_rule("/orders", view_func=lambda: {"ok": True})
    wrapped: Any = app.wsgi_app
    for log in logs:
        wrapped = log.wsgi(wrapped)
    app.wsgi_app = wrapped  # type: ignore[method-assign]
    return app


def fastapi_app(log: IntegrationLogger) -> FastAPI:
    """Return an ASGI host."""
    app = FastAPI()
    app.add_middleware(log.asgi)
    app.add_api_route("/orders", lambda: {"ok": True})
    return app


def count(url: str) -> int:
    with closing(open_store(url)) as store:
        ids = stored(store)
    assert len(ids) == len(set(ids))
    return len(ids)


def test_loggers_on_different_stores_and_on_the_same(tmp_path: Path) -> None:
    """Two on SQLite files, one on PostgreSQL, one more on the first file from another spool: each has its calls."""
    with ExitStack() as stack:
        urls = [f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/two.db"]
        urls.append(stack.enter_context(postgresql.fresh_database()))
        logs = [IntegrationLogger(url, spool=tmp_path / f"spool-{number}") for number, url in enumerate(urls)]
        logs.append(IntegrationLogger(urls[0], spool=tmp_path / "spool-same"))
        client = flask_app(*logs).test_client()
        alone = flask_app(logs[0]).test_client()
        for _ in range(50):
            assert client.get("/orders").status_code == 200
            assert alone.get("/orders").status_code == 200
        for log in logs:
            assert log.flush(20)
            log.close()
        assert [count(url) for url in urls] == [150, 50, 50]
        assert [path for folder in tmp_path.glob("spool-*") for path in segments(folder)] == []


def test_loggers_that_share_a_spool(tmp_path: Path) -> None:
    """Two loggers on one store and one folder: one of them ships for both."""
    url = f"sqlite:///{tmp_path}/log.db"
    one, two = IntegrationLogger(url), IntegrationLogger(url)
    clients = [flask_app(log).test_client() for log in (one, two)]
    for _ in range(50):
        for client in clients:
            assert client.get("/orders").status_code == 200
    for log in (one, two):
        assert log.flush(20)
    two.close()
    one.close()
    assert count(url) == 100


def test_scenario_21_hosts_without_a_lifespan(tmp_path: Path) -> None:
    """Clients that run none, a part that is mounted, and WSGI never see a lifespan: every call is stored."""
    url = f"sqlite:///{tmp_path}/log.db"
    log = IntegrationLogger(url)
    outer = FastAPI()
    outer.mount("/shop", fastapi_app(log))

    async def call(app: FastAPI, path: str) -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example.com") as client:
            for _ in range(20):
                assert (await client.get(path)).status_code == 200

    asyncio.run(call(fastapi_app(log), "/orders"))
    asyncio.run(call(outer, "/shop/orders"))
    assert TestClient(outer).get("/shop/orders").status_code == 200
    assert flask_app(log).test_client().get("/orders").status_code == 200
    assert log.flush(20)
    log.close()
    assert count(url) == 42
