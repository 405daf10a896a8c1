"""Imports go downward only, and third-party packages are imported where they belong."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import integration_logger

ROOT = Path(integration_logger.__file__).parent
LAYERS: tuple[tuple[str, ...], ...] = (
    ("entry", "errors", "ids", "context", "descriptors", "forks", "trouble", "texts"),
    (
        "charsets", "codec", "bodies", "redaction", "processors", "capture", "transactions", "values", "filters",
        "query_text", "query", "retention", "proxies", "health", "plain", "catalogue", "integrations",
    ),
    ("spool", "stores"),
    ("recorder", "shipping", "observers", "exports"),
    ("adapters", "viewer", "curl", "telemetry", "client", "runs"),
    ("compat",),
    ("options", "lifecycle", "logger"),
    ("__init__",),
    ("testing", "demo"),
    ("cli", "__main__"),
)  # fmt: skip
"""A module imports from its own layer and from those before it."""
NEVER: dict[str, tuple[str, ...]] = {
    "exports": ("recorder", "spool", "shipping"),
    "viewer": ("adapters", "recorder", "spool", "shipping"),
    "compat": ("adapters", "recorder", "spool", "shipping"),
    "curl": ("adapters", "recorder", "spool", "shipping"),
    "adapters": ("viewer", "stores", "spool", "shipping", "query"),
}
"""What does not meet although the layers would allow it: the two halves know only Entry, Store and State."""
LAYER_OF = {module: number for number, layer in enumerate(LAYERS) for module in layer}
THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "msgspec": ("*",),
    "uuid_utils": ("ids",),
    "zstandard": ("bodies", "stores", "viewer"),
    "brotli": ("bodies",),
    "hyperscan": ("redaction",),
    "sqlalchemy": ("stores", "cli"),
    "psycopg": ("stores",),
    "platformdirs": ("options",),
    "click": ("cli",),
    "jinja2": ("viewer",),
    "markupsafe": ("viewer",),
    "starlette": ("compat", "viewer", "cli", "demo"),
    "anyio": ("client", "viewer"),
    "argon2": ("viewer",),
    "uvicorn": ("cli", "demo"),
    "fastapi": ("demo",),
    "flask": ("demo",),
    "werkzeug": ("demo",),
    "pydantic": ("demo",),
    "httpx": ("client", "demo", "cli"),
    "h11": ("cli",),
    "wrapt": ("adapters",),
    "opentelemetry": ("telemetry", "logger"),
}
"""Which top-level modules may import a package."""
NO_EVENT_LOOP = ("adapters", "recorder", "capture", "transactions", "bodies", "redaction", "codec", "spool", "context")


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def top(path: Path) -> str:
    """Return the name that a module has in the table."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path, *, typing: bool = True) -> Iterator[tuple[str, int]]:
    """Yield what a module imports, by full name, and in which line; those for type checkers only if asked for."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not typing and id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def ours(name: str) -> str | None:
    """Return the module of this package that an import names, by its name in the table."""
    package, _, rest = name.partition(".")
    if package != "integration_logger":
        return None
    return "__init__" if rest in ("", *integration_logger.__all__) else rest.partition(".")[0]


MODULES = modules()


def test_every_module_has_its_layer() -> None:
    """A new module is put into the table on purpose, and the table names none that is gone."""
    assert {top(path) for path in MODULES} == set(LAYER_OF)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downward_only(path: Path) -> None:
    """A module knows its own layer and lower ones (but for annotations), never what the two halves may not share."""
    module = top(path)
    for name, line in imports(path, typing=False):
        imported = ours(name)
        if imported is None or imported == module:
            continue
        assert imported in LAYER_OF, f"line {line} imports {name}, which is in no layer"
        assert LAYER_OF[imported] <= LAYER_OF[module], f"line {line} imports {name} from above"
        assert imported not in NEVER.get(module, ()), f"line {line} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_are_imported_where_they_belong(path: Path) -> None:
    """Each third-party package is used by the few modules that the table names."""
    for name, line in imports(path):
        package = name.partition(".")[0]
        if package in sys.stdlib_module_names or package == "integration_logger":
            continue
        allowed = THIRD_PARTY.get(package, ())
        assert "*" in allowed or top(path) in allowed, f"line {line} imports {package}"


def test_nobody_imports_each_other_in_a_circle() -> None:
    """Modules can be imported in some order; imports for type checkers do not count."""
    dotted = {str(path.relative_to(ROOT).with_suffix("")).replace("/", "."): path for path in MODULES}
    dotted = {name.removesuffix(".__init__"): path for name, path in dotted.items()}
    needs: dict[str, set[str]] = {name: set() for name in dotted}
    for own, path in dotted.items():
        for name, _ in imports(path, typing=False):
            if ours(name) is not None:
                target = "__init__" if ours(name) == "__init__" else name.removeprefix("integration_logger.")
                needs[own].add(target if target in dotted else target.rpartition(".")[0])
    done: set[str] = set()
    while ready := {name for name in needs.keys() - done if needs[name] <= done | {name}}:
        done |= ready
    assert sorted(needs.keys() - done) == []


@pytest.mark.parametrize(
    "path", [p for p in MODULES if top(p) in NO_EVENT_LOOP], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_request_path_knows_no_event_loop(path: Path) -> None:
    """Hosts on trio work, because nothing between the app and the spool imports asyncio or anyio."""
    assert not {name.partition(".")[0] for name, _ in imports(path)} & {"asyncio", "anyio", "trio", "sniffio"}
