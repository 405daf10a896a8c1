"""What a reader asks of the log: a Scope that bounds what may be seen, and a Query within it.

One Query serves the browser, the API, exports, the live tail and the command line. It has two
spellings: parameters (``status_code=5xx&not.method=GET``) and the text of the search box
(``status:5xx -method:GET duration:>1s "needs text"``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, Literal, Self

import msgspec

from integration_logger.entry import Entry
from integration_logger.errors import QueryError, ScopeError
from integration_logger.filters import FIELDS, FILTERS, TEXT, Condition, field_kind
from integration_logger.query_text import filters_of, quote_term, split_terms
from integration_logger.values import MOMENT, Value, one_of, read_time, whole

MAX_LIMIT = 500
DEFAULT_LIMIT = 50
MAX_FILTERS = 100
"""Values of all filters and words of a query; databases refuse conditions without end."""

Order = Literal["desc", "asc"]


class All:
    """The type of ``ALL``: every tenant, or every application, those without a name included."""

    _instance: All | None = None

    def __new__(cls) -> Self:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance  # type: ignore[return-value]

    def __repr__(self) -> str:
        return "ALL"

    def __contains__(self, _: object) -> bool:
        return True


ALL: Final = All()

Names = All | frozenset[str]


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader may see. Entries without a tenant or application lie outside every limited scope."""

    tenants: Names
    applications: Names
    audit: bool = False
    """Audit entries are shown, and only they are, to queries of kind ``audit``."""

    def admits(self, entry: Entry) -> bool:
        """Tell whether the entry may be seen."""
        return self.covers(entry.tenant, entry.application) and (self.audit or entry.kind != "audit")

    def covers(self, tenant: str | None, application: str | None) -> bool:
        """Tell whether what belongs to a tenant and an application may be seen."""
        return _member(tenant, self.tenants) and _member(application, self.applications)


def _member(name: str | None, names: Names) -> bool:
    return isinstance(names, All) or (name is not None and name in names)


EVERYTHING: Final = Scope(tenants=ALL, applications=ALL, audit=True)
"""The scope of the operator's own tools, never of a reader who came over HTTP."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the store: filters are combined with *and*, the values of one with *or*.

    ``since`` is inclusive, ``till`` exclusive, both on ``started_at``. ``cursor`` is a ``seq``: the page
    continues below it (``desc``) or above it (``asc``).
    """

    scope: Scope
    conditions: tuple[Condition, ...] = ()
    text: tuple[str, ...] = ()
    """Words that must all occur in the URL, the route, the operation, an error text or a label."""
    not_text: tuple[str, ...] = ()
    since: datetime | None = None
    till: datetime | None = None
    cursor: int | None = None
    limit: int = DEFAULT_LIMIT
    order: Order = "desc"

    @classmethod
    def parse(cls, params: Iterable[tuple[str, str]], scope: Scope) -> Query:
        """Build a query from URL parameters.

        Raises ``QueryError`` naming a parameter that is unknown, repeated where it may not be, or has
        a value that it does not take, and ``ScopeError`` where a filter asks for a foreign tenant.
        """
        return _Parser(scope).parse(params)

    def params(self) -> list[tuple[str, str]]:
        """Return the parameters that ``parse`` turns into this query; page, order and limit left out."""
        pairs = [(f"{'not.' if c.negated else ''}{c.field}", v) for c in self.conditions for v in c.values]
        terms = [quote_term(t) for t in self.text] + [f"-{quote_term(t)}" for t in self.not_text]
        if terms:
            pairs.append(("q", " ".join(terms)))
        pairs += [(n, t.isoformat().replace("+00:00", "Z")) for n in ("since", "till") if (t := getattr(self, n))]
        return pairs

    def matches(self, entry: Entry) -> bool:
        """Tell whether the entry answers this query; cursor, order and limit aside."""
        return (
            self.scope.admits(entry)
            and (self.since is None or entry.started_at >= self.since)
            and (self.till is None or entry.started_at < self.till)
            and all(condition.holds(entry) for condition in self.conditions)
            and self._text_matches(entry)
            and (entry.kind != "audit" or self.wants_audit)
        )

    @property
    def wants_audit(self) -> bool:
        """True where the query asks for audit entries by name; otherwise they are left out."""
        return any(c.field == "kind" and not c.negated and "audit" in c.values for c in self.conditions)

    @property
    def wants_in_flight(self) -> bool:
        """True where the query asks for calls that are still open by name."""
        return any(c.field == "status" and not c.negated and "processing" in c.values for c in self.conditions)

    def _text_matches(self, entry: Entry) -> bool:
        if not self.text and not self.not_text:
            return True
        haystack = searchable_text(entry)
        return all(t.lower() in haystack for t in self.text) and not any(t.lower() in haystack for t in self.not_text)


