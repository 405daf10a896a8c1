"""The examples of the reference: requests, and what the applications answer to them from a small log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from integration_logger import ALL, Principal
from integration_logger.compat.kondado import Kondado
from integration_logger.entry import Entry, Message, Run
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Viewer
from integration_logger.viewer.openapi import Operation
from tests.viewer.server import Client

ANA: Final = Principal("ana", role="owner", tenants=ALL)
BEGAN: Final = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
CALL: Final = "019aa58b-7a40-7000-8000-000000000001"
MADE_IN_IT: Final = "019aa58b-7a40-7000-8000-000000000002"
SHOWN: Final = ("id", "seq", "kind", "started_at", "outcome", "status_code", "duration", "method", "url", "errors")
"""Of an entry in an example; the others are left out."""
WIDTH: Final = 100

NATIVE: Final[dict[str, dict[str, str] | None]] = {
    "/api/entries": {"status_code": "5xx", "limit": "1"},
    "/api/runs": {"order": "asc", "cursor": "0"},
    "/api/entries/{id}": {},
    "/api/entries/{id}/related": {},
    "/api/entries/{id}/request": {},
    "/api/entries/{id}/curl": {},
    "/api/facets": {"field": "status_code"},
    "/api/stats": {"since": "2026-11-21T08:00:00Z", "till": "2026-11-21T09:00:00Z", "bucket": "3600"},
    "/api/export.{format}": {"columns": "started_at,method,status_code", "order": "asc", "last_line": "true"},
    "/api/erase": {"tenant": "1", "user_id": "42", "dry_run": "true"},
    "/api/purge": {"dry_run": "true"},
}
"""What is asked for, by path; other routes answer with what depends on time and place."""
KONDADO: Final[dict[str, dict[str, str]]] = {
    "/pipeline_logs": {"start_element_id": "0", "client_id": "1"},
    "/model_logs": {"start_element_id": "0"},
    "/pipelines/{id}/status": {},
    "/models/{id}/status": {},
}


def native_example(operation: Operation) -> Iterator[str]:
    """Yield the lines that show a request to the log browser and its answer; none for a route without an example."""
    if (asked := NATIVE.get(operation.path)) is None:
        return
    path = operation.path.format(id=CALL, format="csv")
    if operation.method == "POST":
        sent = {name: value == "true" if name == "dry_run" else value for name, value in asked.items()}
        yield from ("", "```text", f"POST {path}", json.dumps(sent), "```")
        answer = _browser().send("POST", path, json=sent)
    else:
        yield from _request(path, asked)
        answer = _browser().get(path, params=asked)
    yield from _answer(answer)


def kondado_example(operation: Operation) -> Iterator[str]:
    """Yield the lines that show a request to Kondado's API and its answer."""
    if (asked := KONDADO.get(operation.path)) is not None:
        path = operation.path.format(id="702" if "pipeline" in operation.path else "162")
        yield from _request(path, asked)
        yield from _answer(_kondado().get(path, params=asked))


def _request(path: str, asked: dict[str, str]) -> Iterator[str]:
    query = f"?{urlencode(asked, safe=':,')}" if asked else ""
    yield from ("", "```text", f"GET {path}{query}", "```")


def _answer(answer: Any) -> Iterator[str]:
    assert answer.status_code == 200, answer.text
    kind = answer.headers["content-type"].partition(";")[0]
    is_json = kind == "application/json"
    text = written(_shortened(answer.json())) if is_json else answer.text.replace("\r", "").rstrip()
    yield from ("", "```json" if is_json else "```text", text, "```")


def _shortened(data: Any) -> Any:
    """Leave out most of what an entry has, and say so."""
    if isinstance(data, list):
        return [_shortened(item) for item in data]
    if not isinstance(data, dict):
        return data
    if "transaction_id" in data:
        return {name: data[name] for name in SHOWN} | {"…": "…"}
    return {name: _shortened(value) for name, value in data.items()}


def written(data: Any, indent: str = "") -> str:
    """Return JSON in as few lines as are read with ease."""
    line = json.dumps(data, ensure_ascii=False)
    if len(indent) + len(line) <= WIDTH or not isinstance(data, dict | list) or not data:
        return line
    inner = f"{indent}  "
    if isinstance(data, list):
        lines = [f"{inner}{written(item, inner)}" for item in data]
    else:
        lines = [
            f"{inner}{json.dumps(name, ensure_ascii=False)}: {written(value, inner)}" for name, value in data.items()
        ]
    brackets = "[]" if isinstance(data, list) else "{}"
    return f"{brackets[0]}\n" + ",\n".join(lines) + f"\n{indent}{brackets[1]}"


# --- the log --------------------------------------------------------------------------------------------


@cache
def _browser() -> Client:
    store = MemoryStore()
    store.write([_call(), _made_in_it(), _run("702", "pipeline"), _run("162", "model")])
    return Client(Viewer(store, authorize=lambda _: ANA))


@cache
def _kondado() -> Client:
    store = MemoryStore()
    store.write([_run("702", "pipeline"), _run("162", "model")])
    return Client(Kondado(store, authorize=lambda _: ANA))


def _call() -> Entry:
    body = b'{"type": "charge.succeeded", "account": "1"}'
    headers = [(b"content-type", b"application/json"), (b"authorization", b"[REDACTED]")]
    return Entry(
        id=CALL, kind="inbound", started_at=BEGAN, status="completed", transaction_id=CALL, tenant="1", user_id="42",
        integration="stripe", status_code=200, duration=0.0214, method="POST",
        url="https://shop.example.com/webhooks/stripe", route="/webhooks/stripe",
        request=Message(raw_headers=headers, body=body, content_type="application/json", size=len(body)),
    )  # fmt: skip


def _made_in_it() -> Entry:
    return Entry(
        id=MADE_IN_IT, kind="outbound", started_at=BEGAN + timedelta(milliseconds=3), status="failed",
        transaction_id=MADE_IN_IT, parent_id=CALL, tenant="1", status_code=503, duration=0.0121, method="PUT",
        url="https://warehouse.example.com/stock/17", has_errors=True, errors=("answered with 503",),
    )  # fmt: skip


def _run(job: str, log_type: str) -> Entry:
    id = f"019aa58b-7a40-7000-8000-000000000{job}"
    name = "Orders from the shop" if log_type == "pipeline" else "Customers"
    run = Run(job_id=job, job_name=name, execution_seconds=0.486988, row_count=256, new_savepoint="2026-11-20")
    return Entry(
        id=id, kind="run", started_at=BEGAN + timedelta(minutes=5), status="completed", transaction_id=id, tenant="1",
        operation=name, log_type=log_type, labels={"job_id": job}, duration=0.6, run=run,
    )  # fmt: skip
