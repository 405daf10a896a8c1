"""What belongs to an entry: what it was made in, its attempts, and what was made in it.

Every question is asked within the reader's scope, so that the kin of an entry may be theirs to see in part only.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

import msgspec

from integration_logger.entry import Entry
from integration_logger.filters import Condition
from integration_logger.query import Query, Scope
from integration_logger.stores.base import Store, without_payload

MOST: Final = 100
"""Entries that are shown of one family, the newest of each generation."""
DEEPEST: Final = 8
"""Generations, upward and downward."""
SECONDS: Final = 1.0
"""After that no further generation is looked for."""


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """The next of kin of one entry."""

    parent: Entry | None
    attempts: tuple[Entry, ...]
    """All attempts of the call in order, the entry itself among them."""
    children: tuple[Entry, ...]
    has_more: bool
    """There are more attempts or children than these."""


class Node(msgspec.Struct, frozen=True):
    """An entry and how deep in the family it stands, from 0."""

    entry: Entry
    depth: int


class Tree(msgspec.Struct, frozen=True):
    """A family: each entry after the one that it was made in, attempts of one call beside each other."""

    nodes: tuple[Node, ...]
    has_more: bool


def related(store: Store, entry: Entry, scope: Scope) -> Related:
    """Return the next of kin."""
    parent = store.get(entry.parent_id, scope) if entry.parent_id else None
    attempts, more_attempts = _attempts(store, entry, scope)
    children, more_children = _search(store, scope, "parent_id", [entry.id], MOST)
    return Related(
        parent=parent and without_payload(parent),
        attempts=tuple(_in_order(attempts)),
        children=tuple(_in_order(children)),
        has_more=more_attempts or more_children,
    )


def tree(store: Store, entry: Entry, scope: Scope) -> Tree:
    """Return the whole family, from the outermost entry that the reader may see."""
    path = _path(store, entry, scope)
    family = _Family(store, scope, path)
    family.gather()
    return Tree(tuple(family.nodes()), family.has_more)


def _path(store: Store, entry: Entry, scope: Scope) -> list[Entry]:
    """Return what the entry was made in, the outermost first, and the entry itself."""
    path = [without_payload(entry)]
    while (above := path[0].parent_id) and len(path) < DEEPEST and above not in {one.id for one in path}:
        parent = store.get(above, scope)
        if parent is None:
            break
        path.insert(0, without_payload(parent))
    return path


class _Family:
    """Gathers the nearest kin first, then one generation after the other from the top, with one question for each."""

    def __init__(self, store: Store, scope: Scope, path: list[Entry]) -> None:
        self._store = store
        self._scope = scope
        self._path = path
        self._found: dict[str, Entry] = {entry.id: entry for entry in path}
        self._roots: set[str] = set()
        self._asked: set[str] = set()
        self.has_more = False

    def gather(self) -> None:
        self._look_for_children({self._path[-1].id}, MOST // 2)
        attempts, more = _attempts(self._store, self._path[0], self._scope, MOST // 2)
        self.has_more |= more
        self._add(attempts)
        self._roots = {entry.id for entry in attempts}
        self._descend(time.monotonic() + SECONDS)

    def _descend(self, deadline: float) -> None:
        generation = seen = self._roots
        for _ in range(len(self._path) + DEEPEST):
            if unasked := generation - self._asked:
                if len(self._found) >= MOST or time.monotonic() > deadline:
                    break
                self._look_for_children(unasked, MOST - len(self._found))
            generation = {id for id, entry in self._found.items() if entry.parent_id in generation} - seen
            if not generation:
                return
            seen = seen | generation
        self.has_more = True

    def _look_for_children(self, parents: Collection[str], limit: int) -> None:
        self._asked.update(parents)
        found, more = _search(self._store, self._scope, "parent_id", parents, limit)
        self.has_more |= more
        self._add(found)

    def _add(self, entries: Iterable[Entry]) -> None:
        self._found.update((entry.id, entry) for entry in entries)

    def nodes(self) -> list[Node]:
        children: dict[str | None, list[Entry]] = {}
        for entry in self._found.values():
            children.setdefault(None if entry.id in self._roots else entry.parent_id, []).append(entry)
        nodes: list[Node] = []

        def place(parent: str | None, depth: int) -> None:
            for entry in _in_order(children.pop(parent, [])):
                nodes.append(Node(entry, depth))
                place(entry.id, depth + 1)

        place(None, 0)
        return nodes


def _attempts(store: Store, entry: Entry, scope: Scope, limit: int = MOST) -> tuple[list[Entry], bool]:
    found, more = _search(store, scope, "transaction_id", [entry.transaction_id], limit)
    if all(one.id != entry.id for one in found):
        found.append(without_payload(entry))
    return found, more


def _search(store: Store, scope: Scope, field: str, values: Collection[str], limit: int) -> tuple[list[Entry], bool]:
    """Return the newest entries with one of the values, open ones too, and whether there are more."""
    query = Query(scope=scope, conditions=(Condition(field, tuple(values)),), limit=limit)
    page = store.search(query)
    found = [*page.in_flight, *page.entries]
    return found[:limit], page.has_more or len(found) > limit


def _in_order(entries: Collection[Entry]) -> list[Entry]:
    """Return entries by time, the attempts of a call where its first one is."""
    begun: dict[str, datetime] = {}
    for entry in sorted(entries, key=lambda entry: entry.started_at):
        begun.setdefault(entry.transaction_id, entry.started_at)
    return sorted(entries, key=lambda e: (begun[e.transaction_id], e.transaction_id, e.attempt, e.started_at, e.id))
