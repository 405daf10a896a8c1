"""What a reader asks of the log: a Scope that bounds what may be seen, and a Query within it.

One Query serves the browser, the API, exports, the live tail and the command line. It has two
spellings: parameters (``status_code=5xx&not.method=GET``) and the text of the search box
(``status:5xx -method:GET duration:>1s "needs text"``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

import msgspec

from integration_logger.entry import KINDS, STATUSES, Entry
from integration_logger.errors import QueryError, ScopeError

MAX_LIMIT = 500
DEFAULT_LIMIT = 50

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
        return (
            _member(entry.tenant, self.tenants)
            and _member(entry.application, self.applications)
            and (self.audit or entry.kind != "audit")
        )


def _member(name: str | None, names: Names) -> bool:
    return isinstance(names, All) or (name is not None and name in names)


EVERYTHING: Final = Scope(tenants=ALL, applications=ALL, audit=True)
"""The scope of the operator's own tools, never of a reader who came over HTTP."""


class Condition(msgspec.Struct, frozen=True):
    """One filter: the field has one of the values, or, negated, none of them (null included)."""

    field: str
    values: tuple[str, ...]
    negated: bool = False


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
            and all(_holds(c, entry) for c in self.conditions)
            and self._text_matches(entry)
            and (entry.kind != "audit" or self.wants_audit)
        )

    @property
    def wants_audit(self) -> bool:
        """True where the query asks for audit entries by name; otherwise they are left out."""
        return any(c.field == "kind" and not c.negated and "audit" in c.values for c in self.conditions)

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


def _holds(condition: Condition, entry: Entry) -> bool:
    test = FIELDS[field_kind(condition.field)].test
    return any(test(entry, condition.field, value) for value in condition.values) != condition.negated


# --- the fields -----------------------------------------------------------------------------------


class FieldType(msgspec.Struct, frozen=True):
    """How the values of a filter are read and compared."""

    check: Callable[[str], str | None]
    """Returns what is wrong with a value, or None."""
    test: Callable[[Entry, str, str], bool]


def _check_status_code(value: str) -> str | None:
    fits = value == "none" or re.fullmatch(r"[1-9](xx|\d\d)", value)
    return None if fits else "takes a code such as 404, a class such as 5xx, or none"


def _check_seconds(value: str) -> str | None:
    return None if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) else "takes a number of seconds"


def _one_of(*words: str) -> Callable[[str], str | None]:
    return lambda value: None if value in words else f"takes {', '.join(words)}"


def _test_status_code(entry: Entry, _: str, value: str) -> bool:
    code = entry.status_code
    if value == "none":
        return code is None and entry.status != "processing"
    if value.endswith("xx"):
        return code is not None and code // 100 == int(value[0])
    return code == int(value)


def _test_label(entry: Entry, field: str, value: str) -> bool:
    found = entry.labels.get(field.removeprefix("label."))
    return found == value or (isinstance(found, list) and value in found)


def _test_column(entry: Entry, field: str, value: str) -> bool:
    found: Any = getattr(entry, field)
    return bool(found == value)


def _any(_: str) -> str | None:
    return None


FIELDS: Final[dict[str, FieldType]] = {
    "kind": FieldType(_one_of(*KINDS), _test_column),
    "status": FieldType(_one_of(*STATUSES), _test_column),
    "outcome": FieldType(_one_of("success", "error"), _test_column),
    "has_errors": FieldType(_one_of("true", "false"), lambda e, _, v: e.has_errors == (v == "true")),
    "status_code": FieldType(_check_status_code, _test_status_code),
    "min_duration": FieldType(_check_seconds, lambda e, _, v: e.duration is not None and e.duration >= float(v)),
    "max_duration": FieldType(_check_seconds, lambda e, _, v: e.duration is not None and e.duration <= float(v)),
    "label": FieldType(_any, _test_label),
    "text": FieldType(_any, _test_column),
}

TEXT_FIELDS: Final = (
    "method", "tenant", "application", "integration", "operation", "log_type", "user_id",
    "host", "route", "error_type", "parent_id", "transaction_id", "trace_id",
)  # fmt: skip
"""Filters that compare a column with the given text, exactly."""

FILTERS: Final = (*(f for f in FIELDS if f not in ("label", "text")), *TEXT_FIELDS)
"""Every filter by name; ``label.NAME`` comes on top."""

_SINGLE: Final = ("since", "till", "limit", "cursor", "order")


def field_kind(field: str) -> str:
    """Return the key in ``FIELDS`` that says how a filter compares."""
    if field in FIELDS:
        return field
    return "label" if field.startswith("label.") else "text"


# --- reading ----------------------------------------------------------------------------------------


