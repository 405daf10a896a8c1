"""Kondado's Logs API as OpenAPI 3.1, from the values that its parameters are checked with."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from integration_logger.filters import MAX_VALUE
from integration_logger.values import text, whole
from integration_logger.viewer.openapi import Operation, Parameter, document

START: Final = whole(-(2**63), 2**63 - 1, takes="a whole number")
CLIENT: Final = text(MAX_VALUE)
PATHS: Final = {
    "/pipeline_logs": "The next runs of pipelines.",
    "/model_logs": "The next runs of models.",
    "/pipelines/{id}/status": "How a pipeline does now.",
    "/models/{id}/status": "How a model does now.",
    "/openapi.json": "This API as OpenAPI 3.1.",
}

Id = int | str | None


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    """What is not named here does not occur, and what has no default always does."""


class PipelineRecord(_Shape):
    """One run of a pipeline; its numbers are texts."""

    id: int
    client_id: Id
    pipeline_id: Id
    execution_time_seconds: str | None
    has_deltas: bool
    pipeline_name: str | None
    row_count: str | None
    createdAt: str
    updatedAt: str
    initial_savepoint: Any
    new_savepoint: Any
    external_ip: str | None
    is_billable: bool
    raw_row_count: str | None = None
    mb_estimate: str | None = None


class ModelRecord(_Shape):
    """One run of a model; its numbers are numbers."""

    id: int
    client_id: Id
    model_id: Id
    execution_time_seconds: float | None
    model_name: str | None
    row_count: int | None
    createdAt: str
    updatedAt: str


class Pagination(_Shape):
    """Where the next block begins; null where nothing follows."""

    next_start_element_id: int | None


class PipelineBlock(_Shape):
    """The inner envelope."""

    success: bool
    data: list[PipelineRecord]
    pagination: Pagination


class ModelBlock(_Shape):
    """The inner envelope."""

    success: bool
    data: list[ModelRecord]
    pagination: Pagination


class PipelineLogs(_Shape):
    """A block of runs of pipelines."""

    success: bool
    data: PipelineBlock


class ModelLogs(_Shape):
    """A block of runs of models."""

    success: bool
    data: ModelBlock


class PipelineStatus(_Shape):
    """How a pipeline does now."""

    status: str
    is_running: bool
    is_active: bool
    is_blocked: bool
    raw_msg: str | None


class ModelStatus(_Shape):
    """How a model does now."""

    status: str
    is_running: bool
    is_active: bool
    kubo_status_type: str | None


class ModelStatuses(_Shape):
    """By id."""

    success: bool
    data: dict[str, ModelStatus]


class Refusal(_Shape):
    """What cannot be done."""

    success: bool
    error: str
    message: str


_GIVES: Final[dict[str, type | dict[str, Any]]] = {
    "/pipeline_logs": PipelineLogs,
    "/model_logs": ModelLogs,
    "/pipelines/{id}/status": {
        "type": "object", "additionalProperties": {"$ref": "#/components/schemas/PipelineStatus"},
    },
    "/models/{id}/status": ModelStatuses,
    "/openapi.json": {"type": "object"},
}  # fmt: skip


def describe(server: str, *, legacy_status: bool) -> dict[str, Any]:
    """Return the description of the application that is mounted at ``server``."""
    security = {
        "key": {"type": "apiKey", "in": "query", "name": "key"},
        "token": {"type": "apiKey", "in": "query", "name": "token"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    operations = [_operation(path, legacy_status=legacy_status) for path in PATHS]
    described = document(
        "Logs", server, operations,
        problem=Refusal, security=security, types=[PipelineLogs, ModelLogs, PipelineStatus, ModelStatuses],
    )  # fmt: skip
    return described | {"security": [{"key": [], "token": []}, {"bearer": []}]}


def _operation(path: str, *, legacy_status: bool) -> Operation:
    takes = [Parameter(name="client_id", value=CLIENT, about="Only runs of this account.")]
    if "{id}" in path:
        takes.append(Parameter(name="id", value=text(MAX_VALUE), place="path", required=True))
    elif path.endswith("_logs"):
        takes.append(Parameter(name="start_element_id", value=START, required=True, about="Records after this id."))
    gives, refuses = _GIVES[path], [400, 401, 403, 404, 429, 500, 503]
    if legacy_status:
        refuses = [status for status in refuses if status >= 500]
        reference = gives if isinstance(gives, dict) else {"$ref": f"#/components/schemas/{gives.__name__}"}
        gives = {"anyOf": [reference, {"$ref": "#/components/schemas/Refusal"}]}
    return Operation(
        path=path, method="GET", summary=PATHS[path], takes=takes, needs="view",
        gives={"application/json": gives}, refuses=refuses,
    )  # fmt: skip
