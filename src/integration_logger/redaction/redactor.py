"""The Redactor: takes an entry as it was captured and returns it without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import force_setattr

from integration_logger.entry import Entry, Message
from integration_logger.redaction import forms, headers, text
from integration_logger.redaction.bodies import plan
from integration_logger.redaction.edits import MASK, Edit, apply
from integration_logger.redaction.json import JSONMasker, is_json
from integration_logger.redaction.names import Names
from integration_logger.redaction.scan import ESCAPE, Scanner
from integration_logger.redaction.values import SHAPES

Found = list[str]

_LOOKS_LIKE_JSON: Final = re.compile(rb"\s*+[\[{]")
_LOOKS_LIKE_FORM: Final = re.compile(rb"[\w.%\[\]+-]+=[^\s<>\"']*\Z")
_TAIL: Final = re.compile(rb"[^\s\"'<>{}\[\],;&=:()]{0,8192}\Z")
_DEEPEST: Final = 6  # documents within strings of documents


class Redactor:
    """Masks what must not be kept: by name, and by the shape of values.

    ``names`` are further names whose values are masked, ``keep`` names that are not, although they end in a
    sensitive word. How names are written does not matter: ``api_key``, ``apiKey`` and ``X-Api-Key`` are one.
    """

    def __init__(self, *, names: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        self._names = Names(names, keep)
        self._scanner = Scanner(self._names, SHAPES)
        self._json = JSONMasker(self._names, SHAPES, lambda data: self._inner(data, 1))

    def redact(self, entry: Entry, max_body: int) -> Entry:
        """Return the entry with every secret masked and bodies cut to ``max_body`` bytes.

        Raises whatever goes wrong: the caller keeps nothing of an entry that could not be redacted.
        """
        found: Found = []
        # The entry is not published yet: setting a few fields is cheaper than building one of forty anew.
        if entry.url:
            self._set(entry, "url", self._url(entry.url, "url", found))
        for half in ("request", "response"):
            message = getattr(entry, half)
            if message is not None:
                self._message(message, half, max_body, found)
        for name in ("errors", "traceback", "labels", "variables", "run"):
            value = getattr(entry, name)
            if value:
                self._set(entry, name, self._value(value, name, found))
        if found:
            force_setattr(entry, "redacted", (*entry.redacted, *dict.fromkeys(found)))
        return entry

    def _set(self, target: Entry | Message, name: str, value: Any) -> None:
        if value is not getattr(target, name):
            force_setattr(target, name, value)

    def _message(self, message: Message, half: str, max_body: int, found: Found) -> None:
        kept = [self._header(name, value, half, found) for name, value in message.raw_headers]
        self._set(message, "raw_headers", kept)
        if message.body:
            body, truncated = self._body(message.body, message, half, max_body, found)
            self._set(message, "body", body)
            self._set(message, "truncated", truncated)

    def _header(self, name: bytes, value: bytes, half: str, found: Found) -> tuple[bytes, bytes]:
        lower = name.lower()
        label = lower.decode("latin-1")
        place = f"{half}.headers.{label}"
        if self._names.sensitive_header(label):
            found.append(f"{place}: name")
            return name, headers.mask(lower, value)
        edits = self._url_edits(value) if lower in headers.URLS else self._inner(value, 0, prose=False)
        if not edits:
            return name, value
        found += [_place(place, edit) for edit in edits]
        return name, apply(value, edits, None)

    def _url_edits(self, data: bytes) -> list[Edit]:
        return forms.url_edits(data, self._names.sensitive_parameter, lambda part: self._inner(part, 0))

    def _url(self, url: str, place: str, found: Found) -> str:
        data = url.encode("utf-8", "surrogatepass")
        return self._applied(url, data, self._url_edits(data), f"{place}.query", found)

    def _text(self, value: str, place: str, found: Found) -> str:
        data = value.encode("utf-8", "surrogatepass")
        return self._applied(value, data, self._inner(data, 0, prose=False), place, found)

    def _applied(self, value: str, data: bytes, edits: list[Edit], place: str, found: Found) -> str:
        if not edits:
            return value
        found += [_place(place, edit) for edit in edits]
        return apply(data, edits, None).decode("utf-8", "surrogatepass")

    def _inner(self, data: bytes, depth: int, *, prose: bool = True) -> list[Edit]:
        """Return the secrets in a text that stands within something else."""
        hits = self._scanner.hits(data)
        if not hits:
            return []
        if depth > _DEEPEST:
            return [Edit(0, len(data), "", "nested too deep")]
        if _LOOKS_LIKE_JSON.match(data) and is_json(data, truncated=False):
            masker = JSONMasker(self._names, SHAPES, lambda part: self._inner(part, depth + 1))
            return masker.edits(data, hits)
        return text.edits(data, hits, self._names, SHAPES, prose=prose)

    def _value(self, value: Any, place: str, found: Found) -> Any:
        """Return plain data of any shape with its secrets masked."""
        if isinstance(value, str):
            return self._text(value, place, found)
        if isinstance(value, dict):
            return {key: self._member(str(key), item, f"{place}.{key}", found) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return type(value)(self._value(item, place, found) for item in value)
        if hasattr(value, "__struct_fields__"):
            for name in value.__struct_fields__:
                item = getattr(value, name)
                if item is not None:
                    force_setattr(value, name, self._value(item, f"{place}.{name}", found))
            return value
        if value is None or isinstance(value, (bool, int, float)):
            return value if value is None or self._text(str(value), place, found) == str(value) else MASK.decode()
        return self._text(str(value), place, found)

    def _member(self, name: str, item: Any, place: str, found: Found) -> Any:
        if self._names.sensitive(name) and item is not None and not isinstance(item, bool):
            if text.is_secret(name, str(item).encode("utf-8", "replace")):
                found.append(f"{place}: name")
                return MASK.decode()
        return self._value(item, place, found)

    def _body(self, data: bytes, message: Message, half: str, limit: int, found: Found) -> tuple[bytes, bool]:
        syntax, charset, _ = plan(message.content_type)
        truncated = message.truncated
        if charset is None and b"\0" in data:
            charset = "utf-16"
        if charset is not None:
            return self._transcoded(data, charset, message, half, limit, found)
        hits = self._scanner.hits(data)
        if hits or syntax == "multipart":
            edits = self._body_edits(data, syntax, truncated, hits)
            if edits is None:
                found.append(f"{half}.body: unparseable, {len(data)} bytes")
                return MASK, True
            found += [_place(f"{half}.body", edit) for edit in edits]
            data_out = apply(data, edits, limit) if edits else data[:limit]
        else:
            edits, data_out = [], data if len(data) <= limit else data[:limit]
        if truncated and len(data) <= limit and not (edits and edits[-1].end >= len(data)):
            tail = _TAIL.search(data_out)
            if tail is not None and len(tail[0]) >= 6:
                data_out = data_out[: tail.start()]
        return data_out, truncated or len(data) > limit

    def _transcoded(
        self, data: bytes, charset: str, message: Message, half: str, limit: int, found: Found
    ) -> tuple[bytes, bool]:
        try:
            decoded = data.decode(charset)
        except (LookupError, UnicodeError):
            found.append(f"{half}.body: charset {charset[:40]}, {len(data)} bytes")
            return MASK, True
        hits = self._scanner.hits(decoded.encode())
        if not hits:
            return data[:limit], message.truncated or len(data) > limit
        found.append(f"{half}.body: charset {charset[:40]}, {len(data)} bytes")
        return MASK, True

    def _body_edits(self, data: bytes, syntax: str, truncated: bool, hits: list[Any]) -> list[Edit] | None:
        """Return what is secret in a body, or None where it cannot be told."""
        if syntax == "form":
            return forms.form_edits(data, self._names.sensitive_parameter, lambda part: self._inner(part, 0))
        if syntax in ("multipart", "xml"):
            return None
        if _LOOKS_LIKE_JSON.match(data) or syntax == "json":
            if is_json(data, truncated=truncated):
                return self._json.edits(data, hits)
            edits = text.edits(data, hits, self._names, SHAPES)
            if edits or any(hit.kind == ESCAPE for hit in hits):
                return None if syntax == "json" else edits
            return []
        return text.edits(data, hits, self._names, SHAPES)


def _place(place: str, edit: Edit) -> str:
    name = re.sub(r"[^\w.$\[\]-]", "", edit.name)[:64]
    return f"{place}.{name}: {edit.reason}" if name else f"{place}: {edit.reason}"
