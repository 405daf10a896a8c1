"""The reference names everything that there is, and nothing that there is not."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import click
import pytest

import integration_logger
from integration_logger import (
    Integration,
    IntegrationLogger,
    Principal,
    Redactor,
    Retention,
    Rule,
    Spool,
    basic_auth,
    bearer_tokens,
    codec,
    errors,
    local_only,
    request_user,
)
from integration_logger.capture import Capture, Detached
from integration_logger.cli import main
from integration_logger.client import scroll
from integration_logger.compat import Compat, kondado_openapi
from integration_logger.compat.kondado import Kondado, key_and_token
from integration_logger.entry import Entry, Message, Run
from integration_logger.errors import ConfigurationError
from integration_logger.filters import FILTERS
from integration_logger.query import Query, Scope
from integration_logger.stores.base import Store
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.state import State
from integration_logger.testing import recording
from integration_logger.viewer import Viewer
from integration_logger.viewer.credentials import owner_of_all
from integration_logger.viewer.operations import describe
from integration_logger.viewer.render import PROBLEMS
from tests.docs import pages

OPTIONS = "docs/reference/options.md"
ENTRY = "docs/reference/entry.md"
API = "docs/reference/api.md"
ERRORS = "docs/reference/errors.md"
KONDADO = "docs/reference/kondado.md"
COMMANDS = "docs/reference/command-line.md"
DEPENDENCIES = "docs/explanation/dependencies.md"
PREFIX = "INTEGRATION_LOGGER_"

GIVEN_BY_THE_LOGGER = {"store", "health", "on_request", "retention", "audit", "erase", "integrations"}
"""What ``log.viewer`` itself hands to the Viewer."""


def parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {name: p for name, p in inspect.signature(function).parameters.items() if name != "self"}


def viewer_parameters() -> dict[str, inspect.Parameter]:
    found = {n: p for n, p in parameters(Viewer).items() if n not in GIVEN_BY_THE_LOGGER}
    return found | {"authorize": parameters(IntegrationLogger.viewer)["authorize"]}


CONFIGURED: dict[str, dict[str, inspect.Parameter]] = {
    "IntegrationLogger": parameters(IntegrationLogger),
    "Spool": parameters(Spool),
    "Redactor": parameters(Redactor),
    "Integration": parameters(Integration),
    "Retention": parameters(Retention),
    "Rule": parameters(Rule),
    "log.asgi": parameters(IntegrationLogger.asgi),
    "log.wsgi": parameters(IntegrationLogger.wsgi),
    "log.httpx": parameters(IntegrationLogger.httpx),
    "log.viewer": viewer_parameters(),
    "Principal": parameters(Principal),
    "local_only": parameters(local_only),
    "basic_auth": parameters(basic_auth),
    "bearer_tokens": parameters(bearer_tokens),
    "request_user": parameters(request_user),
    "log.compat.kondado": {name: p for name, p in parameters(Kondado).items() if name not in GIVEN_BY_THE_LOGGER},
    "key_and_token": parameters(key_and_token),
    "scroll": parameters(scroll),
}


@pytest.mark.parametrize("heading", CONFIGURED)
def test_every_option_is_documented(heading: str) -> None:
    """Each option of an object has a row under its heading, in the order of its signature, and no row is left over."""
    assert pages.listed(OPTIONS, heading) == [*CONFIGURED[heading]] or heading == "log.viewer"
    assert set(pages.listed(OPTIONS, heading)) == set(CONFIGURED[heading])


@pytest.mark.parametrize("heading", CONFIGURED)
def test_documented_defaults_are_those_of_the_code(heading: str) -> None:
    """The default in an option's row is the default in its signature."""
    for option, _, default, _ in pages.rows(OPTIONS, heading):
        parameter = CONFIGURED[heading][pages.codes(option)[0]]
        if default == "required":
            assert parameter.default is inspect.Parameter.empty, option
        elif default == "none":
            assert parameter.kind is inspect.Parameter.VAR_KEYWORD, option
        else:
            documented = eval(pages.codes(default)[0], {**vars(integration_logger), "owner_of_all": owner_of_all})
            assert comparable(documented) == comparable(parameter.default), option


def comparable(value: object) -> object:
    return vars(value) if isinstance(value, Spool) else value


