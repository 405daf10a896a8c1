"""How long entries and their bodies are kept: a default, rules, and bounds on the whole store."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Self

import msgspec

from integration_logger.entry import Entry
from integration_logger.errors import ConfigurationError

_SIZES = {"bytes": 1} | {
    f"{letter}{ending}": base ** (power + 1)
    for power, letter in enumerate("kmgt")
    for ending, base in (("b", 1000), ("ib", 1024))
}
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
MATCHABLE = (
    "kind", "outcome", "status", "status_code", "tenant", "application", "integration", "operation", "log_type", "host",
)  # fmt: skip

Period = str | timedelta


class Rule:
    """Entries that match are kept this long; the first rule that matches wins.

    ``keep`` and ``bodies`` are a ``timedelta`` or words such as ``"7 days"``. ``match`` compares fields of
    the entry: ``Rule("3 days", integration="stripe", outcome="success")``.
    """

    def __init__(self, keep: Period, *, bodies: Period | None = None, **match: str | int) -> None:
        for name in match:
            if name not in MATCHABLE:
                raise ConfigurationError(f"Rule cannot match {name!r}; it matches {', '.join(MATCHABLE)}")
        self.keep = read_period(keep)
        self.bodies = None if bodies is None else read_period(bodies)
        self.match = match

    def matches(self, entry: Entry) -> bool:
        """Tell whether the rule is about this entry."""
        return not self.match or all(getattr(entry, name) == value for name, value in self.match.items())


class Retention:
    """How long entries are kept: 30 days by default, the whole store at most ``max_bytes``.

    ``errors`` is for failed entries, ``bodies`` for headers, bodies and variables where they shall go
    earlier than the line itself. Periods are a ``timedelta`` or words such as ``"30 days"``; sizes are bytes.
    """

    def __init__(
        self,
        default: Period = "30 days",
        *,
        errors: Period | None = None,
        bodies: Period | None = None,
        rules: Sequence[Rule] = (),
        max_rows: int | None = None,
        max_bytes: int | None = 2 * 1024**3,
    ) -> None:
        for name, bound in (("max_rows", max_rows), ("max_bytes", max_bytes)):
            if bound is not None and (not isinstance(bound, int) or isinstance(bound, bool) or bound < 1):
                raise ConfigurationError(f"Retention: {name} takes a positive whole number or None, not {bound!r}")
        self.rules = [*rules]
        for rule in self.rules:
            if not isinstance(rule, Rule):
                raise ConfigurationError(f"Retention: rules takes a list of Rule, not {rule!r}")
        if errors is not None:
            self.rules.append(Rule(errors, bodies=bodies, outcome="error"))
        self.rules.append(Rule(default, bodies=bodies))
        self.max_rows = max_rows
        self.max_bytes = max_bytes

    def to_data(self) -> dict[str, Any]:
        """Return the whole of it as plain data, for another process."""
        rules = [(r.keep.total_seconds(), r.bodies and r.bodies.total_seconds(), r.match) for r in self.rules]
        return {"rules": rules, "max_rows": self.max_rows, "max_bytes": self.max_bytes}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what ``to_data`` was asked of."""
        periods = [(_seconds(keep), bodies and _seconds(bodies), match) for keep, bodies, match in data["rules"]]
        rules = [Rule(keep, bodies=bodies, **match) for keep, bodies, match in periods[:-1]]
        default, bodies, _ = periods[-1]
        return cls(default, bodies=bodies, rules=rules, max_rows=data["max_rows"], max_bytes=data["max_bytes"])

    @property
    def fingerprint(self) -> bytes:
        """Stands for the rules; bounds aside, which no entry's dates depend on."""
        return hashlib.blake2b(msgspec.json.encode(self.to_data()["rules"], enc_hook=repr, order="sorted")).digest()

    @property
    def longest(self) -> timedelta:
        """The longest that any entry is kept."""
        return max(rule.keep for rule in self.rules)

    def date(self, entry: Entry) -> Entry:
        """Return the entry with its dates of expiry set."""
        rule = self._rule(entry)
        return msgspec.structs.replace(
            entry,
            expires_at=_later(entry.started_at, rule.keep),
            bodies_expire_at=None if rule.bodies is None else _later(entry.started_at, min(rule.bodies, rule.keep)),
        )

    def _rule(self, entry: Entry) -> Rule:
        if entry.kind == "audit":
            return next((rule for rule in self.rules if "kind" in rule.match and rule.matches(entry)), AUDIT)
        return next(rule for rule in self.rules if rule.matches(entry))


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def _later(moment: datetime, period: timedelta) -> datetime:
    try:
        return moment + period
    except OverflowError:
        return datetime.max.replace(tzinfo=moment.tzinfo)


def read_period(value: Period) -> timedelta:
    """Read ``"30 days"``, ``"12 hours"`` or a ``timedelta``; raise ``ConfigurationError`` for anything else."""
    if isinstance(value, timedelta):
        period = value
    else:
        match = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*(second|minute|hour|day|week)s?\s*", str(value), re.ASCII)
        if not match:
            raise ConfigurationError(f"a period is a timedelta or words such as '30 days', not {value!r}")
        period = timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if period <= timedelta(0):
        raise ConfigurationError(f"a period must be longer than nothing, not {value!r}")
    return period


def read_size(text: str) -> int:
    """Read ``"2 GiB"``, ``"500 MB"`` or a number of bytes; raise ``ConfigurationError`` for anything else."""
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,3})?)\s*([a-z]*)\s*", text, re.ASCII | re.IGNORECASE)
    size = int(float(match[1]) * _SIZES.get(match[2].lower() or "bytes", 0)) if match else 0
    if size < 1:
        raise ConfigurationError(f"a size is a number of bytes or words such as '2 GiB' and '500 MB', not {text!r}")
    return size


AUDIT: Final = Rule(timedelta(days=365))
"""What holds for entries of kind ``audit``, unless a rule names that kind."""
