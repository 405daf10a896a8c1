"""The shop's warehouse: an older application, of Flask, which scanners tell what they move; it is served beside."""

from __future__ import annotations

import csv
import hmac
import io
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Flask, Response, abort, current_app, request
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from integration_logger import HEALTH_CHECKS, IntegrationLogger
from integration_logger.capture import Capture, Detached
from integration_logger.demo import payloads
from integration_logger.demo.signatures import KEYS

AT_FIRST = 40
"""The pieces of each article when the warehouse opens."""
PATIENCE = 10
"""Seconds until who connects and asks nothing is sent away; the end of the demo waits for them."""

routes = Blueprint("warehouse", __name__)


class ScalesAwayError(RuntimeError):
    """The exception that the warehouse does not handle."""


class Stock:
    """How many pieces of each article there are; requests change it in threads."""

    def __init__(self) -> None:
        self.pieces = {sku: AT_FIRST for sku, *_ in payloads.PRODUCTS}
        self._lock = Lock()

    def change(self, sku: str, by: int) -> int | None:
        """Return how many there are then, or None where there are too few."""
        with self._lock:
            pieces = self.pieces[sku] + by
            if pieces < 0:
                return None
            self.pieces[sku] = pieces
        return pieces


def warehouse(log: IntegrationLogger) -> Flask:
    """Return the warehouse, its calls recorded by ``log``."""
    app = Flask(__name__, static_folder=None)
    app.extensions["log"] = log
    app.extensions["stock"] = Stock()
    app.register_blueprint(routes)
    app.logger.addFilter(_is_news)
    app.wsgi_app = log.wsgi(app.wsgi_app, labels=labels, exclude=HEALTH_CHECKS)  # type: ignore[method-assign]
    return app


def labels(environ: dict[str, Any]) -> dict[str, object]:
    """Say which third party and which customer a call belongs to."""
    return {
        "integration": "scanners" if environ["PATH_INFO"].startswith("/webhooks/") else "storefront",
        "application": "warehouse",
        "tenant": dict(parse_qsl(environ["QUERY_STRING"])).get("account"),
        "request_id": environ.get("HTTP_X_REQUEST_ID"),
        "environment": "demo",
    }


def current() -> Capture | Detached:
    """Return the entry in the making, to label it."""
    log: IntegrationLogger = current_app.extensions["log"]
    return log.current()


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ScalesAwayError))


@routes.post("/webhooks/stock")
def change_stock() -> dict[str, Any]:
    """Take what a scanner has moved: 409 where there is less than it took away, 422 for what is no change."""
    expected = f"Bearer {KEYS['scanners'].decode()}"
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
        abort(401, "the scanner is not known")
    stock: Stock = current_app.extensions["stock"]
    match request.get_json():
        case {"sku": str(sku), "by": int(by), "scanner": str(scanner)} if sku in stock.pieces:
            current().label(operation="stock", log_type="events", user_id=scanner)
        case _:
            abort(422, "a change needs the sku of an article, by how many pieces, and the scanner")
    pieces = stock.change(sku, by)
    if pieces is None:
        abort(409, f"there are fewer pieces of {sku}")
    return {"sku": sku, "pieces": pieces}


@routes.get("/api/stock.csv")
def list_stock() -> Response:
    """Stream what there is, one article at a time."""
    current().label(operation="list_stock")
    return Response(_rows(current_app.extensions["stock"]), mimetype="text/csv")


def _rows(stock: Stock) -> Iterator[str]:
    for row in [("sku", "name", "pieces"), *((sku, name, stock.pieces[sku]) for sku, name, _ in payloads.PRODUCTS)]:
        line = io.StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue()
        time.sleep(0.02)


@routes.post("/api/counts")
def count_stock() -> dict[str, Any]:
    """Fail: nobody has connected the scales."""
    raise ScalesAwayError("the scales do not answer")


class _Server(ThreadedWSGIServer):
    daemon_threads = False  # its end waits for theirs, so that nothing is recorded later


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing: the log has it."""


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve the warehouse on a free port of this machine and yield its address; at the end, finish what was asked."""
    server = _Server("127.0.0.1", 0, app, _Handler)
    thread = Thread(target=server.serve_forever, args=[0.1], name="warehouse", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
