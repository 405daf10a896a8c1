"""The filters beside the list: fixed ones that are always there, and values that the log holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from integration_logger.entry import status_label
from integration_logger.filters import field_values
from integration_logger.query import Query
from integration_logger.stores.base import Facets, Page
from integration_logger.viewer.params import PageState
from integration_logger.viewer.timeline import Timeline
from integration_logger.viewer.words import KIND_WORDS, visible

FACETS = ("outcome", "status_code", "kind", "method", "integration", "route", "host", "application", "tenant")
"""Fields whose values the store is asked for."""

_TITLES = {
    "outcome": "Outcome", "status_code": "Status code", "kind": "Direction", "method": "Method",
    "integration": "Integration", "route": "Route", "host": "Host", "application": "Application", "tenant": "Tenant",
}  # fmt: skip
_FIXED = {
    "outcome": (("error", "Failed", "error"), ("success", "Succeeded", "ok")),
    "status_code": (
        ("5xx", "5xx server errors", "error"), ("4xx", "4xx refused", "refused"), ("3xx", "3xx moved", "moved"),
        ("2xx", "2xx succeeded", "ok"), ("none", "No answer", "error"),
    ),
}  # fmt: skip
_ALONE_IS_NOTHING = ("kind", "integration", "host", "application", "tenant")
"""Groups that are shown only where there is something to choose."""
MOST = 8
"""Values of a group; the search box reaches all others."""
MOST_APPLICATIONS = 200
"""Of those the host knows which there are; a reader looks for one that has no entries, too."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a filter, with the addresses that switch it."""

    key: str
    text: str
    toggle: str
    exclude: str
    on: bool
    out: bool
    mark: str | None = None
    count: str | None = None


class Group(msgspec.Struct, frozen=True):
    """One filter."""

    title: str
    values: list[Choice]


def groups(state: PageState, facets: Facets | None, page: Page, applications: Sequence[str] = ()) -> list[Group]:
    """Return the filters with their values, the frequent ones first; without counts those of the page itself.

    ``applications`` are those that there are, also without entries.
    """
    counts = facets.counts if facets else _on_page(page)
    found = []
    for field, title in _TITLES.items():
        values = counts.get(field, {})
        if field == "application":
            values = values | {name: 0 for name in applications if name not in values}
        choices = _fixed(state, field, values) + _seen(state, field, values)
        if len(choices) > (field in _ALONE_IS_NOTHING) or any(c.on or c.out for c in choices):
            found.append(Group(title, choices if facets else [*map(_uncounted, choices)]))
    return found


def _on_page(page: Page) -> dict[str, dict[str, int]]:
    return {field: Counter(v for e in page.entries for v in field_values(e, field)) for field in FACETS}


def _uncounted(choice: Choice) -> Choice:
    return msgspec.structs.replace(choice, count=None)


def _fixed(state: PageState, field: str, counts: dict[str, int]) -> list[Choice]:
    found = []
    for value, text, mark in _FIXED.get(field, ()):
        number = sum(n for v, n in counts.items() if v == value or (value.endswith("xx") and v[:1] == value[:1]))
        found.append(_choice(state, field, value, text, number, mark))
    return found


def _seen(state: PageState, field: str, counts: dict[str, int]) -> list[Choice]:
    fixed = {value for value, _, _ in _FIXED.get(field, ())}
    chosen = [v for f, v in state.pairs() if f.removeprefix("not.") == field and v not in counts]
    frequent = sorted(counts, key=lambda value: (-counts[value], value))
    frequent = frequent[: MOST_APPLICATIONS if field == "application" else MOST]
    values = [v for v in frequent + chosen if v and v not in fixed]
    return [_choice(state, field, v, _text(field, v), counts.get(v)) for v in dict.fromkeys(values)]


def _text(field: str, value: str) -> str:
    if field == "kind":
        return KIND_WORDS.get(value, value)
    if field == "status_code" and value.isdecimal():
        return f"{value} {status_label(int(value))}"
    return visible(value)


def _choice(state: PageState, field: str, value: str, text: str, count: int | None, mark: str | None = None) -> Choice:
    return Choice(
        key=f"{field}:{value}",
        text=text,
        toggle=state.toggle(field, value),
        exclude=state.exclude(field, value),
        on=state.has(field, value),
        out=state.has(f"not.{field}", value),
        mark=mark,
        count=None if count is None else short(count),
    )


def short(count: int) -> str:
    """Write a count in few characters: ``812``, ``9.2k``, ``1.4M``."""
    if count < 1000:
        return str(count)
    value, unit = (count / 1000, "k") if count < 999_500 else (count / 1_000_000, "M")
    return f"{value:.1f}{unit}" if value < 10 else f"{value:.0f}{unit}"


def covered(facets: Facets | None) -> str | None:
    """Say how far the counts reach, where that is not everything."""
    if facets is None or facets.complete:
        return None
    return f"Counted over the newest {facets.covered:,} matches."


def size(query: Query, facets: Facets, bars: Timeline | None) -> str:
    """Say about how many entries the filters find: by the timeline, else as far as values were counted."""
    if query.wants_in_flight:  # nobody counts those
        return "What is open at that moment"
    if bars is None and not facets.complete:
        return f"More than {facets.covered:,} entries"
    count = facets.covered if bars is None or facets.complete else bars.total
    if count >= 1000:
        count = round(count, 3 - len(str(count)))
    return f"About {count:,} {'entry' if count == 1 else 'entries'}"
