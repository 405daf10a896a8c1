"""The canaries in as few entries as will hold them, so that all of them can be sent through each way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from integration_logger.entry import Entry, Kind, Message, Run
from integration_logger.ids import new_id
from tests.redaction.canaries import CANARIES, Canary, Secret

_Part = TypeVar("_Part", Message, Run)
HALVES = ("request", "response")


@dataclass
class Packed:
    """One secret in all the places of one entry."""

    secret: Secret
    places: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    code: int = 500
    """Halves the entries, for commands that show no more than 500 at once."""

    def take(self, canary: Canary) -> bool:
        """Put a canary into the entry, if there is room for what it sets."""
        more = canary.fields()
        halves = {half: more.pop(half) for half in HALVES if half in more}
        if canary.secret != self.secret or not all(_is_free(self.fields, name, value) for name, value in more.items()):
            return False
        for half, message in halves.items():
            place = next((each for each in (half, *HALVES) if _has_room(self.fields.get(each), message)), None)
            if place is None:
                return False
            self.fields[place] = _joined(self.fields.get(place), message)
        for name, value in more.items():
            self.fields[name] = _added(self.fields.get(name), value)
        self.places.append(canary.place)
        return True

    def entry(self, kind: Kind) -> Entry:
        """Return a new entry of this kind, not yet redacted."""
        id = new_id()
        fields: dict[str, Any] = {"url": "https://a.example/", "errors": ("it failed",), **self.fields}
        return Entry(
            id=id, kind=kind, started_at=datetime.now(UTC), status="failed", transaction_id=id, has_errors=True,
            status_code=self.code, labels={**fields.pop("labels", {})}, request=_copy(fields.pop("request", None)),
            response=_copy(fields.pop("response", None)), run=_copy(fields.pop("run", None)), **fields,
        )  # fmt: skip


_APART = {"run": "log_type", "log_type": "run"}
"""A run is listed by Kondado's contract only where its type is what it should be."""


def _is_free(fields: dict[str, Any], name: str, value: Any) -> bool:
    if _APART.get(name) in fields:
        return False
    taken = fields.get(name)
    if taken is None or name in ("errors", "traceback"):
        return True
    return name == "labels" and not set(taken) & set(value)


def _added(taken: Any, value: Any) -> Any:
    if taken is None:
        return value
    return {**taken, **value} if isinstance(taken, dict) else taken + value


def _has_room(taken: Message | None, message: Message) -> bool:
    return taken is None or taken.body is None or message.body is None


def _joined(taken: Message | None, message: Message) -> Message:
    if taken is None:
        return message
    headers = (*taken.raw_headers, *message.raw_headers)
    return replace(message if taken.body is None else taken, raw_headers=headers)


def _copy(part: _Part | None) -> _Part | None:
    """Return a part of its own: the Redactor sets fields of what it is given."""
    return None if part is None else replace(part)


def pack(canaries: Iterable[Canary] = CANARIES) -> Iterator[Packed]:
    """Yield entries that together hold every secret in every place in which it can stand."""
    made: list[Packed] = []
    for canary in canaries:
        if not any(packed.take(canary) for packed in made if packed.secret == canary.secret):
            made.append(Packed(canary.secret, code=500 + len(made) % 2))
            assert made[-1].take(canary)
    yield from made
