"""What several commands are given: a store, filters, rules of masking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

STORE = "INTEGRATION_LOGGER_STORE"


def _store_given(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if not value:
        raise click.UsageError(f"no store: give its URL, such as sqlite:///integration-logs.db, or set {STORE}")
    return value


store_argument = click.argument("store", envvar=STORE, required=False, callback=_store_given, metavar="STORE")


def query_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the filters of the search box to a command."""
    text = click.option("-q", "--query", default="", help='Filters, such as "status:5xx -method:GET duration:>1s".')
    since = click.option("--since", default="", help="Time such as 2026-11-21T08:30:00Z, or an age: 90s, 15m, 2h, 7d.")
    return text(since(command))


def rules_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a host gives its Redactor to a command."""
    for option, text in (
        ("--path", "Place that is masked too, such as 'json:$.items[*].note'; may be repeated."),
        ("--keep", "Name that is not masked; may be repeated."),
        ("--name", "Name whose values are masked too; may be repeated."),
    ):
        command = click.option(option, f"{option[2:]}s", multiple=True, help=text)(command)
    return command
