"""What the routes of the log browser take and give, beside the table that says who may use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.filters import FIELDS, FILTERS, TEXT, field_kind
from integration_logger.query import LABEL, SINGLE
from integration_logger.values import Value, one_of, shaped, text
from integration_logger.viewer import answers, figures
from integration_logger.viewer.access import Principal
from integration_logger.viewer.openapi import FILE, Operation, Parameter, document
from integration_logger.viewer.openapi import TEXT as PLAIN
from integration_logger.viewer.params import RANGES, TABS
from integration_logger.viewer.render import json_response

if TYPE_CHECKING:
    from integration_logger.viewer.routes import Route

OWN: Final = "/openapi.json"
_JSON: Final = "application/json"
_HTML: Final[dict[str, Any]] = {"text/html": PLAIN}
_FILES: Final = ("application/octet-stream", _JSON, "text/plain", "text/csv", "application/xml")
_TRUTH: Final = one_of(["true", "false"])


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What one route takes and gives."""

    gives: Mapping[str, type | Mapping[str, Any]]
    takes: Sequence[Parameter] = ()
    filtered: bool = False
    """It takes all filters."""
    sends: type | Mapping[str, Any] | None = None


def _one(name: str, value: Value, **more: Any) -> Parameter:
    return Parameter(name=name, value=value, **more)


def _page() -> list[Parameter]:
    return [_one(name, SINGLE[name]) for name in ("limit", "cursor", "order")]


_CURSOR: Final = [_one("cursor", SINGLE["cursor"]), _one("order", SINGLE["order"])]
_RANGE: Final = _one("range", one_of(RANGES))
_WHOSE: Final = [_one("tenant", TEXT, repeated=True), _one("integration", TEXT, repeated=True)]
_COLUMNS: Final = [_one("columns", text(10_000)), _one("bom", _TRUTH), _one("last_line", _TRUTH)]
_EXPORTED: Final[dict[str, Any]] = {"text/csv": PLAIN, "application/x-ndjson": PLAIN, _JSON: FILE}
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"event": one_of(["entry", "inflight"]).schema, "id": PLAIN, "data": PLAIN, "retry": {}},
}
"""One server-sent event."""
_DRY: Final[dict[str, Any]] = {
    "type": "object", "properties": {"dry_run": {"type": "boolean"}}, "additionalProperties": False,
}  # fmt: skip


