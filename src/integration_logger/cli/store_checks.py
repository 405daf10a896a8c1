"""What ``check`` asks the store: whether it can be used, and what the processes have said of themselves."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from integration_logger.cli import terminal
from integration_logger.cli.finding import Finding
from integration_logger.cli.reading import opened, sqlite_file
from integration_logger.errors import ConfigurationError, IntegrationLoggerError, StoreError
from integration_logger.health import Health
from integration_logger.stores import safe_url
from integration_logger.stores.reports import read_reports
from integration_logger.viewer.health import PATIENCE, Overview, name_of, said

ADVICE: Final = (
    ("there is no file", "give the URL that the application writes to; it makes the file with the first entry"),
    (
        "not a database|malformed|damaged",
        "end the application, move the file away with those of its name and -wal and -shm, and start again: there will "
        "be a new file, and what waits on the spool goes there; sqlite3 OLD .recover saves what can be saved",
    ),
    ("newer integration-logger", "upgrade integration-logger here to the version that the application has"),
    ("locked", "wait, or end the process that holds the file; fuser FILE names it"),
    (
        "unable to open|readonly|Permission denied|Read-only|not permitted",
        "give the file and its folder to the user that the application runs as, and run check as that user",
    ),
    ("full|No space left", "make room on its disk"),
    ("password authentication|no password|28P01|28000|role .* does not exist", "correct user and password in the URL"),
    ("database .* does not exist|3D000", "create the database, or correct its name in the URL"),
    (
        "permission denied|42501",
        "have somebody who may create tables run integration-logger migrate, or grant its user the rights",
    ),
    ("encoding", "make a database with ENCODING 'UTF8', and give its URL"),
    ("too many clients|remaining connection slots|53300", "let the server take more connections"),
)
"""By what the store says; the first that fits."""

REASONS: Final = {
    "spool full": "see below why nothing is shipped, or give the spool more room: Spool(max_bytes=...)",
    "memory full": "give the application a spool folder that it can write to",
    "too large": "look at labels, variables and processors: one entry may have 32 MiB",
}


def check_store(url: str) -> Iterator[Finding]:
    """Tell whether the store can be read, and if so what the processes have said."""
    name = safe_url(url)
    try:
        with opened(url) as store:
            info, reports = store.info(), read_reports(store.state)
        if path := sqlite_file(url):
            check_pages(path)
    except IntegrationLoggerError as error:
        text = " ".join(str(error).split())
        yield Finding(f"the store {name} cannot be used: {text}", advice(url, error))
        return
    yield Finding(f"the store {name} holds {info.entries:,} entries, {terminal.size(info.bytes)}")
    yield from check_processes(Overview(Health(), reports, info, None, datetime.now(UTC)))


def check_pages(path: Path) -> None:
    """Read a SQLite file from end to end; raise ``StoreError`` where it is damaged, which one may not notice else."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(str(error)) from error
    if found != "ok":
        raise StoreError("the file is damaged")


def advice(url: str, error: IntegrationLoggerError) -> str:
    """Return what to do about a store that cannot be used."""
    if isinstance(error, ConfigurationError):
        return "give the URL of the store as the application has it"
    return _todo(str(error)) or "see to it that it runs, can be reached from here, and that the URL is right"


def _todo(text: str) -> str | None:
    return next((todo for pattern, todo in ADVICE if re.search(pattern, text)), None)


def check_processes(overview: Overview) -> Iterator[Finding]:
    """Tell what was lost, what is wrong, and what waits, in all processes of the store."""
    total = overview.total or Health()
    heard = sum(map(overview.is_heard, overview.processes))
    yield Finding(f"{total.captured:,} entries captured, {total.shipped:,} shipped; processes heard lately: {heard}")
    lost = list(overview.lost_lately())
    for loss in lost:
        yield Finding(loss.text, REASONS.get(loss.reason, "look for the warnings of integration_logger in its log"))
    if not lost:
        yield Finding("no entry was lost within the last day")
    for problem in overview.problems:
        yield Finding(
            said(problem),
            _todo(problem.text) or "look it up under Problems in the reference of errors",
        )
    for process in overview.processes:
        if overview.is_heard(process) and not (process.health.durable or process.health.problems):
            yield Finding(f"{name_of(process)} keeps entries in memory only", "give the application a spool folder")
    for shipper in overview.shippers:
        seconds = overview.waiting_seconds(shipper)
        if seconds > PATIENCE:
            waiting = f"{terminal.size(shipper.health.backlog_bytes)} wait on {shipper.host}"
            yield Finding(
                f"{waiting} for {timedelta(seconds=round(seconds))}",
                "run check there: it looks at the spool folder itself",
            )