def test_every_environment_variable_is_documented() -> None:
    """The variables that ``from_env`` accepts, and those of the command line, are the documented ones."""
    documented = set(pages.listed(OPTIONS, "Environment"))
    for option in CONFIGURED["IntegrationLogger"]:
        variable = PREFIX + option.upper()
        assert accepts(variable) == (variable in documented), variable
    assert all(accepts(variable) for variable in documented)
    assert documented >= {p.envvar for c in main.commands.values() for p in c.params if p.envvar}


def accepts(variable: str) -> bool:
    try:
        IntegrationLogger.from_env({variable: ""})
    except ConfigurationError:
        return False
    return True


def public(type: type) -> list[str]:
    return [name for name in dir(type) if not name.startswith("_") and callable(getattr(type, name))]


def test_every_method_is_documented() -> None:
    """The methods of the logger, and what ``log.current()`` takes, are the documented ones."""
    written = [*pages.listed(OPTIONS, "Methods"), *pages.listed(OPTIONS, "The current call")]
    documented = {re.match(r"[\w.]+", code)[0] for code in written}  # type: ignore[index]
    logger = {f"IntegrationLogger.{n}" if n == "from_env" else f"log.{n}" for n in public(IntegrationLogger)}
    call = {name for name in public(Detached) if callable(getattr(Capture, name))}
    compat = {f"log.compat.{n}" for n in public(Compat)}
    assert documented == logger | call | compat


def test_every_public_name_is_documented() -> None:
    """Each name in ``__all__`` occurs as code in the reference."""
    text = "".join(page.read_text() for page in pages.PAGES if page.parent.name == "reference")
    missing = [name for name in integration_logger.__all__ if not re.search(rf"`[^`\n]*\b{name}\b", text)]
    assert missing == []


@pytest.mark.parametrize(("heading", "protocol"), [("Store", Store), ("State", State)])
def test_every_method_of_a_store_is_documented(heading: str, protocol: type) -> None:
    """Each method of the protocols has a row, and no row is left over."""
    table = pages.rows("docs/reference/store.md", heading)
    assert [re.match(r"\w+", pages.codes(row[0])[0])[0] for row in table] == methods(protocol)  # type: ignore[index]


def methods(protocol: type) -> list[str]:
    """Return the public members, properties last."""
    members = {name: value for name, value in vars(protocol).items() if not name.startswith("_")}
    return sorted(members, key=lambda name: isinstance(members[name], property))


# --- the record -------------------------------------------------------------------------------------


def test_every_field_is_documented() -> None:
    """Each field of Entry, Message and Run has a row, and no row is left over."""
    assert set(pages.listed(ENTRY, "Entry")) == set(Entry.__struct_fields__)
    assert set(pages.listed(ENTRY, "Message")) == {*Message.__struct_fields__, "headers"}
    assert set(pages.listed(ENTRY, "Run")) == set(Run.__struct_fields__)


def test_derived_names_are_those_of_the_json() -> None:
    """The names that JSON has beyond the fields are documented as derived."""
    with recording() as log:
        log.recorder.record(Capture("inbound"))
        whole = codec.to_dict(log.entries[0])
    assert set(whole) - set(Entry.__struct_fields__) | {"curl"} == set(pages.listed(ENTRY, "Derived"))


# --- the API ----------------------------------------------------------------------------------------


def test_every_route_is_documented() -> None:
    """Each route of the log browser has a row, and no row is left over."""
    viewer: Any = Viewer(MemoryStore(), authorize=local_only())
    found = {getattr(route, "path", "").removesuffix("/static") or "/static" for route in viewer._app.routes}
    assert {p.replace("/static/{path}", "/static") for p in pages.listed(API, "Routes") if p.startswith("/")} == found


def test_the_reference_says_what_the_description_of_the_api_says() -> None:
    """Each operation of OpenAPI has its row with its permission, each of its parameters and statuses is explained."""
    viewer = Viewer(MemoryStore(), authorize=local_only())
    rows = {pages.codes(row[0])[0]: pages.codes(row[2]) for row in pages.rows(API, "Routes")}
    text, statuses = pages.read(API), {row[1] for row in pages.rows(API, "Errors")}
    for path, methods in describe(viewer.routes, "/")["paths"].items():
        for operation in methods.values():
            assert operation["x-permission"] in rows[path], path
            names = {parameter["name"].removeprefix("not.") for parameter in operation.get("parameters", ())}
            assert not [name for name in names if f"`{name}`" not in text and f"{{{name}}}" not in path], path
            others = {"200", "413", "415", "429"}  # "any other 4xx"
            assert {status for status in operation["responses"] if status not in statuses} <= others, path