def searchable_text(entry: Entry) -> str:
    """Return the lower-cased text that free words of a query are looked for in; bodies are not in it."""
    labels = [v for value in entry.labels.values() for v in ([value] if isinstance(value, str) else value)]
    parts = [entry.id, entry.method, entry.url, entry.route, entry.operation, entry.integration]
    return "\n".join([p for p in parts if p] + list(entry.errors) + labels).lower()


# --- reading parameters ---------------------------------------------------------------------------

SINGLE: Final[dict[str, Value]] = {
    "since": MOMENT,
    "till": MOMENT,
    "limit": whole(1, MAX_LIMIT),
    "cursor": whole(0, 2**63 - 1),
    "order": one_of(["desc", "asc"]),
}
"""Parameters that may be given once; ``q`` takes the text of the search box."""
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "since": read_time, "till": read_time, "limit": int, "cursor": int, "order": str,
}  # fmt: skip
LABEL: Final = r"label\..{1,200}"
"""The form of a filter for a label."""


class _Parser:
    """Collects parameters into the parts of a Query."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.conditions: dict[tuple[str, bool], list[str]] = {}
        self.words: dict[bool, list[str]] = {False: [], True: []}
        self.single: dict[str, Any] = {}
        self.count = 0

    def parse(self, params: Iterable[tuple[str, str]]) -> Query:
        for name, value in params:
            if name == "q":
                self._search_text(value)
            elif name in SINGLE:
                self._set(name, value)
            elif value != "":
                self._filter(name, value)
        since, till = self.single.get("since"), self.single.get("till")
        if since and till and till <= since:
            raise QueryError("till", "must be later than since")
        return Query(
            scope=self.scope,
            conditions=tuple(Condition(f, tuple(v), negated=n) for (f, n), v in self.conditions.items()),
            text=tuple(self.words[False]),
            not_text=tuple(self.words[True]),
            **self.single,
        )

    def _set(self, name: str, value: str) -> None:
        if value == "":
            return
        if name in self.single:
            raise QueryError(name, "may be given once")
        if wrong := SINGLE[name].wrong(value):
            raise QueryError(name, wrong)
        self.single[name] = _READERS[name](value)

    def _filter(self, name: str, value: str) -> None:
        field = name.removeprefix("not.")
        negated = field != name
        if field not in FILTERS and not re.fullmatch(LABEL, field):
            raise QueryError(name, "is not a filter")
        if wrong := FIELDS[field_kind(field)].value.wrong(value):
            raise QueryError(name, wrong)
        if not negated:
            self._within_scope(field, value)
        self._bounded(name, value)
        self.conditions.setdefault((field, negated), []).append(value)

    def _bounded(self, name: str, value: str) -> None:
        self.count += 1
        if self.count > MAX_FILTERS:
            raise QueryError(name, f"is one too many: a query takes {MAX_FILTERS} values and words")
        if wrong := TEXT.wrong(value):
            raise QueryError(name, wrong)

    def _within_scope(self, field: str, value: str) -> None:
        names = {"tenant": self.scope.tenants, "application": self.scope.applications}.get(field, ALL)
        if value not in names:
            raise ScopeError(field, f"{value!r} is outside what you may see")

    def _search_text(self, text: str) -> None:
        for negated, field, value in split_terms(text):
            if field is None:
                self._bounded("q", value)
                self.words[negated].append(value)
            else:
                for name, wanted in filters_of(field, value):
                    if name in ("since", "till") and not negated:
                        self._set(name, wanted)
                    else:
                        self._filter(f"not.{name}" if negated else name, wanted)
