"""Kondado's Logs API as OpenAPI 3.1, from the values that its parameters are checked with.

The reference in ``docs/reference/kondado.md`` is made from what stands here, too.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from integration_logger.filters import MAX_VALUE
from integration_logger.values import text, whole
from integration_logger.viewer.answers import says
from integration_logger.viewer.openapi import Operation, Parameter, document

START: Final = whole(-(2**63), 2**63 - 1, takes="a whole number")
CLIENT: Final = text(MAX_VALUE)
START_ELEMENT_ID: Final = Parameter(
    name="start_element_id", value=START, required=True, about="Records after this id. 0: from the beginning."
)
CLIENT_ID: Final = Parameter(
    name="client_id",
    value=CLIENT,
    about="Only runs of this account; by default of all accounts of the reader. A foreign one: 403.",
)
ID: Final = Parameter(
    name="id", value=text(MAX_VALUE), place="path", required=True, about="Of the pipeline or model: `run.job_id`."
)
PATHS: Final = {
    "/pipeline_logs": ("The next 50 runs of pipelines.", "Runs with `log_type` `pipeline`, in ascending order."),
    "/model_logs": ("The next 50 runs of models.", "Runs with `log_type` `model`, in ascending order."),
    "/pipelines/{id}/status": ("Whether a pipeline runs now, and what went wrong the last time.", ""),
    "/models/{id}/status": ("Whether a model runs now.", ""),
    "/openapi.json": ("This contract as OpenAPI 3.1.", ""),
}
"""Each route with what it gives."""
REFUSALS: Final = {
    400: (
        "INVALID_PARAMETER",
        "`start_element_id` is missing or no whole number; `client_id` is empty or was given twice.",
    ),
    401: ("UNAUTHORIZED", "`authorize` knows nobody with these credentials."),
    403: ("FORBIDDEN", "`client_id` is not an account of the reader, or the reader may not see the log."),
    404: ("NOT_FOUND", "No such route, or no run of that pipeline or model that the reader may see."),
    405: ("METHOD_NOT_ALLOWED", "Something else than `GET`."),
    429: (
        "RATE_LIMIT_EXCEEDED",
        "With `rate_limit`: too many requests. `Retry-After` says when the next one is taken.",
    ),
    500: ("INTERNAL_ERROR", "A fault here, or in `authorize`."),
    503: ("UNAVAILABLE", "The store cannot be read."),
}
"""By status the word that stands for a refusal, and what it means."""

Id = int | str | None
_EXECUTION: Final = "`run.execution_seconds`, else `duration` without `run.setup_seconds`"


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    """What is not named here does not occur, and what has no default always does."""


class PipelineRecord(_Shape):
    """One run of a pipeline; its numbers are texts."""

    id: Annotated[int, says("`seq`")]
    client_id: Annotated[Id, says("`tenant`")]
    pipeline_id: Annotated[Id, says("`run.job_id`")]
    execution_time_seconds: Annotated[str | None, says(_EXECUTION)]
    has_deltas: Annotated[bool, says("`run.has_deltas`")]
    pipeline_name: Annotated[str | None, says("`run.job_name`, else `operation`")]
    row_count: Annotated[str | None, says("`run.row_count`")]
    createdAt: Annotated[str, says("`ended_at`, in UTC to the millisecond")]
    updatedAt: Annotated[str, says("the same")]
    initial_savepoint: Annotated[Any, says("`run.initial_savepoint`, as reported")]
    new_savepoint: Annotated[Any, says("`run.new_savepoint`, as reported")]
    external_ip: Annotated[str | None, says("`run.external_ip`")]
    is_billable: Annotated[bool, says("`run.is_billable`")]
    raw_row_count: Annotated[str | None, says("`run.raw_row_count`, with `extended`")] = None
    mb_estimate: Annotated[str | None, says("`run.mb_estimate`, with `extended`")] = None


class ModelRecord(_Shape):
    """One run of a model; its numbers are numbers."""

    id: Annotated[int, says("`seq`")]
    client_id: Annotated[Id, says("`tenant`")]
    model_id: Annotated[Id, says("`run.job_id`")]
    execution_time_seconds: Annotated[float | None, says(_EXECUTION)]
    model_name: Annotated[str | None, says("`run.job_name`, else `operation`")]
    row_count: Annotated[int | None, says("`run.row_count`")]
    createdAt: Annotated[str, says("`ended_at`, in UTC to the millisecond")]
    updatedAt: Annotated[str, says("the same")]


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

    status: Annotated[str, says("`running` while a run is in flight, else `active`")]
    is_running: bool
    is_active: Annotated[bool, says("always true")]
    is_blocked: Annotated[bool, says("always false")]
    raw_msg: Annotated[str | None, says("the errors of the last run where that failed, else null")]


class ModelStatus(_Shape):
    """How a model does now."""

    status: Annotated[str, says("`running` while a run is in flight, else `active`")]
    is_running: bool
    is_active: Annotated[bool, says("always true")]
    kubo_status_type: Annotated[str | None, says("always null")]


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
    described = document(
        "Logs", server, operations(legacy_status=legacy_status),
        problem=Refusal, security=security, types=[PipelineLogs, ModelLogs, PipelineStatus, ModelStatuses],
    )  # fmt: skip
    return described | {"security": [{"key": [], "token": []}, {"bearer": []}]}


def operations(*, legacy_status: bool = False) -> list[Operation]:
    """Return what the application serves."""
    return [_operation(path, legacy_status=legacy_status) for path in PATHS]


def _operation(path: str, *, legacy_status: bool) -> Operation:
    gives = _GIVES[path]
    refuses = {status: f"`{code}`: {means}" for status, (code, means) in REFUSALS.items() if status != 405}
    if legacy_status:
        refuses = {status: means for status, means in refuses.items() if status >= 500}
        reference = gives if isinstance(gives, dict) else {"$ref": f"#/components/schemas/{gives.__name__}"}
        gives = {"anyOf": [reference, {"$ref": "#/components/schemas/Refusal"}]}
    summary, about = PATHS[path]
    return Operation(
        path=path, method="GET", group="Logs", summary=summary, about=about, takes=_takes(path), needs="view",
        gives={"application/json": gives}, refuses=refuses,
    )  # fmt: skip


def _takes(path: str) -> list[Parameter]:
    takes = [CLIENT_ID] if path != "/openapi.json" else []
    if "{id}" in path:
        return [ID, *takes]
    return [START_ELEMENT_ID, *takes] if path.endswith("_logs") else takes
