"""The address of a page holds its whole state: reading it, and writing the addresses that lead on from it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import msgspec

from integration_logger.errors import QueryError
from integration_logger.filters import Condition
from integration_logger.query import Query, Scope
from integration_logger.query_text import quote_term

RANGES = {
    "15m": ("Last 15 minutes", timedelta(minutes=15)),
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "all": ("Any time", None),
}
DEFAULT_RANGE = "24h"
TABS = ("overview", "request", "response", "tree")
PAGE_SIZE = 100
_TIMES = ("since", "till", "range")
_FIRST = datetime.min.replace(tzinfo=UTC)

Pairs = list[tuple[str, str]]


class PageState(msgspec.Struct, frozen=True, kw_only=True):
    """What a list page shows: a query, its range of time, and the entry in the pane."""

    query: Query
    range: str = DEFAULT_RANGE
    """A key of ``RANGES``, or ``custom`` where the address has its own bounds."""
    entry: str | None = None
    tab: str = "overview"
    part: str = ""
    """``pane`` or ``around`` where a script asks for that part of the page alone."""

    @classmethod
    def read(cls, params: Iterable[tuple[str, str]], scope: Scope, now: datetime | None = None) -> PageState:
        """Read the parameters of a page; raises as ``Query.parse`` does."""
        own: dict[str, str] = {}
        rest: Pairs = []
        for name, value in params:
            if name in ("range", "entry", "tab", "part"):
                own[name] = value
            else:
                rest.append((name, value))
        query = Query.parse(rest, scope)
        chosen = own.get("range") or DEFAULT_RANGE
        if chosen not in RANGES:
            raise QueryError("range", f"takes {', '.join(RANGES)}")
        if query.since or query.till:
            chosen = "custom"
        elif length := RANGES[chosen][1]:
            query = msgspec.structs.replace(query, since=_minute((now or datetime.now(UTC)) - length))
        tab = own.get("tab", TABS[0])
        return cls(
            query=msgspec.structs.replace(query, limit=PAGE_SIZE, order="desc"),
            range=chosen,
            entry=own.get("entry") or None,
            tab=tab if tab in TABS else TABS[0],
            part=own.get("part", ""),
        )

    # --- addresses ------------------------------------------------------------------------------

    def pairs(self) -> Pairs:
        """Return the parameters of this list, without page and pane."""
        pairs = [(n, v) for n, v in self.query.params() if self.range == "custom" or n not in ("since", "till")]
        return pairs if self.range in ("custom", DEFAULT_RANGE) else [*pairs, ("range", self.range)]

    def href(self, pairs: Pairs | None = None, **extra: str | int | None) -> str:
        """Return the address of a list page with the parameters, ``extra`` added."""
        more = [(n, str(v)) for n, v in extra.items() if v is not None]
        text = urlencode((self.pairs() if pairs is None else pairs) + more)
        return f"?{text}" if text else "?"

    def at(self, entry: str, tab: str | None = None) -> str:
        """Return the address of this page with an entry in the pane."""
        return self.href(cursor=self.query.cursor, entry=entry, tab=tab if tab != TABS[0] else None)

    def older(self, cursor: int | None) -> str:
        """Return the address of the page that continues below a cursor."""
        return self.href(cursor=cursor)

    def relaxed(self) -> list[tuple[str, Pairs]]:
        """Return what each filter says, with the parameters that remain without it."""
        pairs = self.pairs()
        found = [(text, [p for p in pairs if p != (name, value)]) for text, name, value in self.filters]
        if self.query.text or self.query.not_text:
            found.append(("search words", [p for p in pairs if p[0] != "q"]))
        return found

    def toggle(self, field: str, value: str) -> str:
        """Return the address with a filter switched on, or off where it is on."""
        pair, pairs = (field, value), self.pairs()
        if pair in pairs:
            return self.href([p for p in pairs if p != pair])
        return self.href([p for p in pairs if p != (f"not.{field}", value)] + [pair])

    def exclude(self, field: str, value: str) -> str:
        """Return the address with entries of a value left out, or back in."""
        pair, pairs = (f"not.{field}", value), self.pairs()
        if pair in pairs:
            return self.href([p for p in pairs if p != pair])
        return self.href([p for p in pairs if p != (field, value)] + [pair])

    def in_range(self, key: str) -> str:
        """Return the address of another range of time."""
        return self.href(self._timeless if key == DEFAULT_RANGE else [*self._timeless, ("range", key)])

    def between(self, since: datetime, till: datetime) -> str:
        """Return the address of a stretch of time."""
        return self.href([*self._timeless, ("since", _iso(since)), ("till", _iso(till))])

    @property
    def without_times(self) -> Pairs:
        """The parameters without the range of time."""
        return self._timeless

    @property
    def _timeless(self) -> Pairs:
        return [(n, v) for n, v in self.pairs() if n not in _TIMES]

    @property
    def cleared(self) -> str:
        """The address of the same range without filters."""
        return self.href(self.kept)

    @property
    def kept(self) -> Pairs:
        """The parameters that stay when another search is typed."""
        return [(n, v) for n, v in self.pairs() if n in _TIMES]

    @property
    def ranges(self) -> list[tuple[str, str]]:
        """The ranges to choose from, each as (key, text)."""
        return [(key, text) for key, (text, _) in RANGES.items()]

    @property
    def range_text(self) -> str:
        """The range in words; a stretch of its own in dates."""
        if self.range != "custom":
            return RANGES[self.range][0]
        since, till = self.query.since, self.query.till
        if since and till:
            return f"{_short(since)} to {_short(till)}"
        return f"Since {_short(since)}" if since else f"Until {_short(till)}"

    @property
    def range_words(self) -> str:
        """The range as a part of a sentence."""
        if self.range == "all":
            return "at any time"
        return "in this stretch of time" if self.range == "custom" else f"of the {self.range_text.lower()}"

    @property
    def earlier(self) -> str | None:
        """The address of the stretch before this one; None for any time, and where that would be before all time."""
        since, till = self.query.since, self.query.till or datetime.now(UTC)
        if since is None or since >= till or since - _FIRST < till - since:
            return None
        return self.between(since - (till - since), since)

    @property
    def later(self) -> str | None:
        """The address of the stretch after this one; None where that has not begun."""
        since, till = self.query.since, self.query.till
        if since is None or till is None or till >= datetime.now(UTC):
            return None
        return self.between(till, till + (till - since))

    @property
    def count_text(self) -> str:
        """How many filters are on."""
        count = len(self.filters) + len(self.query.text) + len(self.query.not_text)
        return "1 filter" if count == 1 else f"{count} filters"

    @property
    def api_query(self) -> str:
        """The query string under which the API shows the same entries."""
        return urlencode(self.query.params())

    def has(self, field: str, value: str) -> bool:
        """Tell whether a filter is on."""
        return (field, value) in self.pairs()

    @property
    def filters(self) -> list[tuple[str, str, str]]:
        """The filters that are on, each as (text, parameter, value)."""
        return [(_term(c, v), f"{'not.' if c.negated else ''}{c.field}", v) for c, v in _values(self.query)]

    @property
    def text(self) -> str:
        """The query as the search box writes it."""
        words = [quote_term(t) for t in self.query.text] + [f"-{quote_term(t)}" for t in self.query.not_text]
        return " ".join([_term(c, v) for c, v in _values(self.query)] + words)

    @property
    def is_live(self) -> bool:
        """True for a page that new entries can join: the first one of a range without an end."""
        return self.query.cursor is None and self.query.till is None


def _values(query: Query) -> list[tuple[Condition, str]]:
    return [(c, v) for c in query.conditions for v in c.values]


def _term(condition: Condition, value: str) -> str:
    minus = "-" if condition.negated else ""
    if condition.field in ("min_duration", "max_duration"):
        return f"{minus}duration:{'>' if condition.field == 'min_duration' else '<'}{value}s"
    field = "status" if condition.field == "status_code" else condition.field
    return f"{minus}{field}:{quote_term(value)}"


def _short(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%b %d, %H:%M")


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
