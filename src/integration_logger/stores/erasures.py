"""Erasing on somebody's request, so that what is on its way to the store does not bring it back.

Entries that wait in a spool, perhaps of another machine, match as well and arrive later. So an erasure is remembered
in State for some days, and who keeps the store to its retention rules carries it out again on what has come since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from integration_logger.errors import QueryError
from integration_logger.ids import new_id
from integration_logger.query import ALL, Query, Scope
from integration_logger.stores.base import Purged, Store
from integration_logger.stores.integration_health import forget_tenants

REMEMBERED: Final = timedelta(days=7)
"""How long an erasure holds for what arrives late."""
AGAIN: Final = 50
"""It is done again after so many parts of its age: each minute at first, every 29 minutes on the second day."""
_PREFIX: Final = "erasure/"
_PAGING: Final = ("limit", "cursor", "order")


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has had erased."""

    at: datetime
    """Entries that begin later stay."""
    done_at: datetime
    above: int
    """The ``seq`` up to which it was done then."""
    params: tuple[tuple[str, str], ...]
    tenants: tuple[str, ...] | None
    """None: all."""
    applications: tuple[str, ...] | None

    def asked(self) -> Query:
        """Return what was to be erased."""
        return Query.parse(self.params, Scope(tenants=_names(self.tenants), applications=_names(self.applications)))

    def query(self) -> Query:
        """Return what to erase of what has come since."""
        query = self.asked()
        return msgspec.structs.replace(query, till=min(query.till or self.at, self.at))


def _names(names: tuple[str, ...] | None) -> Any:
    return ALL if names is None else frozenset(names)


def _listed(names: Any) -> tuple[str, ...] | None:
    return tuple(sorted(names)) if isinstance(names, frozenset) else None


def read_erasure(filters: Mapping[str, object], scope: Scope) -> Query:
    """Return what the filters choose to be erased; raises ``QueryError`` for what could mean more than was meant.

    That is no filter at all, one without a value, and filters that only say what to leave.
    """
    scope = msgspec.structs.replace(scope, audit=False)
    query = Query.parse([pair for name, value in filters.items() for pair in _pairs(name, value)], scope)
    if query.wants_audit:
        raise QueryError("kind", "audit entries are not erased")
    if not query.text and all(condition.negated for condition in query.conditions):
        raise QueryError("filters", "are missing: say what is to be erased, such as a tenant or a user_id")
    return query


def _pairs(name: str, value: object) -> Iterator[tuple[str, str]]:
    if name in _PAGING:
        raise QueryError(name, "is not a filter")
    values = [*value] if isinstance(value, list | tuple | set | frozenset) else [value]
    if not values:
        raise QueryError(name, "has no value: nothing was erased")
    for one in values:
        text = _text(name, one)
        if text.encode("utf-8", "replace").decode() != text:
            raise QueryError(name, "takes text: nothing was erased")
        # a value that was left empty by mistake must not widen what goes
        if not text.strip() or (name == "q" and '""' in text):
            raise QueryError(name, "has an empty value: nothing was erased")
        yield name, text


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str | int | float):
        return str(value)
    raise QueryError(name, f"takes text or a list of texts, not {type(value).__name__}: nothing was erased")


def erase(store: Store, query: Query, *, dry_run: bool = False) -> Purged:
    """Delete what matches and see to it that what arrives late goes, too; with ``dry_run`` only count it."""
    if dry_run:
        return store.erase(query, dry_run=True)
    now, key = datetime.now(UTC), f"{_PREFIX}{new_id()}"
    erasure = Erasure(
        at=now,
        done_at=now,
        above=0,
        params=(*query.params(),),
        tenants=_listed(query.scope.tenants),
        applications=_listed(query.scope.applications),
    )
    _note(store, key, erasure)  # first: if this process dies over it, another one does it
    newest = store.info().newest_seq
    erased = store.erase(query)
    forget_tenants(store.state, query)
    _note(store, key, msgspec.structs.replace(erasure, above=newest))
    return erased


def repeat_erasures(store: Store) -> int:
    """Delete what has arrived since it was asked to be erased; return how many entries that were."""
    erased, now = 0, datetime.now(UTC)
    for key, found in store.state.list(_PREFIX).items():
        erasure = msgspec.json.decode(found, type=Erasure)
        if now - erasure.at > REMEMBERED:
            store.state.delete(key)
        elif now - erasure.done_at >= (now - erasure.at) / AGAIN:
            newest = store.info().newest_seq
            erased += store.erase(erasure.query(), above=erasure.above).entries
            forget_tenants(store.state, erasure.asked(), before=erasure.at)
            _note(store, key, msgspec.structs.replace(erasure, done_at=now, above=newest))
    return erased


def _note(store: Store, key: str, erasure: Erasure) -> None:
    store.state.put(key, msgspec.json.encode(erasure))