def _in_body(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a filter as it stands in a body: one value, or a list of them."""
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


_LABEL_NAME: Final = rf"^(?:not\.)?{LABEL}$"
_CHOSEN: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "dry_run": {"type": "boolean"},
        "q": PLAIN,
        **{name: SINGLE[name].schema for name in ("since", "till")},
        **{
            f"{prefix}{name}": _in_body(FIELDS[field_kind(name)].value.schema)
            for name in FILTERS
            for prefix in ("", "not.")
        },
    },
    "patternProperties": {_LABEL_NAME: _in_body(TEXT.schema)},
    "additionalProperties": False,
}
"""What an erasure is asked with."""

ABOUT: Final[dict[str, About]] = {
    "/": About(
        gives=_HTML,
        takes=[_RANGE, _one("entry", text(1000)), _one("tab", one_of(TABS)), _one("cursor", SINGLE["cursor"])],
        filtered=True,
    ),
    "/runs": About(gives=_HTML, takes=[_RANGE], filtered=True),
    "/entries/{id}": About(gives=_HTML, takes=[_one("tab", one_of(TABS))]),
    "/integrations": About(gives=_HTML, takes=_WHOSE),
    "/api/entries": About(gives={_JSON: answers.Entries}, takes=_page(), filtered=True),
    "/api/runs": About(gives={_JSON: answers.Entries}, takes=_page(), filtered=True),
    "/api/entries/{id}": About(gives={_JSON: answers.Whole}),
    "/api/entries/{id}/request": About(gives=dict.fromkeys(_FILES, FILE)),
    "/api/entries/{id}/response": About(gives=dict.fromkeys(_FILES, FILE)),
    "/api/entries/{id}/curl": About(gives={"text/plain": PLAIN}),
    "/api/entries/{id}/related": About(gives={_JSON: answers.Kin}),
    "/api/entries/{id}/export.{format}": About(gives=_EXPORTED, takes=_COLUMNS),
    "/api/export.{format}": About(gives=_EXPORTED, takes=[*_COLUMNS, *_CURSOR], filtered=True),
    "/api/facets": About(
        gives={_JSON: answers.Facets}, takes=[_one("field", figures.FIELD, required=True, repeated=True)], filtered=True
    ),
    "/api/stats": About(gives={_JSON: answers.Stats}, takes=[_one("bucket", figures.BUCKET)], filtered=True),
    "/api/erase": About(gives={_JSON: answers.Taken}, sends=_CHOSEN),
    "/api/purge": About(gives={_JSON: answers.Taken}, sends=_DRY),
    "/api/integrations": About(
        gives={_JSON: answers.Integrations},
        takes=_WHOSE,
    ),
    "/api/stream": About(
        gives={"text/event-stream": _EVENT},
        takes=[*_page(), _one("Last-Event-ID", shaped("^[0-9]{0,18}$", "the id of an event"), place="header")],
        filtered=True,
    ),
    "/api/meta": About(gives={_JSON: answers.Meta}),
    "/api/health": About(
        gives={_JSON: answers.Health, "text/plain": PLAIN}, takes=[_one("format", one_of(["json", "prometheus"]))]
    ),
    OWN: About(gives={_JSON: {"type": "object"}}),
}
"""Routes that are not here are pages without parameters."""

_PATHS: Final[dict[str, Value]] = {"id": text(1000), "format": one_of(["csv", "ndjson", "har"])}


def filters() -> list[Parameter]:
    """Return every filter but those for labels, which have names of their own."""
    found = []
    for name in FILTERS:
        value = FIELDS[field_kind(name)].value
        found += [_one(f"{prefix}{name}", value, repeated=True) for prefix in ("", "not.")]
    words = _one("q", text(100_000), repeated=True, about="The text of the search box.")
    return [*found, words, *(_one(name, SINGLE[name]) for name in ("since", "till"))]


def operations(routes: Sequence[Route]) -> list[Operation]:
    """Return what the table of routes serves."""
    return [_described(route, method) for route in routes for method in route.methods]


def _described(route: Route, method: str) -> Operation:
    about = ABOUT.get(route.path, About(gives=_HTML))
    in_path = [_one(n, v, place="path", required=True) for n, v in _PATHS.items() if f"{{{n}}}" in route.path]
    refuses = {401, 403, 404, 429, 500, 503} | ({400} if about.takes or about.filtered or about.sends else set())
    return Operation(
        path=route.path,
        method=method,
        summary=(route.endpoint.__doc__ or "").partition("\n")[0],
        takes=[*in_path, *about.takes, *(filters() if about.filtered else ())],
        any_named=_LABEL_NAME if about.filtered else None,
        sends=about.sends,
        gives=about.gives,
        refuses=sorted(refuses | ({413, 415} if about.sends else set())),
        refusal="text/html" if "text/html" in about.gives else _JSON,
        needs=route.needs,
    )


def served(table: Callable[[], Sequence[Route]]) -> Callable[[Request, Principal], Response]:
    """Return the endpoint that answers with the description of the routes in the table."""

    def openapi(request: Request, principal: Principal) -> Response:
        """This API as OpenAPI 3.1."""
        server = request.scope.get("root_path") or "/"
        return json_response(describe(table(), server))

    return openapi


def describe(routes: Sequence[Route], server: str) -> dict[str, Any]:
    """Return the description of the log browser that is mounted at ``server``."""
    security = {"authorize": {"type": "http", "scheme": "bearer", "description": "As the host's `authorize` wants it."}}
    return document(
        "Integration log",
        server,
        operations(routes),
        problem=answers.Problem,
        security=security,
    )
