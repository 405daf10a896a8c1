"""The Redactor: takes an entry as it was captured and gives it back without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import force_setattr

from integration_logger.entry import Entry, Message
from integration_logger.redaction import bodies, forms, headers
from integration_logger.redaction.edits import MASK, Edit, apply
from integration_logger.redaction.rules import Rules
from integration_logger.redaction.text import is_secret

_TEXTS: Final = (
    "host", "route", "operation", "user_id", "application", "tenant", "integration", "log_type", "trace_id",
)  # fmt: skip
_DATA: Final = ("errors", "traceback", "labels", "variables", "run")
_APART: Final = b"\n&"  # between things that are scanned together: each begins like a line and like a parameter
_SMALL: Final = 4096  # bytes; bodies up to this size are scanned in one go with all the rest


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
        masking = _Masking(self._rules, max_body)
        masking.entry(entry)
        if masking.places:
            force_setattr(entry, "redacted", (*entry.redacted, *masking.places))
        return entry


class _Masking:
    """The masking of one entry, and the places that were masked.

    Nobody else has seen the entry yet: setting a few of its fields is cheaper than building forty anew.
    """

    def __init__(self, rules: Rules, max_body: int) -> None:
        self._rules = rules
        self._small = min(_SMALL, max_body)
        self._max_body = max_body
        self.places: dict[str, None] = {}

    def entry(self, entry: Entry) -> None:
        """Mask what is sensitive by its name alone, then what the scan finds in all the rest."""
        messages = [
            (half, m) for half, m in (("request", entry.request), ("response", entry.response)) if m is not None
        ]
        head = [_texts(entry)]
        for half, message in messages:
            head += self._sensitive_headers(message, half)
        small = [(half, m) for half, m in messages if m.body and len(m.body) <= self._small and bodies.is_plain(m)]
        apart = [(half, m) for half, m in messages if m.body and (half, m) not in small]
        if self._rules.hits(_APART.join([*head, *[m.body or b"" for _, m in small]])):
            apart += small
            if self._rules.hits(_APART.join(head)):
                self._head(entry, messages)
        for half, message in apart:
            self._body(message, half)
        for name in _DATA:
            if value := getattr(entry, name):
                force_setattr(entry, name, self._value(value, name))

    def _sensitive_headers(self, message: Message, half: str) -> list[bytes]:
        """Mask the headers that are sensitive by name, and return the values of all others."""
        raw, sensitive = message.raw_headers, self._rules.names.sensitive_header
        others = [value for name, value in raw if not sensitive(name)]
        if len(others) < len(raw):
            force_setattr(message, "raw_headers", [self._sensitive_header(*header, half) for header in raw])
        return others

    def _sensitive_header(self, name: bytes, value: bytes, half: str) -> tuple[bytes, bytes]:
        if not self._rules.names.sensitive_header(name):
            return name, value
        lower = name.lower()
        self.places[f"{half}.headers.{lower.decode('latin-1')}: name"] = None
        return name, headers.mask(lower, value)

    def _head(self, entry: Entry, messages: list[tuple[str, Message]]) -> None:
        """Mask the URL, the other headers and the labels with a column."""
        if entry.url:
            force_setattr(entry, "url", self._text(entry.url, "url", self._url_edits))
        for name in _TEXTS:
            if value := getattr(entry, name):
                force_setattr(entry, name, self._text(value, name, self._edits))
        for half, message in messages:
            kept = [self._header(name, value, half) for name, value in message.raw_headers]
            force_setattr(message, "raw_headers", kept)

    def _header(self, name: bytes, value: bytes, half: str) -> tuple[bytes, bytes]:
        if self._rules.names.sensitive_header(name):
            return name, value
        lower = name.lower()
        edits = self._url_edits(value) if lower in headers.URLS else self._edits(value)
        self._note(f"{half}.headers.{lower.decode('latin-1')}", edits)
        return (name, apply(value, edits)) if edits else (name, value)

    def _body(self, message: Message, half: str) -> None:
        """Mask and cut a body."""
        kept = bodies.redact(
            message.body or b"", message.content_type, self._rules, truncated=message.truncated, limit=self._max_body
        )
        self._note(f"{half}.body", kept.edits)
        force_setattr(message, "body", kept.body)
        force_setattr(message, "truncated", kept.truncated)

    def _edits(self, data: bytes) -> list[Edit]:
        return self._rules.within(data, prose=False)

    def _url_edits(self, data: bytes) -> list[Edit]:
        return forms.url_edits(data, self._rules) if self._rules.hits(data) else []

    def _text(self, value: str, place: str, find: Callable[[bytes], list[Edit]]) -> str:
        data = value.encode("utf-8", "surrogatepass")
        edits = find(data)
        self._note(place, edits)
        return apply(data, edits).decode("utf-8", "surrogatepass") if edits else value

    def _value(self, value: Any, place: str) -> Any:
        """Return plain data of any shape with its secrets masked."""
        if isinstance(value, str):
            return self._text(value, place, self._edits)
        if isinstance(value, Mapping):
            return {key: self._member(str(key), item, f"{place}.{key}") for key, item in value.items()}
        if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
            items = [self._value(item, place) for item in value]
            return tuple(items) if isinstance(value, tuple) else items
        if hasattr(value, "__struct_fields__"):
            for name in value.__struct_fields__:
                force_setattr(value, name, self._value(getattr(value, name), f"{place}.{name}"))
            return value
        if value is None or isinstance(value, bool):
            return value
        text = str(value)
        masked = self._text(text, place, self._edits)
        return value if masked == text else masked

    def _member(self, name: str, item: Any, place: str) -> Any:
        key = name.encode("utf-8", "replace")
        if self._rules.names.sensitive(key[-192:]) and is_secret(key, str(item).encode("utf-8", "replace")):
            self.places[f"{place}: name"] = None
            return MASK.decode()
        return self._value(item, place)

    def _note(self, place: str, edits: Sequence[Edit]) -> None:
        for edit in edits:
            name = _UNUSUAL.sub("", edit.name.decode("utf-8", "replace"))[:64]
            self.places[f"{place}.{name}: {edit.reason}" if name else f"{place}: {edit.reason}"] = None


def _texts(entry: Entry) -> bytes:
    texts = (
        entry.url, entry.host, entry.route, entry.operation, entry.user_id, entry.application, entry.tenant,
        entry.integration, entry.log_type, entry.trace_id,
    )  # fmt: skip
    return "\n".join(filter(None, texts)).encode("utf-8", "surrogatepass")


_UNUSUAL: Final = re.compile(r"[^\w.$\[\]-]+")
