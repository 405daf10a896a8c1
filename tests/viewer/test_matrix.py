"""Every route, for every reader, on everybody's entries: what is answered, and that nothing foreign is in it.

The expected answer of each cell follows from the two tables below, which are written anew here and on purpose: a route
or a permission that is added has to be added here, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import anyio
import httpx
import pytest

from integration_logger import query
from integration_logger.entry import Entry
from integration_logger.ids import new_id
from integration_logger.query import ALL
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal, Viewer, tail
from tests.viewer.marked import build, mark_of, marks
from tests.viewer.server import Client, viewer


class Asked(NamedTuple):
    """One way to ask a route, and what of the reader's own entries must be in the answer."""

    query: str = ""
    shows: str = "none"
    """``all`` of theirs, what has ``ended``, ``runs``, the ``one`` asked for, ``audit``, ``counts``, or ``none``;
    what it ``erases``, or would as ``erasable``."""
    send: dict[str, Any] | None = None
    status: int = 200
    format: str = "csv"


class Row(NamedTuple):
    """What a route asks of its readers."""

    needs: str
    asked: tuple[Asked, ...]
    limited: bool = True


FIELDS = "field=integration&field=tenant&field=application&field=host&field=route&field=status_code&field=label.mark"
LIST = (
    Asked("range=all", "all"),
    Asked("range=all&part=around"),
    Asked("range=all&entry={id}", "all"),
    Asked("range=all&entry={id}&part=pane", "one"),
    Asked("range=all&q=nothing-like-this&kind=inbound"),
    Asked("range=all&kind=audit", "audit"),
    Asked("range=all&nothing=1", status=400),
)
ROUTES: dict[str, Row] = {
    "GET /": Row("view", LIST),
    "GET /entries/{id}": Row("view", (Asked("", "one"), Asked("tab=request"), Asked("tab=response"))),
    "GET /runs": Row(
        "view", (Asked("range=all", "runs"), Asked("range=all&kind=inbound"), Asked("range=all&nothing=1", status=400))
    ),
    "GET /integrations": Row("view", (Asked("", "ended"),)),
    "GET /audit": Row("audit", (Asked("", "audit"), Asked("q=mark0")), limited=False),
    "GET /erase": Row("erase", (Asked(""), Asked("q=kind:inbound"), Asked("q=-status:failed", status=400))),
    "POST /erase": Row(
        "erase",
        (
            Asked(send={}),
            Asked(send={"q": "kind:inbound", "confirm": ""}, status=400),
            Asked(send={"q": "kind:inbound"}, status=400),
        ),
    ),
    "GET /health": Row("view", (Asked(),), limited=False),
    "GET /api/entries": Row(
        "view", (Asked("", "all"), Asked("order=asc&cursor=0&limit=500", "ended"), Asked("kind=audit", "audit"))
    ),
    "GET /api/entries/{id}": Row("view", (Asked("", "one"),)),
    "GET /api/entries/{id}/request": Row("detail", (Asked("", "one"),)),
    "GET /api/entries/{id}/response": Row("detail", (Asked("", "one"),)),
    "GET /api/entries/{id}/curl": Row("detail", (Asked("", "one"),)),
    "GET /api/entries/{id}/export.{format}": Row(
        "export",
        tuple(Asked("", "call" if format == "har" else "one", format=format) for format in ("csv", "ndjson", "har")),
    ),
    "GET /api/export.{format}": Row(
        "export",
        (
            Asked("", "ended"),
            Asked("", "ended", format="ndjson"),
            Asked("", "ended", format="har"),
            Asked("kind=audit", "audit"),
            Asked("columns=id&columns=nothing", status=400),
        ),
    ),
    "GET /api/entries/{id}/related": Row("view", (Asked("", "all"),)),
    "GET /api/facets": Row("view", (Asked(FIELDS, "ended"), Asked("field=tenant&kind=audit"))),
    "GET /api/stats": Row("view", (Asked("", "counts"),)),
    "GET /api/runs": Row("view", (Asked("", "runs"), Asked("order=asc&cursor=0", "runs"))),
    "GET /api/integrations": Row("view", (Asked("", "ended"),)),
    "POST /api/erase": Row(
        "erase",
        (
            Asked(send={"kind": ["inbound", "run"]}, shows="erases"),
            Asked(send={"kind": ["inbound", "run"], "dry_run": True}, shows="erasable"),
            Asked(send={"not.status": "x"}, status=400),
        ),
    ),
    "POST /api/purge": Row("purge", (Asked(send={}), Asked(send={"tenant": "acme"}, status=400)), limited=False),
    "GET /api/stream": Row("view", (Asked("cursor=0", "all"), Asked("cursor=0&kind=audit", "audit"))),
    "GET /api/meta": Row("view", (Asked(),)),
    "GET /api/health": Row("view", (Asked(), Asked("format=prometheus")), limited=False),
    "GET /openapi.json": Row("view", (Asked(),)),
}

