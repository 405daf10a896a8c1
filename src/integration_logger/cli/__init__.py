"""The command ``integration-logger``: try it, read a log, look after a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, BinaryIO

import click

from integration_logger import codec
from integration_logger.cli import terminal
from integration_logger.cli.given import STORE, query_options, rules_options, store_argument
from integration_logger.cli.group import Commands, colour
from integration_logger.cli.reading import follow, opened, read_query
from integration_logger.curl import curl
from integration_logger.entry import Entry
from integration_logger.errors import IntegrationLoggerError
from integration_logger.exports import SUFFIXES
from integration_logger.query import EVERYTHING, MAX_LIMIT
from integration_logger.retention import read_size


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="integration-logger")
@click.pass_context
def main(context: click.Context) -> None:
    """A trustworthy log of every call that a web application has with the outside world.

    STORE is a URL such as sqlite:///integration-logs.db; the variable INTEGRATION_LOGGER_STORE stands in for it.
    """
    context.color = colour()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


# --- running ----------------------------------------------------------------------------------------


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port on this machine; 8000 or any free one by default.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="End after so many seconds.")
@click.option("--headless", is_flag=True, help="At the end say what was sent, stored and lost; status 1 for a loss.")
@click.option("--store", help="URL of a store to write to, instead of one in a temporary folder.")
def demo(port: int | None, seconds: float | None, headless: bool, store: str | None) -> int:
    """Try it: a sample shop with real HTTP traffic, and its log browser."""
    with _extra("demo"):
        from integration_logger.cli.demonstration import run

    def ready(address: str) -> None:
        if not headless:
            click.echo(f"The log of a sample shop: {_link(address)}")
            click.echo("GitHub, Stripe, Shopify, Twilio and customers call it about 8 times a second. Ctrl-C ends it.")

    account = run(store, port=port, seconds=seconds, ready=ready, counted=headless)
    if account is None:
        return 0
    for name in account.__struct_fields__:
        bad = name in ("lost", "twice") and getattr(account, name)
        click.echo(f"{name:<9} {click.style(f'{getattr(account, name):>7,}', fg='red' if bad else None)}")
    return 0 if account.faultless else 1


@main.command()
@store_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 8000 or any free one by default.")
@click.option("--token", help="Token that lets the browser in; a new one each time by default.")
def serve(store: str, host: str, port: int | None, token: str | None) -> None:
    """Open the log browser over a store, for this machine only."""
    with _extra("server"):
        from integration_logger.cli.serving import address, listen, serving, wait
    from integration_logger.viewer import Viewer, local_only

    if not _is_loopback(host):
        raise click.UsageError(
            f"--host {host} is not this machine: the log is served locally only. From elsewhere use an SSH tunnel, "
            "or mount log.viewer(authorize=...) in an application that knows its users"
        )
    access = local_only(token)
    with (
        opened(store) as log,
        listen(host, port) as listener,
        serving(Viewer(log, authorize=access), listener) as ended,
    ):
        click.echo(f"The log: {_link(f'{address(listener)}/?token={access.token}')}  Ctrl-C ends it.")
        wait(ended)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _link(address: str) -> str:
    return click.style(address, fg="cyan", underline=True)


@contextmanager
def _extra(name: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: pip install 'integration-logger[{name}]'") from None


# --- reading ----------------------------------------------------------------------------------------


@main.command()
@store_argument
@query_options
@click.option(
    "-n", "--lines", type=click.IntRange(0, MAX_LIMIT), default=10, show_default=True, help="Begin with so many."
)
def tail(store: str, query: str, since: str, lines: int) -> None:
    """Follow the log: a line for each call as it ends."""
    asked = read_query(query, since)
    with opened(store) as log:
        for entry in follow(log, asked, lines):
            click.echo(terminal.row(entry))


@main.command()
@store_argument
@query_options
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; standard output if none.")
@click.option("--format", type=click.Choice(SUFFIXES), help="As the name of the file says, else ndjson.")
@click.option("--columns", help="Of CSV: standard, all, rook, or names divided by commas.")
@click.option("--bom", is_flag=True, help="Have Excel read a CSV file as UTF-8.")
@click.option("--order", type=click.Choice(("asc", "desc")), default="asc", show_default=True, help="By seq.")
@click.option("--resume", is_flag=True, help="Go on with a file that was broken off.")
def export(output: Path | None, resume: bool, format: str | None, **asked: Any) -> None:
    """Write what the filters find to a file."""
    from integration_logger.cli import exporting

    wanted = exporting.Asked(format=exporting.format_of(format, output), **asked)
    if resume and output is None:
        raise click.UsageError("--resume goes on with a file: name it with --output")
    entries = exporting.run(wanted, output, resume=resume)
    if output is not None:
        click.echo(f"{entries:,} entries in {output}", err=True)


@main.command()
@click.argument("given", nargs=-1, metavar="[STORE] ID")
@click.option("--json", "as_json", is_flag=True, help="All fields, as the API gives them.")
@click.option("--curl", "as_curl", is_flag=True, help="The shell command that sends the request once more.")
def show(given: tuple[str, ...], as_json: bool, as_curl: bool) -> None:
    """Show one call in full."""
    store, id = _store_and_id(given)
    with opened(store) as log:
        entry = log.get(id, EVERYTHING)
    if entry is None:
        raise IntegrationLoggerError(f"the store has no entry {id}; tail prints ids at the end of each line")
    if as_json:
        click.echo(terminal.json_text(codec.to_dict(entry)))
    elif as_curl:
        _show_curl(entry)
    else:
        for text in terminal.whole(entry):
            click.echo(text)


def _store_and_id(given: tuple[str, ...]) -> tuple[str, str]:
    words = given if len(given) == 2 else (os.environ.get(STORE, ""), *given)
    if len(words) != 2 or not words[0]:
        raise click.UsageError(f"show takes a store and the id of an entry; {STORE} stands in for the store")
    return words[0], words[1]


def _show_curl(entry: Entry) -> None:
    command = curl(entry)
    for note in command.notes:
        click.echo(terminal.line(note), err=True)
    if command.text is None:
        raise IntegrationLoggerError(f"there is no command for entry {entry.id}")
    click.echo(command.text)


# --- what is secret ---------------------------------------------------------------------------------


@main.command()
@click.argument("file", type=click.File("rb"))
@click.option("--content-type", help="Content type of the body; told by the name of the file by default.")
@rules_options
def redact(file: BinaryIO, content_type: str | None, **rules: tuple[str, ...]) -> None:
    """Show a body or a HAR file as it would be stored, and what was masked and why."""
    from integration_logger.cli import redacting

    entries = redacting.as_stored(file.read(), file.name, content_type, redacting.redactor(**rules))
    for entry in entries:
        alone = entry.url is None
        for text in redacting.body(entry) if alone else terminal.whole(entry):
            click.echo(text)
        for place in entry.redacted if alone else ():
            click.echo(terminal.line(place.removeprefix("request.")), err=True)


@main.command()
@store_argument
@query_options
@rules_options
def scan(store: str, query: str, since: str, **rules: tuple[str, ...]) -> int:
    """Look for secrets in what is stored, by the rules of today; status 1 where there are any."""
    from integration_logger.cli import redacting

    looked, found = 0, 0
    with opened(store) as log:
        for entry, places in redacting.finds(log, read_query(query, since), redacting.redactor(**rules)):
            looked += 1
            found += bool(places)
            for place in places:
                click.echo(f"{click.style(entry.id, dim=True)}  {terminal.line(place)}")
    click.echo(f"{looked:,} entries looked at, {found:,} with something to mask")
    return 1 if found else 0


# --- looking after a store --------------------------------------------------------------------------


@main.command()
@store_argument
@click.option("--spool", type=click.Path(path_type=Path), help="Folder where the application spools.")
@click.option(
    "--retention",
    envvar="INTEGRATION_LOGGER_RETENTION",
    help='How long entries are kept, such as "30 days"; as the application says by default.',
)
def ship(store: str, spool: Path | None, retention: str | None) -> None:
    """Move entries from a spool folder to the store, for an application that leaves that to others (ship=None)."""
    from integration_logger.cli import shipping

    shipping.ship(store, spool, retention)


@main.command()
@store_argument
@click.option("--max-rows", type=click.IntRange(1), help="Keep so many entries at most; the oldest go.")
@click.option("--max-bytes", metavar="SIZE", help='Take so much space at most, such as "2 GiB"; the oldest go.')
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def purge(store: str, max_rows: int | None, max_bytes: str | None, dry_run: bool) -> None:
    """Delete what has expired, and if a bound is given, the oldest beyond it."""
    most = None if max_bytes is None else read_size(max_bytes)
    with opened(store) as log:
        purged = log.purge(datetime.now(UTC), max_rows=max_rows, max_bytes=most, dry_run=dry_run)
    click.echo(terminal.purged(purged, bounded=bool(max_rows or most), dry_run=dry_run))


@main.command()
@store_argument
@click.option("-q", "--query", required=True, help='What is to be erased, such as "tenant:1 user:42".')
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def erase(store: str, query: str, dry_run: bool) -> None:
    """Delete all entries that match, for good; those that arrive later, too."""
    from integration_logger.stores import erasures

    wanted = erasures.read_erasure({"q": query}, EVERYTHING)
    with opened(store) as log:
        done = erasures.erase(log, wanted, dry_run=dry_run)
    click.echo(terminal.purged(done, bounded=False, dry_run=dry_run))


@main.command()
@store_argument
@click.option("--sql", is_flag=True, help="Only print the SQL, for who may run it.")
def migrate(store: str, sql: bool) -> None:
    """Create or upgrade the tables of a store."""
    from integration_logger.cli import migration

    click.echo(migration.script(store) if sql else migration.migrate(store), nl=not sql)


@main.command()
@store_argument
@click.option("--spool", type=click.Path(path_type=Path), help="Folder where the application spools.")
def check(store: str, spool: Path | None) -> int:
    """Say what is wrong with a store and its spool, and what to do; status 1 where something is."""
    from integration_logger.cli.checks import check_all

    wrong = 0
    for finding in check_all(store, spool):
        mark = click.style("✗", fg="red") if finding.todo else click.style("✓", fg="green")
        click.echo(f"{mark} {terminal.line(finding.what)}" + (f" → {finding.todo}" if finding.todo else ""))
        wrong += finding.todo is not None
    return 1 if wrong else 0