def test_the_reference_to_kondado_says_what_its_description_says() -> None:
    """Each route, parameter, field of a record, and refusal has its row, and no row is left over."""
    described = kondado_openapi.describe("/", legacy_status=False)
    assert pages.listed(KONDADO, "Routes") == [*described["paths"]]
    names = {p["name"] for methods in described["paths"].values() for p in methods["get"].get("parameters", ())}
    assert {*pages.listed(KONDADO, "Routes", table=1)} == names | {"key", "token"}
    fields = {
        f
        for record in ("PipelineRecord", "ModelRecord")
        for f in described["components"]["schemas"][record]["properties"]
    }
    assert {*pages.listed(KONDADO, "Records")} == fields
    refusals = {(pages.codes(row[0])[0], row[1]) for row in pages.rows(KONDADO, "Refusals")}
    assert refusals == {(code, str(status)) for status, (code, _) in kondado_openapi.REFUSALS.items()}
    statuses = {status for methods in described["paths"].values() for status in methods["get"]["responses"]}
    assert statuses - {"200"} == {status for _, status in refusals} - {"405"}


def test_every_filter_is_documented() -> None:
    """Each filter and parameter has a row, each is accepted, and each name that the search box knows is told."""
    documented = [row[0].strip("`") for row in pages.rows(API, "Filters")]
    assert set(documented) == {*FILTERS, "label.NAME"}
    single = pages.listed(API, "Filters", table=1)
    assert [name for name in single if not accepted(name)] == []
    assert not accepted("elsewhere")


def accepted(name: str) -> bool:
    values = {"since": "2026-11-21", "till": "2026-11-21", "order": "asc"}
    try:
        Query.parse([(name, values.get(name, "1"))], Scope(tenants=frozenset(), applications=frozenset()))
    except errors.QueryError:
        return False
    return True


def test_the_search_box_takes_what_is_documented() -> None:
    """Each example of the search box is understood as the filters that its row names."""
    everything = Scope(tenants=integration_logger.ALL, applications=integration_logger.ALL)
    for written, means in pages.rows(API, "The search box"):
        for example in pages.codes(written):
            text = example.replace("-name:", "-host:").replace("name:", "host:").replace("...", "2026-11-21")
            found = {n.removeprefix("not.") for n, _ in Query.parse([("q", text)], everything).params()}
            allowed = {*pages.codes(means), "host", "q"}
            assert found <= allowed, example
            assert found, example


def test_every_problem_of_the_browser_is_documented() -> None:
    """Each code of an error answer has a row, and no row is left over."""
    assert set(pages.listed(API, "Errors")) == set(PROBLEMS)


# --- the command line -------------------------------------------------------------------------------


def test_every_command_is_documented() -> None:
    """Each command has a heading, and no heading is left over."""
    documented = re.findall(r"^## `(\w+)`$", pages.read(COMMANDS), re.MULTILINE)
    assert sorted(documented) == sorted(main.commands)


@pytest.mark.parametrize("command", main.commands)
def test_every_option_of_a_command_is_documented(command: str) -> None:
    """Each option and argument of a command has a row, and no row is left over."""
    found = {name for p in main.commands[command].params for name in written(p)}
    assert set(pages.listed(COMMANDS, f"`{command}`")) == found


def written(parameter: click.Parameter) -> list[str]:
    if isinstance(parameter, click.Option):
        return [*parameter.opts, *parameter.secondary_opts]
    return [parameter.metavar or parameter.human_readable_name]


def test_the_truth_table_is_that_of_entries() -> None:
    """Every combination of status and errors has its row, with the outcome and the mark that such an entry has."""
    documented = {}
    for status, noted, outcome, has_errors, _ in pages.rows("docs/reference/entry.md", "Status, outcome and errors"):
        for some in noted.split(" or "):
            documented[status.strip("`"), some == "some"] = outcome.strip("`"), has_errors
    assert documented == {
        (status, some): seen(status, some) for status in ("processing", "completed", "failed") for some in (False, True)
    }


def seen(status: str, some: bool) -> tuple[str, str]:
    capture = Capture("call")
    capture.status_code = 404 if status == "failed" else 200
    if some:
        capture.error("it was late")
    entry = capture.so_far() if status == "processing" else capture.finish()
    assert entry.status == status
    return entry.outcome or "none", str(entry.has_errors).lower()
