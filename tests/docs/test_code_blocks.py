"""The code in the documentation runs."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from integration_logger import IntegrationLogger
from integration_logger.cli import main
from tests.docs import pages

WITH_PYTHON = [page for page in pages.PAGES if any(pages.blocks(page, "python"))]
COMMANDS = [
    pytest.param(command, id=f"{pages.name(page)}: {command[:40]}")
    for page in pages.PAGES
    for block in pages.blocks(page, "console", "bash")
    for command in re.findall(r"^\$ ((?:.*\\\n)*.*)$", block.text, re.MULTILINE)
]
OTHER_PROGRAMS = {".", "curl", "gunicorn", "pip", "pkill", "python3", "uvicorn", "uwsgi"}


@pytest.mark.parametrize("page", WITH_PYTHON, ids=pages.name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after the other in one namespace, and their tests pass."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "documentation"}
    loggers: list[IntegrationLogger] = []
    try:
        for block in pages.blocks(page, "python"):
            code = "\n" * (block.line - 1) + block.text
            exec(compile(code, str(page), "exec"), namespace)
            loggers += [value for value in namespace.values() if isinstance(value, IntegrationLogger)]
        for name, value in namespace.items():
            if name.startswith("test_") and not inspect.signature(value).parameters:  # fixtures are pytest's
                value()
    finally:
        for logger in loggers:
            logger.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str) -> None:
    """A command in the documentation is one of the project's, with options that it has, or a known program."""
    words = shlex.split(command.replace("\\\n", " "))
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", pages.read("Makefile"), re.MULTILINE)
    elif words[0] != "integration-logger":
        assert words[0] in OTHER_PROGRAMS
    elif words[1] != "COMMAND":
        understood(main, words[1:])


def understood(group: click.Group, words: list[str]) -> None:
    subcommand = group.commands[words[0]]
    context = click.Context(subcommand, info_name=words[0])
    subcommand.make_parser(context).parse_args(words[1:])


def test_an_unknown_option_would_be_noticed() -> None:
    """The check of commands refuses an option that does not exist."""
    with pytest.raises(click.NoSuchOption):
        understood(main, ["tail", "memory:", "--colour"])


# --- the tutorial, as a reader does it ----------------------------------------------------------------


@contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Start the tutorial's application on a free port; yield process, address and token."""
    command = [sys.executable, "-m", "uvicorn", "shop:app", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            printed = process.stdout.readline()
            started = "".join(iter(process.stderr.readline, "")) if process.poll() is not None else ""
            for line in process.stderr:
                started += line
                if "running on" in line:
                    break
            token = re.search(r"token=(\S+)", printed)
            port = re.search(r"running on http://127.0.0.1:(\d+)", started)
            assert token, printed
            assert port, started
            yield process, f"http://127.0.0.1:{port[1]}", token[1]
        finally:
            process.kill()


def calls_of_the_tutorial() -> list[tuple[dict[str, str], str]]:
    """Return headers and body of each curl command."""
    found = []
    for parameter in COMMANDS:
        words = shlex.split(str(parameter.values[0]).replace("\\\n", " "))
        if words[0] == "curl":
            options = list(zip(words[2::2], words[3::2], strict=True))
            headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
            found.append((headers, dict(options)["-d"]))
    return found


def items(site: str, token: str, count: int) -> list[dict[str, Any]]:
    """Return the entries that the log browser shows, once there are so many."""
    with httpx.Client(base_url=site, trust_env=False, follow_redirects=True) as browser:
        assert browser.get("/logs/", params={"token": token}).status_code == 200
        deadline = time.monotonic() + 20
        while len(found := browser.get("/logs/api/entries").json()["items"]) < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return [browser.get(f"/logs/api/entries/{item['id']}").json() for item in found]


def test_the_tutorial_keeps_its_word(tmp_path: Path) -> None:
    """Its calls are on the screen, without their secrets and with their traceback, and ``kill -9`` loses none."""
    source = next(pages.blocks(pages.ROOT / "docs" / "tutorial.md", "python")).text
    (tmp_path / "shop.py").write_text(source)
    (charge, body), (dispute, failing) = calls_of_the_tutorial()
    with served(tmp_path) as (_, site, token):
        assert httpx.post(f"{site}/webhooks/stripe", headers=charge, content=body, trust_env=False).is_success
        answer = httpx.post(f"{site}/webhooks/stripe", headers=dispute, content=failing, trust_env=False)
        assert answer.text == "Internal Server Error"
        failed, succeeded = items(site, token, 2)
        assert "NotImplementedError" in failed["traceback"]
        assert succeeded["integration"] == "stripe"
        assert "my-secret-credential" not in str(succeeded)
        assert json.loads(succeeded["request"]["body"])["card"] == {"number": "[REDACTED]"}
        for _ in range(5):
            httpx.post(f"{site}/webhooks/stripe", headers=charge, content=body, trust_env=False)
    with served(tmp_path) as (_, site, token):
        assert len(items(site, token, 7)) == 7
        check = [sys.executable, "-m", "integration_logger", "check", "sqlite:///integration-logs.db"]
        checked = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
