"""Every way by which something captured leaves a log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from werkzeug.test import Client as WSGIClient

from integration_logger import codec
from integration_logger.cli import terminal
from integration_logger.client import scroll
from integration_logger.curl import curl
from integration_logger.entry import KINDS
from integration_logger.filters import FACETS
from integration_logger.stores.sql import payload
from tests.cli.commands import run
from tests.redaction.site import Site
from tests.viewer.server import serving

Out = Iterator[bytes | str]
Way = Callable[[Site], Out]
"""Yields what comes out, all of it."""

_COLUMNS = ("all", "rook", "id,labels,request.headers,request.body,response.headers,response.body,variables,traceback")
_OF_ONE = ("/curl", "/related", "/export.csv", "/export.ndjson", "/export.har")


# --- as it lies on the disk ---------------------------------------------------------------------------


def spool(site: Site) -> Out:
    """The files that the process writes."""
    yield from site.spooled
    yield from (path.read_bytes() for path in (site.folder / "spool").rglob("*") if path.is_file())


def sqlite(site: Site) -> Out:
    """The bytes of the store's files, and what is compressed in them."""
    path = site.folder / "log.db"
    yield from (each.read_bytes() for each in (path, *site.folder.glob("log.db-*")))
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        yield from _rows(tables, lambda table: connection.execute(f"SELECT * FROM {table}").fetchall())