class _Parser:
    """Collects parameters into the parts of a Query."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.conditions: dict[tuple[str, bool], list[str]] = {}
        self.words: dict[bool, list[str]] = {False: [], True: []}
        self.single: dict[str, Any] = {}

    def parse(self, params: Iterable[tuple[str, str]]) -> Query:
        for name, value in params:
            if name == "q":
                self._search_text(value)
            elif name in _SINGLE:
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
        self.single[name] = _READERS[name](name, value)

    def _filter(self, name: str, value: str) -> None:
        field = name.removeprefix("not.")
        negated = field != name
        if field not in FILTERS and not re.fullmatch(r"label\..{1,200}", field):
            raise QueryError(name, "is not a filter")
        if wrong := FIELDS[field_kind(field)].check(value):
            raise QueryError(name, wrong)
        if not negated:
            self._within_scope(field, value)
        self.conditions.setdefault((field, negated), []).append(value)

    def _within_scope(self, field: str, value: str) -> None:
        names = {"tenant": self.scope.tenants, "application": self.scope.applications}.get(field, ALL)
        if value not in names:
            raise ScopeError(field, f"{value!r} is outside what you may see")

    def _search_text(self, text: str) -> None:
        for negated, field, value in split_terms(text):
            if field is None:
                self.words[negated].append(value)
            else:
                for name, wanted in _text_filter(field, value):
                    if name in ("since", "till") and not negated:
                        self._set(name, wanted)
                    else:
                        self._filter(f"not.{name}" if negated else name, wanted)


_TERM = re.compile(r"""(-?)(?:([A-Za-z_][\w.]*(?:\.[^\s:"]+)?):)?(?:"((?:[^"\\]|\\.)*)"|(\S+))""")


def split_terms(text: str) -> list[tuple[bool, str | None, str]]:
    """Split the text of the search box into (negated, field or None, value); unknown fields are plain words."""
    found: list[tuple[bool, str | None, str]] = []
    for minus, field, quoted, bare in _TERM.findall(text):
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
        if field and not _is_text_field(field):
            found.append((bool(minus), None, f"{field}:{value}"))
        elif value:
            found.append((bool(minus), field or None, value))
    return found


def quote_term(value: str) -> str:
    """Return the word as the search box takes it back: quoted where it holds blanks, colons or a minus."""
    if re.fullmatch(r"[^\s\":\\-][^\s\":\\]*", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_ALIASES: Final = {"code": "status_code", "user": "user_id", "trace": "trace_id", "error": "error_type"}


def _is_text_field(field: str) -> bool:
    return field in FILTERS or field in _ALIASES or field in ("duration", "since", "till") or field.startswith("label.")


def _text_filter(field: str, value: str) -> list[tuple[str, str]]:
    """Translate one ``field:value`` of the search box into parameters."""
    if field == "duration":
        return [_duration(value)]
    if field == "status" and value not in STATUSES:
        return [("outcome" if value in ("success", "error") else "status_code", value)]
    return [(_ALIASES.get(field, field), value)]


def _duration(value: str) -> tuple[str, str]:
    match = re.fullmatch(r"([<>])=?(\d{1,9}(?:\.\d{1,9})?)(ms|s|m)?", value)
    if not match:
        raise QueryError("duration", "takes a bound such as >1s or <250ms")
    unit = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}[match[3]]
    seconds = f"{float(match[2]) * unit:.9f}".rstrip("0").rstrip(".")
    return ("min_duration" if match[1] == ">" else "max_duration"), seconds


def _read_time(name: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise QueryError(name, "takes an ISO 8601 time such as 2026-11-21T08:30:00Z") from None


def _read_integer(lowest: int, highest: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,19}", value) or not lowest <= int(value) <= highest:
            raise QueryError(name, f"takes a whole number from {lowest} to {highest}")
        return int(value)

    return read


def _read_order(name: str, value: str) -> str:
    if value not in ("desc", "asc"):
        raise QueryError(name, "takes desc or asc")
    return value


_READERS: Final[dict[str, Callable[[str, str], Any]]] = {
    "since": _read_time,
    "till": _read_time,
    "limit": _read_integer(1, MAX_LIMIT),
    "cursor": _read_integer(0, 2**63 - 1),
    "order": _read_order,
}


def field_values(entry: Entry, field: str) -> tuple[str, ...]:
    """Return the values of a filter that find this entry, as facets count them; empty where it has none."""
    if field == "status_code" and entry.status_code is None and entry.status != "processing":
        return ("none",)
    found = entry.labels.get(field.removeprefix("label.")) if field_kind(field) == "label" else getattr(entry, field)
    if isinstance(found, list):
        return tuple(dict.fromkeys(found))
    if isinstance(found, bool):
        return ("true" if found else "false",)
    return () if found is None else (str(found),)


def has_values(query: Query, field: str) -> Sequence[str]:
    """Return the values that the query admits for a field; empty where it does not filter by it."""
    return next((c.values for c in query.conditions if c.field == field and not c.negated), ())
