"""The API describes itself truly: by an independent validator, and by requests made from the description."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from integration_logger.compat.kondado import Kondado
from integration_logger.filters import FACETS, FILTERS
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Viewer, operations, tail
from tests.compat.runs import ran
from tests.factories import make_in_flight
from tests.viewer.server import OWNER, Client, new_entry, viewer

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SOME = settings(
    max_examples=8, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)  # fmt: skip
ENTRY = new_entry(status_code=503, labels={"plan": ["pro", "trial"], "environment": "test"})


RUNS = [
    ran(log_type=kind, row_count=5, new_savepoint={"page": 7}, errors=errors)
    for kind in ("pipeline", "model")
    for errors in ((), ("away",))
]


def filled(store: MemoryStore) -> MemoryStore:
    """Store a call, runs that succeeded and failed, and a call in flight, unless they are there."""
    store.write([ENTRY, *RUNS], in_flight=[make_in_flight()] if not store.owners() else [])
    return store


STORE = filled(MemoryStore())
BROWSER = Viewer(STORE, authorize=lambda _: OWNER)
KONDADO = {
    "kondado": Kondado(STORE, authorize=lambda _: OWNER),
    "legacy": Kondado(STORE, authorize=lambda _: OWNER, legacy_status=True, extended=True),
}
NATIVE: dict[str, Any] = Client(BROWSER).get("/openapi.json").json()


def listed(app: ASGIApp) -> list[Any]:
    """Return the operations that an application describes, as parameters."""
    found = schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    return [pytest.param(operation, id=operation.label) for operation in (result.ok() for result in found)]


@pytest.fixture(autouse=True)
def short_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "LIFETIME", 0.02)


def keeps_its_word(operation: Any, known: str) -> None:
    """Make requests that fit the description, and some that do not, and hold the answers against it."""
    every_other = cycle([True, False])
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @SOME
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Case) -> None:
            filled(STORE)  # an erasure may have been among the requests
            if "id" in (case.path_parameters or {}) and next(every_other):
                case.path_parameters["id"] = known
            case.validate_response(case.call(), checks=CHECKS)

        check()


@pytest.mark.parametrize("operation", listed(BROWSER))
def test_the_log_browser_keeps_its_word(operation: Any) -> None:
    """No request is answered with 500, with a status that is not described, or in another shape than that."""
    keeps_its_word(operation, ENTRY.id)


@pytest.mark.parametrize("app", KONDADO.values(), ids=KONDADO)
def test_kondado_keeps_its_word(app: Kondado) -> None:
    """The same, in both ways of answering."""
    for parameter in listed(app):
        keeps_its_word(parameter.values[0], "702")


@pytest.mark.parametrize("app", [BROWSER, *KONDADO.values()], ids=["native", *KONDADO])
def test_it_is_valid(app: ASGIApp) -> None:
    """By a validator that others wrote."""
    document = Client(app).get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_it_is_for_readers_and_says_where_it_is_mounted() -> None:
    """Below any prefix; to nobody else, because what a host mounts is not everybody's business."""
    mounted = Starlette(routes=[Mount("/internal/logs", BROWSER)])
    assert Client(mounted).get("/internal/logs/openapi.json").json()["servers"] == [{"url": "/internal/logs"}]
    nobody = Client(viewer(MemoryStore(), None)).get("/openapi.json")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "unauthorized")


def test_every_route_is_in_it() -> None:
    """With its methods and the permission that the table of routes asks for; every one of the API with its shape."""
    table = {(route.path, method.lower()): route.needs for route in BROWSER.routes for method in route.methods}
    described = {
        (path, method): operation["x-permission"]
        for path, methods in NATIVE["paths"].items()
        for method, operation in methods.items()
    }
    assert described == table
    assert {path for path, _ in table if path.startswith("/api/")} <= set(operations.ABOUT)
    assert all(operation["summary"] for methods in NATIVE["paths"].values() for operation in methods.values())


def test_every_filter_is_in_it() -> None:
    """With its opposite, wherever filters are taken, and with the values that it is checked by."""
    for path in ("/api/entries", "/api/runs", "/api/facets", "/api/stats", "/api/stream", "/api/export.{format}", "/"):
        names = {parameter["name"] for parameter in NATIVE["paths"][path]["get"]["parameters"]}
        assert names >= {f"{prefix}{name}" for name in FILTERS for prefix in ("", "not.")} | {"q", "since", "till"}
    parameters = {p["name"]: p["schema"] for p in NATIVE["paths"]["/api/facets"]["get"]["parameters"]}
    assert parameters["outcome"] == {"type": "array", "items": {"type": "string", "enum": ["success", "error"]}}
    assert all(name in parameters["field"]["items"]["pattern"] for name in FACETS)