def postgresql(site: Site) -> Out:
    """The rows of all tables, and what is compressed in them."""
    with psycopg.connect(site.url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        yield from _rows(tables, lambda table: connection.execute(f"SELECT * FROM {table}").fetchall())


def _rows(tables: list[tuple[str]], read: Callable[[str], list[tuple[Any, ...]]]) -> Out:
    for (table,) in tables:
        for row in read(table):
            yield repr(row)
            for value in row:
                if isinstance(value, bytes):
                    yield payload._zstd().decompress(value[1:]) if table.endswith("payloads") else value


# --- the log browser ----------------------------------------------------------------------------------


def _answers(site: Site, *paths: str) -> Out:
    for path, answer in zip(paths, site.get(paths), strict=True):
        assert answer.status_code in (200, 404), f"{path}: {answer.status_code} {answer.text}"
        assert answer.status_code == 200 or path.endswith(("/curl", ".har", "/request", "/response")), path
        yield answer.content
        yield str(answer.headers)


def _to_the_end(site: Site, path: str) -> Out:
    cursor: str | None = "0"
    while cursor is not None:
        (answer,) = site.get([f"{path}&order=asc&limit=500&cursor={cursor}"])
        yield answer.content
        cursor = answer.json()["next_cursor"] if answer.json()["has_more"] else None


def api(site: Site) -> Out:
    """The lists as JSON."""
    for path in ("/api/entries?", "/api/entries?kind=audit", "/api/runs?"):
        yield from _to_the_end(site, path)
    yield from _answers(site, "/api/entries?limit=500", "/api/integrations", "/api/stats", "/api/meta", "/openapi.json")


def details(site: Site) -> Out:
    """One entry as JSON, as files, and as a command."""
    for part in ("", "/request", "/response"):
        yield from _answers(site, *(f"/api/entries/{id}{part}" for id in site.some))
    yield from _answers(site, *(f"/api/entries/{id}{part}" for id in site.some[::5] for part in _OF_ONE))


def facets(site: Site) -> Out:
    """Values that are counted by, labels among them."""
    labels = sorted({f"label.{name}" for entry in site.entries for name in entry.labels})
    fields = [*FACETS, *labels]
    for start in range(0, len(fields), 20):
        query = "&".join(f"field={quoted(field)}" for field in fields[start : start + 20])
        yield from _answers(site, f"/api/facets?{query}", f"/api/facets?kind=audit&{query}")


def pages(site: Site) -> Out:
    """The lists as HTML."""
    for kind in KINDS:
        for code in (500, 501):
            yield from _answers(site, f"/?kind={kind}&status_code={code}&limit=500&range=all")
    yield from _answers(site, "/runs?range=all&limit=500", "/audit?limit=500", "/erase?q=it")
    yield from _answers(site, "/integrations", "/health")


def panes(site: Site) -> Out:
    """One entry as HTML."""
    yield from _answers(site, *(f"/entries/{id}" for id in site.some))
    for tab in ("request", "response", "tree"):
        yield from _answers(site, *(f"/?entry={id}&tab={tab}&part=pane" for id in site.some[::5]))


def stream(site: Site) -> Out:
    """Server-sent events: all that is there, and what is in flight."""
    app = WSGIClient(site.log.viewer_wsgi(authorize=site.owner))
    yield app.get("/api/stream?cursor=0").data
    yield app.get("/api/stream?cursor=0&kind=audit").data


def exports(site: Site) -> Out:
    """All entries as files, downloaded."""
    for kind in ("", "&kind=audit"):
        for columns in _COLUMNS:
            yield from _answers(site, f"/api/export.csv?columns={columns}{kind}")
        yield from _answers(site, f"/api/export.ndjson?order=asc{kind}", f"/api/export.har?order=asc{kind}")


# --- for other programs -------------------------------------------------------------------------------


def client(site: Site) -> Out:
    """What follows the log from another program."""
    with serving(site.log.viewer(authorize=site.owner)) as address:
        yield codec.to_json([*scroll(address, follow=False)])


def kondado(site: Site) -> Out:
    """The contract of Kondado: names, savepoints and errors of runs."""
    app = site.log.compat.kondado(authorize=site.owner, include_failed=True, extended=True)
    start, ids = "0", set()
    while start:
        (answer,) = site.get([f"/pipeline_logs?start_element_id={start}"], app)
        yield answer.content
        found = answer.json()["data"]
        ids |= {row["pipeline_id"] for row in found["data"]}
        start = found["pagination"]["next_start_element_id"]
    assert ids
    for answer in site.get([f"/pipelines/{quoted(str(id))}/status" for id in ids], app):
        yield answer.content


# --- the command line ---------------------------------------------------------------------------------


def tail(site: Site) -> Out:
    """A line for each call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("integration_logger.cli.reading.time.sleep", _interrupt)
        for kind in KINDS:
            for code in (500, 501):
                yield run("tail", site.url, "-n", "500", "-q", f"kind:{kind} status_code:{code}").output


def _interrupt(_: float) -> None:
    raise KeyboardInterrupt


def show(site: Site) -> Out:
    """One call in full, as JSON, and as a command."""
    for entry in site.entries:
        yield "\n".join(terminal.whole(entry))
        yield terminal.json_text(codec.to_dict(entry))
        yield curl(entry).text or ""
    for id in site.some[::20]:
        for form in ((), ("--json",), ("--curl",)):
            done = run("show", site.url, id, *form)
            assert done.exit_code == 0 or form == ("--curl",)
            yield done.output


def export(site: Site) -> Out:
    """All entries as files, from the command line."""
    for kind in ((), ("-q", "kind:audit")):
        for form in ("ndjson", "csv", "har"):
            done = run("export", site.url, "--format", form, *kind)
            assert done.exit_code == 0
            yield done.output


# --- what tells of the log itself -----------------------------------------------------------------------


def health(site: Site) -> Out:
    """How the log does."""
    yield repr(site.log.health())
    yield from _answers(site, "/api/health", "/api/health?format=prometheus")


def logs(site: Site) -> Out:
    """Lines of the log of the host, at every level."""
    for record in site.said:
        if record.name != "httpx":  # that one says what the tests ask for
            yield record.getMessage() + repr(record.exc_info) + repr(record.args)


def commands(site: Site) -> Out:
    """What looks after a store."""
    yield run("check", site.url, "--spool", str(site.folder / "spool")).output
    yield run("purge", site.url, "--dry-run").output
    yield run("erase", site.url, "--dry-run", "-q", "it").output
    yield run("migrate", site.url).output


def scan(site: Site) -> Out:
    """Where the store has secrets: places, never the secret."""
    for kind in ((), ("-q", "kind:audit")):
        yield run("scan", site.url, *kind).output


def quoted(text: str) -> str:
    """Return a text as it may stand in an address."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


SHOWING: tuple[Way, ...] = (
    spool, sqlite, api, details, facets, pages, panes, stream, exports, client, kondado, tail, show, export,
)  # fmt: skip
"""Ways that show what was captured."""
SILENT: tuple[Way, ...] = (health, logs, commands, scan)
"""Ways by which nothing captured gets out, even where it was not masked."""