EVERYTHING = ("view", "detail", "export", "reauthorize", "redeliver", "settings", "purge", "erase", "audit")
READERS = {
    "owner": EVERYTHING,
    "supervisor": ("view", "detail", "reauthorize"),
    "bot_builder": ("view", "detail", "reauthorize"),
    "agent": (),
}
"""What each role may do."""
CUSTOM = (("view",), ("view", "detail"), ("detail", "export"), (), *(("view", name) for name in EVERYTHING[2:]))
"""Permissions that a host gives instead."""
NEVER_LIMITED = ("purge", "audit")
OWN = {"tenants": {"acme"}, "applications": {"shop"}}
BOUNDS: dict[str, dict[str, Any]] = {
    "all": {"tenants": ALL},
    "tenant": {"tenants": OWN["tenants"]},
    "application": {"tenants": ALL, "applications": OWN["applications"]},
    "both": OWN,
    "no tenant": {"tenants": ()},
}


class Reader(NamedTuple):
    """A principal, and what the table says of it."""

    principal: Principal | None
    may: frozenset[str]
    bounds: dict[str, Any]

    @property
    def limited(self) -> bool:
        return self.bounds.get("tenants") is not ALL or "applications" in self.bounds

    def sees(self, entry: Entry, *, audit: bool = False) -> bool:
        """Tell whether the entry is the reader's, by the words of the guide and not by the code."""
        tenants, applications = self.bounds["tenants"], self.bounds.get("applications", ALL)
        return (
            (tenants is ALL or entry.tenant in tenants)
            and (applications is ALL or entry.application in applications)
            and (entry.kind != "audit" or (audit and "audit" in self.may))
        )


def readers() -> Iterator[Any]:
    """Yield every reader as a parameter."""
    yield pytest.param(Reader(None, frozenset(), BOUNDS["all"]), id="nobody")
    for name, bounds in BOUNDS.items():
        limited = name != "all"
        for role, may in READERS.items():
            found = Principal("ana", role=role, **bounds)
            yield pytest.param(reader(found, may, bounds, limited=limited), id=f"{role}-{name}")
        for may in CUSTOM if name in ("all", "tenant") else CUSTOM[:2]:
            found = Principal("ana", role="agent", permissions=may, **bounds)
            yield pytest.param(reader(found, may, bounds, limited=limited), id=f"{'+'.join(may) or 'nothing'}-{name}")


def reader(principal: Principal, may: tuple[str, ...], bounds: dict[str, Any], *, limited: bool) -> Reader:
    return Reader(principal, frozenset(may) - frozenset(NEVER_LIMITED if limited else ()), bounds)


# --- the cells ----------------------------------------------------------------------------------------


def expected(reader: Reader, row: Row, path: str, entry: Entry) -> int:
    """Return the status of a cell, by the tables."""
    if reader.principal is None:
        return 401
    if not {"view", row.needs} <= reader.may or (reader.limited and not row.limited):
        return 403
    if "{id}" in path and not reader.sees(entry, audit=True):
        return 404
    if path.endswith("/response") and entry.status == "processing":
        return 404
    return 200


class Cell(NamedTuple):
    """One question of one reader, with the answer."""

    reader: Reader
    row: Row
    asked: Asked
    entry: Entry
    entries: list[Entry]
    status: int
    answer: httpx.Response
    left: set[str]
    """The marks of what is in the store afterwards."""

    @property
    def text(self) -> str:
        """Everything that came back, headers too."""
        return f"{self.answer.headers}\n{self.answer.text}"

    def complaints(self) -> Iterator[str]:
        """Yield what is wrong with the answer."""
        status = self.asked.status if self.status == 200 else self.status
        if self.answer.status_code != status:
            yield f"was answered with {self.answer.status_code}, not {status}"
        audit = "audit" in (self.row.needs, self.entry.kind) or "kind=audit" in self.asked.query
        own = {mark_of(entry) for entry in self.entries if self.reader.sees(entry, audit=audit)}
        if foreign := marks(self.text) - (own if self.status == 200 else set()):
            yield f"shows the foreign {sorted(foreign)}"
        if "detail" not in self.reader.may and (hidden := marks(self.text, deep=True)):
            yield f"shows headers or bodies of {sorted(hidden)}"
        if self.status == 200 and (missing := self.wanted(own) - marks(self.text)):
            yield f"lacks {sorted(missing)}"
        if self.status == 200 and self.asked.shows == "counts":
            yield from self.miscounted()
        yield from self.changed({mark_of(e) for e in self.entries if self.reader.sees(e)})

    def changed(self, own: set[str]) -> Iterator[str]:
        """Yield what was taken away that should have stayed, and the reverse; and where the answer says otherwise."""
        erased = own if self.status == 200 and self.asked.shows == "erases" else set()
        if self.left != {mark_of(entry) for entry in self.entries} - erased:
            yield f"leaves {sorted(self.left)}"
        if self.status == 200 and self.asked.shows.startswith("eras") and self.answer.json()["entries"] != len(own):
            yield f"says that it erased {self.answer.json()['entries']}"

    def wanted(self, own: set[str]) -> set[str]:
        """Return the marks that must be there."""
        match self.asked.shows:
            case "all":
                return own - {"mark9"}
            case "ended":
                return own & {mark_of(entry) for entry in self.entries if entry.status != "processing"} - {"mark9"}
            case "runs":
                return own & {mark_of(entry) for entry in self.entries if entry.kind == "run"}
            case "one":
                return own & {mark_of(self.entry)}
            case "audit":
                return own & {"mark9"}
        return set()

    def miscounted(self) -> Iterator[str]:
        """Yield where the figures are not those of the reader's own entries."""
        own = [e for e in self.entries if self.reader.sees(e) and e.status != "processing"]
        figures = self.answer.json()
        failed = sum(entry.status == "failed" for entry in own)
        if (figures["success"], figures["error"]) != (len(own) - failed, failed):
            yield f"counts {figures['success']} and {figures['error']}"
        slowest = max([entry.duration or 0 for entry in own], default=None)
        if figures["p99"] != slowest:
            yield f"says that the slowest took {figures['p99']} s"


