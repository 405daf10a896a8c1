"""The Redactor: takes an entry as it was captured and gives it back without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import force_setattr

from integration_logger.entry import Entry, Message
from integration_logger.redaction import bodies, forms, headers
from integration_logger.redaction.edits import MASK, Edit, apply
from integration_logger.redaction.rules import Rules
from integration_logger.redaction.text import is_secret

_MASK: Final = MASK.decode()
_TEXTS: Final = (
    "operation",
    "user_id",
    "application",
    "tenant",
    "integration",
    "log_type",
    "trace_id",
    "host",
    "route",
)
_VALUES: Final = ("errors", "traceback", "labels", "variables", "run")
_UNUSUAL: Final = re.compile(r"[^\w.$\[\]-]+")


class Redactor:
    """Masks what must not be kept, by the names and by the shapes of values.

    ``names`` are further names whose values are masked; ``keep`` are names whose values stay although they end in
    a sensitive word. How they are written does not matter: ``api_key``, ``apiKey`` and ``X-Api-Key`` are one name.
    """

    def __init__(self, *, names: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        self._rules = Rules(names, keep)

    def redact(self, entry: Entry, max_body: int) -> Entry:
        """Return the entry with every secret masked and its bodies cut to ``max_body`` bytes.

        Raises whatever goes wrong: of an entry that could not be redacted nothing may be kept.
        """
        return _Pass(self._rules, max_body).redact(entry)


class _Pass:
    """The redaction of one entry, and the places that it masks.

    Nobody else has seen the entry yet: setting a few of its fields is cheaper than building forty anew.
    """

    def __init__(self, rules: Rules, max_body: int) -> None:
        self._rules = rules
        self._max_body = max_body
        self._places: dict[str, None] = {}

    def redact(self, entry: Entry) -> Entry:
        if entry.url:
            _set(entry, "url", self._text(entry.url, "url", forms.url_edits))
        for half in ("request", "response"):
            message = getattr(entry, half)
            if message is not None:
                self._message(message, half)
        for name in (*_TEXTS, *_VALUES):
            value = getattr(entry, name)
            if value:
                _set(entry, name, self._value(value, name))
        if self._places:
            force_setattr(entry, "redacted", (*entry.redacted, *self._places))
        return entry

    def _message(self, message: Message, half: str) -> None:
        _set(message, "raw_headers", [self._header(name, value, half) for name, value in message.raw_headers])
        if message.body:
            kept = bodies.redact(
                message.body, message.content_type, self._rules, truncated=message.truncated, limit=self._max_body
            )
            self._note(f"{half}.body", kept.edits)
            _set(message, "body", kept.body)
            _set(message, "truncated", kept.truncated)

    def _header(self, name: bytes, value: bytes, half: str) -> tuple[bytes, bytes]:
        lower = name.lower()
        place = f"{half}.headers.{lower.decode('latin-1')}"
        if self._rules.names.sensitive_header(lower):
            self._places[f"{place}: name"] = None
            return name, headers.mask(lower, value)
        edits = forms.url_edits(value, self._rules) if lower in headers.URLS else self._rules.within(value, prose=False)
        self._note(place, edits)
        return name, apply(value, edits) if edits else value

    def _text(self, value: str, place: str, find: Any = None) -> str:
        data = value.encode("utf-8", "surrogatepass")
        edits = find(data, self._rules) if find else self._rules.within(data, prose=False)
        self._note(place, edits)
        return apply(data, edits).decode("utf-8", "surrogatepass") if edits else value

    def _value(self, value: Any, place: str) -> Any:
        """Return plain data of any shape with its secrets masked."""
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, Mapping):
            return {key: self._member(str(key), item, f"{place}.{key}") for key, item in value.items()}
        if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
            items = [self._value(item, place) for item in value]
            return tuple(items) if isinstance(value, tuple) else items
        if hasattr(value, "__struct_fields__"):
            for name in value.__struct_fields__:
                _set(value, name, self._value(getattr(value, name), f"{place}.{name}"))
            return value
        if value is None or isinstance(value, bool):
            return value
        text = str(value)
        masked = self._text(text, place)
        return value if masked == text else masked

    def _member(self, name: str, item: Any, place: str) -> Any:
        key = name.encode("utf-8", "replace")
        if self._rules.names.sensitive(key[-192:]) and is_secret(key, str(item).encode("utf-8", "replace")):
            self._places[f"{place}: name"] = None
            return _MASK
        return self._value(item, place)

    def _note(self, place: str, edits: Sequence[Edit]) -> None:
        for edit in edits:
            name = _UNUSUAL.sub("", edit.name.decode("utf-8", "replace"))[:64]
            self._places[f"{place}.{name}: {edit.reason}" if name else f"{place}: {edit.reason}"] = None


def _set(target: Any, name: str, value: Any) -> None:
    force_setattr(target, name, value)
