"""The public names: few, sorted, documented and typed."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from types import ModuleType

import pytest

import integration_logger
from integration_logger.errors import IntegrationLoggerError

NAMES = [
    "ALL", "HEALTH_CHECKS", "ConfigurationError", "Entry", "Integration", "IntegrationLogger", "Principal", "Redactor",
    "Retention", "Rule", "Spool", "basic_auth", "bearer_tokens", "include_object", "local_only", "request_user",
]  # fmt: skip


def test_the_public_names_are_these() -> None:
    """A name is added or taken away on purpose, and the list is sorted."""
    assert integration_logger.__all__ == NAMES
    assert sorted(NAMES, key=lambda name: (not name.isupper(), name.islower(), name)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there_and_says_what_it_is_for(name: str) -> None:
    """Classes, functions and their public methods have docstrings."""
    thing = getattr(integration_logger, name)
    assert not isinstance(thing, ModuleType)
    if callable(thing):
        assert inspect.getdoc(thing)
        for member, value in inspect.getmembers(thing, inspect.isfunction):
            assert member.startswith("_") or inspect.getdoc(value), f"{name}.{member}"


def test_nothing_but_modules_and_the_public_names_is_visible() -> None:
    """What is imported for the package's own use does not look public."""
    visible = {name for name, value in vars(integration_logger).items() if not isinstance(value, ModuleType)}
    assert {name for name in visible if not name.startswith("_")} - set(NAMES) <= {"annotations"}


def test_the_version_is_that_of_the_installed_package() -> None:
    """It is looked up when asked for; other unknown names are refused as ever."""
    assert integration_logger.__version__ == version("integration-logger")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        integration_logger.nothing  # noqa: B018


def test_the_package_says_that_it_is_typed() -> None:
    """Type checkers of hosts use its annotations (PEP 561)."""
    assert files("integration_logger").joinpath("py.typed").is_file()


def test_every_error_is_one_of_ours() -> None:
    """A host can catch all errors of configuration and querying by one name."""
    from integration_logger import errors

    found = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert len(found) >= 6
    assert all(issubclass(error, IntegrationLoggerError) for error in found)
    assert issubclass(integration_logger.ConfigurationError, ValueError)


def test_importing_and_building_touch_nothing() -> None:
    """No thread, file, connection or handler is there before the first use, and no optional package is needed."""
    script = """
import sys, threading, logging, signal, os
for name in ("httpx", "fastapi", "uvicorn", "brotli", "psycopg", "argon2"):
    sys.modules[name] = None
handlers = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]
from integration_logger import IntegrationLogger
before = sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []
log = IntegrationLogger("sqlite:///log.db")
log.asgi(lambda scope, receive, send: None)
after = sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []
assert before == after
assert threading.active_count() == 1
assert os.listdir(".") == []
assert logging.getLogger().handlers == [] and logging.getLogger("integration_logger").handlers == []
assert handlers == [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import os, tempfile; os.chdir(tempfile.mkdtemp())\n{script}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
