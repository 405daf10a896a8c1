"""Runs as entries of the log, and Kondado's API over them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from integration_logger.compat.kondado import Kondado
from integration_logger.entry import Entry, Run
from integration_logger.ids import new_id
from integration_logger.query import ALL
from integration_logger.stores.base import Store
from integration_logger.viewer.access import Principal
from tests.viewer.server import Client

ENDED = datetime(2020, 9, 17, 0, 3, 48, 108_000, tzinfo=UTC)
OWNER = Principal("ana", role="owner", tenants=ALL)


def ran(
    job: str | None = "702",
    *,
    log_type: str | None = "pipeline",
    tenant: str | None = "1",
    ended: datetime = ENDED,
    duration: float = 0.486988,
    errors: tuple[str, ...] = (),
    **run: Any,
) -> Entry:
    """Return a run that has ended."""
    id = new_id()
    return Entry(
        id=id, kind="run", started_at=ended - timedelta(seconds=duration), status="failed" if errors else "completed",
        transaction_id=id, tenant=tenant, operation="Kondado - Blog - wp_options", log_type=log_type, errors=errors,
        has_errors=bool(errors), duration=duration, labels={"job_id": job} if job else {},
        run=Run(**{"job_id": job, "job_name": "Kondado - Blog - wp_options", "execution_seconds": duration} | run),
    )  # fmt: skip


def api(store: Store, principal: Principal | None = OWNER, **options: Any) -> Client:
    """Return what calls the API as the principal."""
    return Client(Kondado(store, authorize=lambda _: principal, **options))


def block(client: Client, start: int, path: str = "/pipeline_logs", **params: str) -> tuple[list[Any], int | None]:
    """Return the records of a block, and where the next one begins."""
    answer = client.get(path, params={"start_element_id": str(start), **params})
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    return data["data"], data["pagination"]["next_start_element_id"]
