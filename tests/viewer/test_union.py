"""Whatever a reader asks, all answers together are exactly what is theirs: no more, and no less."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_logger.entry import Entry
from integration_logger.query import ALL
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.viewer import Principal
from tests.viewer.server import new_entry, viewer

NAMES = ("acme", "ACME", "acme ", "acme%", "globex", "é", "a,b", "")
COUNT = 120
Log = tuple[Store, list[Entry]]
Pairs = list[tuple[str, str]]


def entries() -> list[Entry]:
    """Return entries of every tenant and application, those without one included."""
    rng = random.Random(5)
    return [
        new_entry(
            rng=rng,
            body_size=0,
            tenant=rng.choice((None, *NAMES)),
            application=rng.choice((None, *NAMES[:4])),
            user_id=rng.choice((None, *NAMES)),
            operation=rng.choice(("push", "pull", None)),
            kind=rng.choice(("inbound", "outbound", "run", "audit")),
        )
        for _ in range(COUNT)
    ]


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    folder: Path = tmp_path_factory.mktemp("log")
    url = "memory:" if request.param == "memory" else f"sqlite:///{folder / 'log.db'}"
    with closing(open_store(url)) as store:
        store.open()
        written = entries()
        store.write(written)
        yield store, written


names = st.just(ALL) | st.frozensets(st.sampled_from(NAMES), max_size=4)
roles = st.sampled_from(["owner", "supervisor", "bot_builder"])
words = ["stripe", "-stripe", "push", "answered", "tenant:globex", "-tenant:acme", '"%"', "_", "acme"]
texts = ["tenant", "application", "user_id", "operation", "route", "host", "label.environment"]
filters = st.one_of(
    st.tuples(st.sampled_from(texts), st.sampled_from([*NAMES, "push", "production"])),
    st.tuples(st.just("kind"), st.sampled_from(["inbound", "outbound", "run", "audit"])),
    st.tuples(st.just("status_code"), st.sampled_from(["2xx", "4xx", "5xx", "404", "none"])),
    st.tuples(st.just("outcome"), st.sampled_from(["success", "error"])),
    st.tuples(st.just("has_errors"), st.sampled_from(["true", "false"])),
    st.tuples(st.sampled_from(["min_duration", "max_duration"]), st.sampled_from(["0.01", "0.05", "1"])),
    st.tuples(st.just("q"), st.sampled_from(words)),
)


class Reader:
    """Asks as one principal, and knows what is theirs by the words of the guide."""

    def __init__(self, principal: Principal, store: Store, written: list[Entry]) -> None:
        self._transport = httpx.ASGITransport(viewer(store, principal))
        tenants, applications = principal.tenants, principal.applications
        inside = [
            entry
            for entry in written
            if (tenants is ALL or (entry.tenant is not None and entry.tenant in tenants))
            and (applications is ALL or (entry.application is not None and entry.application in applications))
        ]
        self.own = {entry.id for entry in inside if entry.kind != "audit"}
        self.audit = {entry.id for entry in inside if entry.kind == "audit" and principal.may("audit")}

    async def get(self, path: str, pairs: Pairs) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://localhost") as client:
            return await client.get(path, params=pairs)  # type: ignore[arg-type]

    async def all(self, pairs: Pairs, *, cursor: int | None = None, order: str = "desc", limit: int = 50) -> set[str]:
        """Return what all pages show, each once; nothing where the question itself is refused."""
        found: list[str] = []
        while True:
            page: Pairs = [("order", order), ("limit", str(limit))]
            page += [] if cursor is None else [("cursor", str(cursor))]
            answer = await self.get("/api/entries", [*pairs, *page])
            if answer.status_code == 403:
                assert answer.json()["error"]["code"] == "outside_scope"
                return set()
            data = answer.raise_for_status().json()
            found += [item["id"] for item in data["items"]]
            cursor = data["next_cursor"]
            if not data["has_more"]:
                assert len(found) == len(set(found))
                return set(found)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_all_that_a_reader_can_get_is_exactly_theirs(log: Log, data: st.DataObject) -> None:
    """A filter and its opposite, and both sides of a cursor, make up the whole; figures and files count the same."""
    tenants, applications = data.draw(names, "tenants"), data.draw(names, "applications")
    reader = Reader(Principal("ana", role=data.draw(roles), tenants=tenants, applications=applications), *log)
    given = data.draw(st.lists(filters, max_size=3), "filters")
    one = data.draw(filters.filter(lambda pair: pair[0] not in ("q", "kind") and pair[1] != ""), "filter")
    limit, cursor = data.draw(st.sampled_from([1, 7, 50, 500]), "limit"), data.draw(st.integers(0, COUNT + 5), "cursor")
    anyio.run(check, reader, given, one, limit, cursor)


async def check(reader: Reader, given: Pairs, one: tuple[str, str], limit: int, cursor: int) -> None:
    found = await reader.all(given, limit=limit)
    asks_for_audit = ("kind", "audit") in given
    assert found <= reader.own | (reader.audit if asks_for_audit else set())
    with_it, without = await reader.all([one], limit=500), await reader.all([(f"not.{one[0]}", one[1])], limit=500)
    assert with_it | without == reader.own
    assert not with_it & without
    below, above = await reader.all([], cursor=cursor + 1), reader.own
    assert below <= above
    if cursor <= COUNT:
        assert below | await reader.all([], cursor=cursor, order="asc") == reader.own
    await check_figures(reader, given, found)


async def check_figures(reader: Reader, given: Pairs, found: set[str]) -> None:
    stats = await reader.get("/api/stats", given)
    if stats.status_code == 403:
        return
    figures = stats.raise_for_status().json()
    assert figures["success"] + figures["error"] == len(found)
    facets = (await reader.get("/api/facets", [*given, ("field", "kind")])).raise_for_status().json()
    assert sum(value["count"] for value in facets["fields"]["kind"]["values"]) == len(found)
    export = await reader.get("/api/export.ndjson", given)
    assert export.status_code in (200, 403)
    if export.is_success:
        assert {line["id"] for line in map(read_line, export.text.splitlines()) if "id" in line} == found


def read_line(line: str) -> dict[str, Any]:
    """Return a line of an export."""
    return dict(httpx.Response(200, text=line).json())
