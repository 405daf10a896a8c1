"""What the documentation says of errors, warnings, bounds and dependencies is what the code has."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest

from integration_logger import errors, health
from integration_logger.cli import store_checks
from integration_logger.cli.store_checks import ADVICE, advice
from integration_logger.health import Health
from tests.docs import pages

ERRORS = "docs/reference/errors.md"
DEPENDENCIES = "docs/explanation/dependencies.md"


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


def test_every_reason_of_loss_is_documented() -> None:
    """Each reason has a row, which metrics begin at zero and ``check`` gives advice for."""
    assert pages.listed(ERRORS, "Why entries are dropped") == [*health.REASONS] == [*store_checks.REASONS]
    source = "".join(pages.read(f"src/integration_logger/spool/{name}.py") for name in ("writer", "memory_queue"))
    assert {*re.findall(r'return "([a-z ]+)"', source)} == {*health.REASONS}


def test_what_every_finding_asks_for_is_documented() -> None:
    """There is a row for each finding of ``check`` that says what to do."""
    trees = [ast.parse(pages.read(f"src/integration_logger/cli/{name}.py")) for name in ("checks", "store_checks")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    calls = [n for n in nodes if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Finding"]
    assert len(pages.rows(ERRORS, "Findings of check")) == sum(len(call.args) == 2 for call in calls)


def test_every_advice_about_a_store_is_documented() -> None:
    """There is a row for each sort of trouble with a store, and each text in it gets that advice."""
    table = pages.rows(ERRORS, "What the store says")
    assert len(table) == len(ADVICE) + 1
    for (says, _), (_, todo) in zip(table, ADVICE, strict=False):
        for text in pages.codes(says):
            assert advice("sqlite:///log.db", errors.StoreError(text)) == todo, text


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
    factor = {
        "KiB": 1024,
        "MiB": 1024**2,
        "GiB": 1024**3,
        "s": 1,
        "entries": 1,
        "characters": 1,
        "errors": 1,
        "labels": 1,
        "items": 1,
        "levels": 1,
        "threads": 1,
    }[unit]
    assert float(number) * factor == getattr(__import__(module, fromlist=[attribute]), attribute), what
