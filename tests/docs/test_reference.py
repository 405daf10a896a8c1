"""The reference names everything that there is, and nothing that there is not."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Callable
from typing import Any

import click
import pytest

import integration_logger
from integration_logger import IntegrationLogger, Principal, Redactor, Retention, Rule, Spool, codec, errors, local_only
from integration_logger.capture import Capture, Detached
from integration_logger.cli import main
from integration_logger.entry import Entry, Message, Run
from integration_logger.errors import ConfigurationError
from integration_logger.health import Health
from integration_logger.query import FILTERS, Query, Scope
from integration_logger.stores.memory import MemoryStore
from integration_logger.testing import recording
from integration_logger.viewer import Viewer
from integration_logger.viewer.render import PROBLEMS
from tests.docs import pages

OPTIONS = "docs/reference/options.md"
ENTRY = "docs/reference/entry.md"
API = "docs/reference/api.md"
ERRORS = "docs/reference/errors.md"
COMMANDS = "docs/reference/command-line.md"
DEPENDENCIES = "docs/explanation/dependencies.md"
PREFIX = "INTEGRATION_LOGGER_"

GIVEN_BY_THE_LOGGER = {"store", "health", "on_request", "retention"}
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
    "Retention": parameters(Retention),
    "Rule": parameters(Rule),
    "log.asgi": parameters(IntegrationLogger.asgi),
    "log.viewer": viewer_parameters(),
    "Principal": parameters(Principal),
    "local_only": parameters(local_only),
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
            documented = eval(pages.codes(default)[0], vars(integration_logger))
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
    return [name for name, value in vars(type).items() if not name.startswith("_") and callable(getattr(type, name))]


def test_every_method_is_documented() -> None:
    """The methods of the logger, and what ``log.current()`` takes, are the documented ones."""
    written = [*pages.listed(OPTIONS, "Methods"), *pages.listed(OPTIONS, "The current call")]
    documented = {re.match(r"[\w.]+", code)[0] for code in written}  # type: ignore[index]
    logger = {f"IntegrationLogger.{n}" if n == "from_env" else f"log.{n}" for n in public(IntegrationLogger)}
    call = {name for name in public(Detached) if callable(getattr(Capture, name))}
    assert documented == logger | call


def test_every_public_name_is_documented() -> None:
    """Each name in ``__all__`` occurs as code in the reference."""
    text = "".join(page.read_text() for page in pages.PAGES if page.parent.name == "reference")
    missing = [name for name in integration_logger.__all__ if not re.search(rf"`[^`\n]*\b{name}\b", text)]
    assert missing == []


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


# --- errors -----------------------------------------------------------------------------------------


def test_every_error_class_is_documented() -> None:
    """Each error class has a row, and no row is left over."""
    found = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, Exception)}
    assert set(pages.listed(ERRORS, "Error classes")) == found


def test_every_count_of_health_is_documented() -> None:
    """Each field of the health has a row, and no row is left over."""
    assert pages.listed(ERRORS, "Health") == [*Health.__struct_fields__]


def sources() -> list[ast.Module]:
    return [ast.parse(path.read_text()) for path in (pages.ROOT / "src").rglob("*.py")]


def test_every_warning_is_documented() -> None:
    """Each text that is sent to the logger ``integration_logger`` has a row, and no row is left over."""
    found = {
        argument.value.replace("%s", "…")
        for tree in sources()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in ("warning", "warn", "exception", "error")
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and " " in argument.value
    }
    assert set(pages.listed(ERRORS, "Warnings")) == found


def test_documented_texts_occur_in_the_code() -> None:
    """Reasons of loss and findings of ``check`` are those that the code gives."""
    texts = "".join(
        node.value
        for tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    for heading in ("Why entries are dropped", "Findings of check"):
        for text in pages.listed(ERRORS, heading):
            parts = [part.strip() for part in text.split("…") if part.strip(" ():,")]
            assert [part for part in parts if part not in texts] == [], text


def test_what_every_finding_asks_for_is_documented() -> None:
    """There is a row for each finding of ``check`` that says what to do."""
    tree = ast.parse(pages.read("src/integration_logger/cli/checks.py"))
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Finding"]
    assert len(pages.rows(ERRORS, "Findings of check")) == sum(len(call.args) == 2 for call in calls)


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


# --- the project ------------------------------------------------------------------------------------


def test_every_dependency_is_explained() -> None:
    """Each dependency of run time, of an extra and of the tests has a row, and no row is left over."""
    project = tomllib.loads(pages.read("pyproject.toml"))
    extras = project["project"]["optional-dependencies"]
    for heading, wanted in (
        ("Run time", project["project"]["dependencies"]),
        ("Extras", [requirement for listed in extras.values() for requirement in listed]),
        ("Tests", project["dependency-groups"]["test"]),
    ):
        names = {re.match(r"[\w-]+", requirement)[0] for requirement in wanted}  # type: ignore[index]
        assert set(pages.listed(DEPENDENCIES, heading)) == names, heading


def test_documented_extras_exist() -> None:
    """An extra that a page tells to install is one of the project's."""
    extras = tomllib.loads(pages.read("pyproject.toml"))["project"]["optional-dependencies"]
    for page in pages.PAGES:
        for named in re.findall(r"integration-logger\[(\w+)\]|extra `(\w+)`", page.read_text()):
            assert "".join(named) in extras, page


BOUNDS = pages.rows("docs/explanation/durability.md", "Bounds")


@pytest.mark.parametrize(("what", "value", "constant"), BOUNDS, ids=[row[2] for row in BOUNDS])
def test_documented_bounds_are_those_of_the_code(what: str, value: str, constant: str) -> None:
    """A bound has the value that the constant named beside it has."""
    module, _, attribute = pages.codes(constant)[0].rpartition(".")
    number, unit = value.split()
    factor = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "s": 1, "ms": 0.001, "entries": 1}[unit]
    assert float(number) * factor == getattr(__import__(module, fromlist=[attribute]), attribute), what
