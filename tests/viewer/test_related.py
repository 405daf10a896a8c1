"""What belongs together is shown together, and nothing that the reader may not see is among it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from integration_logger.entry import Entry, InFlight
from integration_logger.ids import new_id
from integration_logger.query import ALL, EVERYTHING, Scope
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal
from integration_logger.viewer.related import MOST, related, tree
from tests.viewer.server import Client, new_entry, viewer

BEGAN = datetime.now(UTC)


def made(parent: Entry | None = None, *, after: float = 0.0, of: Entry | None = None, **fields: Any) -> Entry:
    """Return an entry that was made in another, so many seconds after the beginning, as the next attempt of one."""
    id = new_id()
    fields = {"kind": "outbound", "tenant": "acme", "status_code": 200} | fields
    return new_entry(
        id=id,
        started_at=BEGAN + timedelta(seconds=after),
        parent_id=parent and parent.id,
        transaction_id=of.transaction_id if of else id,
        attempt=of.attempt + 1 if of else 1,
        **fields,
    )


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    store = open_store("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/log.db")
    store.open()
    yield store
    store.close()


class Family:
    """A call that makes two others: one is tried three times, the other leads to a call to ourselves."""

    def __init__(self, **fields: Any) -> None:
        self.inbound = made(kind="inbound", duration=0.9, **fields)
        self.first = made(self.inbound, after=0.1, status_code=503, **fields)
        self.unreachable = made(self.inbound, after=0.15, status_code=None, error_type="connect", **fields)
        self.second = made(self.inbound, after=0.2, of=self.first, status_code=503, **fields)
        self.third = made(self.inbound, after=0.3, of=self.second, **fields)
        self.mounted = made(self.third, after=0.35, kind="inbound", **fields)

    @property
    def entries(self) -> list[Entry]:
        """The family as it is shown."""
        return [self.inbound, self.first, self.second, self.third, self.mounted, self.unreachable]


def shown(store: Store, entry: Entry, scope: Scope = EVERYTHING) -> list[tuple[str, int]]:
    return [(node.entry.id, node.depth) for node in tree(store, entry, scope).nodes]


def test_a_family_is_one_tree_whoever_of_it_is_chosen(store: Store) -> None:
    """From every member the same tree is found: attempts beside each other, each entry below the one around it."""
    family = Family()
    store.write([*reversed(family.entries), made(), *Family().entries])
    expected = [*zip([entry.id for entry in family.entries], [0, 1, 1, 1, 2, 1], strict=True)]
    for entry in family.entries:
        assert shown(store, entry) == expected
        assert not tree(store, entry, EVERYTHING).has_more


def test_next_of_kin(store: Store) -> None:
    """The API tells parent, attempts and children of one entry."""
    family = Family()
    store.write(family.entries)
    browser = Client(viewer(store))  # type: ignore[arg-type]
    data = browser.get(f"/api/entries/{family.third.id}/related").json()
    assert data["parent"] == browser.get("/api/entries").json()["items"][-1]
    assert [item["attempt"] for item in data["attempts"]] == [1, 2, 3]
    assert [item["id"] for item in data["children"]] == [family.mounted.id]
    assert data["has_more"] is False
    data = browser.get(f"/api/entries/{family.inbound.id}/related").json()
    assert data["parent"] is None
    assert [item["id"] for item in data["attempts"]] == [family.inbound.id]
    assert [item["id"] for item in data["children"]] == [
        e.id for e in family.entries if e.parent_id == data["attempts"][0]["id"]
    ]
    assert browser.get(f"/api/entries/{new_id()}/related").status_code == 404


def test_open_calls_belong_to_it(store: Store) -> None:
    """What has not ended yet is in the tree of what it was made in."""
    parent = made(status="processing", duration=None)
    child = made(parent, status="processing", duration=None)
    store.write([], in_flight=[InFlight(owner=new_id(), entry=entry) for entry in (parent, child)])
    assert shown(store, child) == [(parent.id, 0), (child.id, 1)]
    assert related(store, child, EVERYTHING).parent is not None


@pytest.mark.parametrize("limits", [{"tenants": ["acme"]}, {"tenants": ALL, "applications": ["shop"]}])
def test_kin_outside_of_the_scope_is_not_there(store: Store, limits: dict[str, Any]) -> None:
    """A reader never sees a foreign parent, attempt or child, and the tree begins where their scope does."""
    ours: dict[str, Any] = {"tenant": "acme", "application": "shop"}
    foreign: list[dict[str, Any]] = [{"tenant": "globex", "application": "bot"}, {"tenant": None, "application": None}]
    scope = Principal("bo", role="supervisor", **limits).scope
    for other in foreign:
        above = made(**other)
        entry = made(above, **ours)
        child, foreign_child = made(entry, after=0.1, **ours), made(entry, after=0.1, **other)
        below = made(foreign_child, **ours)
        retried = made(above, of=entry, **other)
        store.write([above, entry, child, foreign_child, below, retried])
        assert shown(store, entry, scope) == [(entry.id, 0), (child.id, 1)]
        found = related(store, entry, scope)
        assert (found.parent, found.attempts, [e.id for e in found.children]) == (None, found.attempts, [child.id])
        assert [e.id for e in found.attempts] == [entry.id]
        assert {id for id, _ in shown(store, entry)} == {
            e.id for e in (above, entry, child, foreign_child, below, retried)
        }


def test_audit_entries_belong_to_no_call(store: Store) -> None:
    """What was done in the log browser is not shown among the calls, not even to those who may see it."""
    parent = made()
    store.write([parent, made(parent, kind="audit")])
    assert shown(store, parent) == [(parent.id, 0)]


def test_a_large_family_is_bounded_and_shows_who_was_chosen(store: Store) -> None:
    """Of very many children the newest are shown; the chosen one, what it was made in, and its children always are."""
    run = made(kind="run")
    children = [made(run, after=number / 100) for number in range(3 * MOST)]
    oldest = children[0]
    below = made(oldest, after=9)
    store.write([run, *children, below])
    found = tree(store, oldest, EVERYTHING)
    ids = [node.entry.id for node in found.nodes]
    assert found.has_more
    assert len(ids) <= 2 * MOST
    assert ids[:3] == [run.id, oldest.id, below.id]
    assert children[-1].id in ids
    assert len(related(store, run, EVERYTHING).children) == MOST
    assert related(store, run, EVERYTHING).has_more


def test_entries_that_are_in_one_another_are_shown_once(store: Store) -> None:
    """A circle, which only a forged id can make, and a chain without end do no harm."""
    one, other = made(), made()
    one = msgspec.structs.replace(one, parent_id=other.id)
    other = msgspec.structs.replace(other, parent_id=one.id)
    itself = made()
    itself = msgspec.structs.replace(itself, parent_id=itself.id)
    chain = [made()]
    for number in range(40):
        chain.append(made(chain[-1], after=number))
    store.write([one, other, itself, *chain])
    assert {id for id, _ in shown(store, one)} == {one.id, other.id}
    assert len(shown(store, one)) == 2
    assert shown(store, itself) == [(itself.id, 0)]
    assert chain[20].id in {id for id, _ in shown(store, chain[20])}
    assert tree(store, chain[20], EVERYTHING).has_more


def test_a_parent_that_is_gone_is_passed_over() -> None:
    """What was purged is no root any more: the tree begins below it."""
    store = MemoryStore()
    entry = made(made())
    store.write([entry])
    assert shown(store, entry) == [(entry.id, 0)]
    assert related(store, entry, EVERYTHING).parent is None
