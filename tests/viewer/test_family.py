"""A family of entries that crosses tenants, because an attacker has set ``traceparent`` or an id of another's."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from integration_logger.entry import Entry
from integration_logger.ids import new_id
from integration_logger.query import ALL
from integration_logger.stores import open_store
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal
from tests.viewer.server import Client, new_entry, viewer

ATTACKER, VICTIM = "globex", "acme"


@pytest.fixture
def family() -> tuple[MemoryStore, dict[str, Entry]]:
    """Return a log in which the attacker's entries claim the victim's trace, transaction and parent."""
    trace = new_id().replace("-", "")
    victims = new_entry(
        tenant=VICTIM, trace_id=trace, operation="at-victim", url="https://victim.example/at-victim", route="/at-victim"
    )
    child = new_entry(
        tenant=VICTIM,
        trace_id=trace,
        parent_id=victims.id,
        operation="at-child",
        url="https://child.example/at-child",
        route="/at-child",
    )
    forged = new_entry(
        tenant=ATTACKER, trace_id=trace, parent_id=victims.id, transaction_id=victims.transaction_id, attempt=2,
        operation="at-forged", url="https://forged.example/at-forged", route="/at-forged",
    )  # fmt: skip
    below = new_entry(
        tenant=VICTIM,
        trace_id=trace,
        parent_id=forged.id,
        operation="at-below",
        url="https://below.example/at-below",
        route="/at-below",
    )
    own = new_entry(
        tenant=ATTACKER,
        trace_id=trace,
        parent_id=forged.id,
        operation="at-own",
        url="https://own.example/at-own",
        route="/at-own",
    )
    entries = {"victim": victims, "child": child, "forged": forged, "below": below, "own": own}
    store = MemoryStore()
    store.write([*entries.values()])
    return store, entries


SEEN = {
    VICTIM: {"victim": {"victim", "child"}, "child": {"victim", "child"}, "below": {"below"}},
    ATTACKER: {"forged": {"forged", "own"}, "own": {"forged", "own"}},
}
"""What each side sees of the family, from each entry of its own."""


@pytest.mark.parametrize("tenant", SEEN)
def test_each_side_sees_its_own_part_only(family: tuple[MemoryStore, dict[str, Entry]], tenant: str) -> None:
    """Pane, page and API show nothing of the other side: not its entries, not its ids, not that there is something."""
    store, entries = family
    client = Client(viewer(store, Principal("ana", role="owner", tenants=[tenant])))
    foreign = [f"at-{name}" for name, entry in entries.items() if entry.tenant != tenant]
    for name, seen in SEEN[tenant].items():
        id = entries[name].id
        related = client.get(f"/api/entries/{id}/related").json()
        found = [related["parent"], *related["attempts"], *related["children"]]
        assert {item["operation"] for item in found if item} <= {f"at-{one}" for one in seen}
        for path in (f"/entries/{id}", f"/?entry={id}&range=all", f"/?entry={id}&part=pane"):
            text = client.get(path).text
            pane = text[text.index("<article") : text.index("</article")]
            assert [mark for mark in foreign if mark in text] == []
            assert [one for one in seen if f"at-{one}" not in pane] == []
    for name in set(entries) - {name for name, entry in entries.items() if entry.tenant == tenant}:
        assert client.get(f"/api/entries/{entries[name].id}/related").status_code == 404


@pytest.mark.parametrize("field", ["trace_id", "transaction_id", "parent_id"])
def test_a_shared_id_finds_ones_own_only(family: tuple[MemoryStore, dict[str, Entry]], field: str) -> None:
    """Filters by an id that another side carries, too; staff who see all see both sides."""
    store, entries = family
    value = str(getattr(entries["forged"], field))
    for tenants in ([VICTIM], [ATTACKER], ALL):
        client = Client(viewer(store, Principal("ana", role="owner", tenants=tenants)))
        expected = {
            entry.id
            for entry in entries.values()
            if getattr(entry, field) == value and (tenants is ALL or entry.tenant in tenants)
        }
        assert {item["id"] for item in client.get(f"/api/entries?{field}={value}").json()["items"]} == expected


def test_a_foreign_id_costs_what_an_unknown_one_does(tmp_path: Path) -> None:
    """How long a refusal takes tells nothing: the same statements are asked of the database, and find as little."""
    store = open_store(f"sqlite:///{tmp_path}/log.db")
    foreign, unknown = new_entry(tenant=VICTIM), new_id()
    store.write([foreign, new_entry(tenant=ATTACKER)])
    app = viewer(store, Principal("ana", role="owner", tenants=[ATTACKER]))
    client, asked = Client(app), list[tuple[str, int]]()

    def ask(path: str) -> tuple[int, list[tuple[str, int]], str]:
        asked.clear()
        answer = client.get(path)
        return answer.status_code, [*asked], answer.text

    def note(*given: object) -> None:
        asked.append((str(given[2]), len(str(given[3]))))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        paths = [row.path.replace("{format}", "ndjson") for row in app.routes if "{id}" in row.path]
        assert len(paths) >= 7
        ask("/")  # opens the store
        for path in paths:
            for_unknown, for_foreign = (ask(path.replace("{id}", id)) for id in (unknown, foreign.id))
            assert for_unknown[:2] == for_foreign[:2]
            assert for_unknown[2].replace(unknown, foreign.id) == for_foreign[2]
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        store.close()
