"""OpenAPI 3.1 from tables: which operations there are, what they take, by the values it is checked with, and give.

Nothing here knows the log browser; the compatibility applications describe themselves with the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, Literal

import msgspec

from integration_logger.values import Value

_REFERENCE: Final = "#/components/schemas/{name}"
TEXT: Final[dict[str, Any]] = {"type": "string"}
FILE: Final[dict[str, Any]] = {}


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation takes in its address or as a header."""

    name: str
    value: Value
    place: Literal["query", "path", "header"] = "query"
    required: bool = False
    repeated: bool = False
    """It may be given several times."""
    about: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path."""

    path: str
    method: str
    group: str
    """What it is for, in a word or two that operations of the same kind share."""
    summary: str
    about: str = ""
    """What else is to be said of it, as Markdown."""
    takes: Sequence[Parameter] = ()
    any_named: str | None = None
    """A pattern of names: any such parameter is taken, too, with text."""
    sends: type | Mapping[str, Any] | None = None
    gives: Mapping[str, type | Mapping[str, Any]]
    """Content types of the answer 200, each to a type or a schema."""
    refuses: Mapping[int, str] = {}
    """Statuses of the other answers, each with what it means."""
    refusal: str = "application/json"
    """Their content type; with another one than that they are pages."""
    needs: str | None = None
    """The permission; None for everybody."""


def document(
    title: str,
    server: str,
    operations: Iterable[Operation],
    *,
    problem: type,
    security: Mapping[str, Any],
    types: Iterable[type] = (),
) -> dict[str, Any]:
    """Return the description of an application that is reached at ``server``.

    ``problem`` is the shape of refusals, ``types`` are shapes that schemas name and no operation gives as it is.
    """
    described = [*operations]
    named = {t for o in described for t in [*o.gives.values(), o.sends] if isinstance(t, type)} | {problem, *types}
    _, schemas = msgspec.json.schema_components(sorted(named, key=lambda t: t.__name__), ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in described:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, problem)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version("integration-logger")},
        "servers": [{"url": server}],
        "security": [{name: []} for name in security],
        "tags": [{"name": group} for group in dict.fromkeys(operation.group for operation in described)],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": dict(security)},
    }


def _operation(operation: Operation, problem: type) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _operation_id(operation),
        "tags": [operation.group],
        "summary": operation.summary,
        "description": _paragraphs(operation.about, operation.needs and f"Needs the permission `{operation.needs}`."),
        "responses": {"200": {"description": "Done.", "content": _content(operation.gives)}},
    }
    for status, means in operation.refuses.items():
        gives = {operation.refusal: problem if operation.refusal == "application/json" else TEXT}
        described["responses"][str(status)] = {"description": means, "content": _content(gives)}
    if operation.needs:
        described["x-permission"] = operation.needs
    if parameters := [*map(_parameter, operation.takes), *_named(operation.any_named)]:
        described["parameters"] = parameters
    if operation.sends is not None:
        described["requestBody"] = {"content": _content({"application/json": operation.sends})}
    return described


def _paragraphs(*texts: str | None) -> str:
    return "\n\n".join(text for text in texts if text)


def _operation_id(operation: Operation) -> str:
    words = re.findall(r"[A-Za-z0-9]+", operation.path) or ["index"]
    return "_".join([operation.method.lower(), *words])


def _content(gives: Mapping[str, type | Mapping[str, Any]]) -> dict[str, Any]:
    return {
        kind: {"schema": {"$ref": _REFERENCE.format(name=given.__name__)} if isinstance(given, type) else dict(given)}
        for kind, given in gives.items()
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = parameter.value.schema
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": f"{parameter.about} Takes {parameter.value.takes}.".strip(),
        "schema": {"type": "array", "items": schema} if parameter.repeated else schema,
    }
    return described


def _named(pattern: str | None) -> list[dict[str, Any]]:
    """Describe parameters whose names are not known beforehand: each property of the object is one of its own."""
    if pattern is None:
        return []
    schema = {"type": "object", "propertyNames": {"pattern": pattern}, "additionalProperties": TEXT}
    return [{
        "name": "label.NAME", "in": "query", "required": False, "style": "form", "explode": True, "schema": schema,
        "description": "Filters by labels: each property is a parameter of its own.",
    }]  # fmt: skip