def about(reader: Reader, row: Row, path: str, asked: Asked, entries: list[Entry]) -> list[Entry]:
    """Return the entries that a route is asked about: all, where the answer depends on it and is not one of many."""
    if "{id}" not in path + asked.query:
        return entries[:1]
    few = "{id}" not in path or asked.shows == "none" or asked.format != "csv"
    return entries[:4] if few or expected(reader, row, "", entries[0]) != 200 else entries


def served_log(reader: Reader) -> tuple[httpx.ASGITransport, MemoryStore, list[Entry]]:
    """Return a log of its own, and the way to its browser."""
    store, entries = build()
    return httpx.ASGITransport(viewer(store, reader.principal)), store, entries


async def ask(reader: Reader) -> AsyncIterator[Cell]:
    """Ask everything as one reader; what changes something is asked of a log of its own."""
    log = served_log(reader)
    for name, row in ROUTES.items():
        method, path = name.split(" ")
        for asked in row.asked:
            # a browser that has exported much refuses more of it for a while
            anew = asked.send is not None or row.needs == "export"
            transport, store, entries = served_log(reader) if anew else log
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
                for entry in about(reader, row, path, asked, entries):
                    address = f"{path}?{asked.query}".rstrip("?").format(id=entry.id, format=asked.format)
                    answer = await client.request(method, address, json=asked.send)
                    left = {mark_of(e) for e in entries if store.get(e.id, query.EVERYTHING)}
                    status = expected(reader, row, path, entry)
                    yield Cell(reader, row, asked, entry, entries, status, answer, left)


@pytest.mark.parametrize("reader", [*readers()])
def test_every_cell_of_the_matrix(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each route answers each reader as the table says, shows or takes all that is theirs, and nothing else."""
    monkeypatch.setattr(tail, "LIFETIME", 0.01)

    async def run() -> list[Cell]:
        return [cell async for cell in ask(reader)]

    wrong = [f"{c.answer.request.method} {c.answer.url}: {text}" for c in anyio.run(run) for text in c.complaints()]
    assert wrong == []


def served(app: Viewer) -> set[str]:
    return {f"{method} {row.path}" for row in app.routes for method in row.methods}


def test_every_route_has_its_row() -> None:
    """A route without a row here is an oversight; and nothing is served besides the table but scripts and styles."""
    app: Any = viewer(MemoryStore())
    assert served(app) == set(ROUTES)
    assert {route.path for route in app._app.routes} == {row.path for row in app.routes} | {"/static"}


@pytest.mark.parametrize("name", [name for name in ROUTES if "{id}" in name])
def test_a_foreign_entry_looks_like_none_at_all(name: str) -> None:
    """The answer to a foreign id is the answer to an id that never was, headers included."""
    store, entries = build()
    foreign = next(entry for entry in entries if entry.tenant == "globex")
    client = Client(viewer(store, Principal("bo", role="owner", tenants=["acme"])))
    method, path = name.split(" ")
    one, other = (client.send(method, path.format(id=id, format="csv")) for id in (foreign.id, new_id()))
    assert one.status_code == other.status_code == 404
    assert (one.text, [*one.headers.items()]) == (other.text, [*other.headers.items()])


@pytest.mark.parametrize("name", ROUTES)
def test_another_method_opens_nothing(name: str) -> None:
    """A method that is not in the table is refused before anything is looked at."""
    store, entries = build()
    client = Client(viewer(store))
    path = name.split(" ")[1]
    for method in {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - {
        n.split(" ")[0] for n in ROUTES if n.endswith(f" {path}")
    }:
        answer = client.send(method, path.format(id=entries[0].id, format="csv"))
        assert answer.status_code == 405
        assert not marks(answer.text)
