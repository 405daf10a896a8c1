"""The Redactor: takes an entry as it was captured and gives it back without secrets."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any, Final

import msgspec
from msgspec.structs import force_setattr

from integration_logger.entry import Entry, Message
from integration_logger.redaction import bodies, forms, headers, pairs, repeats, routes
from integration_logger.redaction.asked import Asked
from integration_logger.redaction.edits import MASK, Edit, apply, fresh
from integration_logger.redaction.known import known
from integration_logger.redaction.links import may_be_followed
from integration_logger.redaction.names import Keep
from integration_logger.redaction.remembered import Remembered
from integration_logger.redaction.rules import Hidden, Rules
from integration_logger.redaction.secrecy import is_secret
from integration_logger.redaction.structure import LONGEST_NAME
from integration_logger.redaction.suspects import Hit
from integration_logger.redaction.values import EMAIL, IBAN

_TEXTS: Final = (
    "method", "host", "route", "operation", "user_id", "application", "tenant", "integration", "log_type", "trace_id",
    "error_type", "phase",
)  # fmt: skip
_APART: Final = b"\n&"  # between things that are scanned together: each begins like a line and like a parameter
_SMALL: Final = 4096  # bytes; bodies up to this size are scanned in one go with all the rest


class Redactor:
    """Masks what must not be kept, by the names and by the shapes of values.

    ``values`` are the host's own secrets, or a function that is asked for them once a minute: masked wherever they
    occur, in base64 and in URLs too. ``names`` are
    further names whose values are masked; ``keep`` are names whose values stay although they end in a sensitive
    word, or a function that is asked for each such name. How names are written does not matter: ``api_key``,
    ``apiKey`` and ``X-Api-Key`` are one. ``paths`` are places whose value is masked whatever its name:
    ``header:X-Customer``, ``query:doc``, ``form:doc``, ``xml:TaxId``, ``json:$.items[*].note``. ``emails`` and
    ``ibans`` masks these, which by default are kept.
    """

    def __init__(
        self,
        *,
        values: Iterable[str] | Callable[[], Iterable[str]] = (),
        names: Iterable[str] = (),
        keep: Keep = (),
        paths: Iterable[str] = (),
        emails: bool = False,
        ibans: bool = False,
    ) -> None:
        options = (*([EMAIL] if emails else []), *([IBAN] if ibans else []))

        def make(values: Iterable[str]) -> Rules:
            return Rules(names, keep, (*known(values), *options), paths)

        self._asked = Asked(values, make) if callable(values) else None
        self._rules = make(() if callable(values) else values)
        self._usual = lru_cache(1024)(self._noted)

    def prepare(self) -> None:
        """Begin to compile what is looked for, in a thread; until that is done, masking is slower."""
        (self._rules if self._asked is None else self._asked.rules()).prepare()

    def redact(self, entry: Entry, max_body: int) -> Entry:
        """Return the entry with every secret masked and its bodies cut to ``max_body`` bytes.

        Raises whatever goes wrong: of an entry that could not be redacted nothing may be kept.
        """
        if self._asked is not None and (rules := self._asked.rules()) is not self._rules:
            self._rules = rules
            self._usual.cache_clear()
        masking = _Masking(self._rules, max_body)
        masking.entry(entry)
        if masking.places:
            places = tuple(masking.places)
            # most calls have the same few: two headers, one field
            noted = self._usual(places) if len(places) <= 8 else self._noted(places)
            force_setattr(entry, "redacted", (*entry.redacted, *noted))
        return entry

    def _noted(self, places: tuple[str, ...]) -> Sequence[str]:
        """Return the places that were masked; what one of them is called may hold a secret itself."""
        text = "\n".join(places).encode("utf-8", "replace")
        if all(kind < 0 for kind, _, _ in self._rules.hits(text)):
            return places
        return apply(text, self._rules.within(text)).decode().split("\n")


class _Masking:
    """The masking of one entry, and the places that were masked.

    Nobody else has seen the entry yet: setting a few of its fields is cheaper than building forty anew.
    """

    def __init__(self, rules: Rules, max_body: int) -> None:
        self._rules = rules
        self._small = 0 if rules.paths.in_bodies else min(_SMALL, max_body)
        self._max_body = max_body
        self._in_path: list[bytes] = []
        """Secrets that only their place in the URL gives away."""
        self.places: dict[str, None] = {}

    def entry(self, entry: Entry) -> None:
        """Mask what is sensitive by its name alone, then what the scan finds in all the rest."""
        rules = self._rules
        if (route := entry.route) and rules.hidden_in[route] and entry.url:
            force_setattr(entry, "url", self._text(entry.url, "url", partial(self._route_edits, route)))
            self.places |= dict.fromkeys(repeats.silence(entry, self._in_path))
        parts = [_texts(entry)]
        together: list[tuple[str, Message, bytes]] = []
        for half, message in (("request", entry.request), ("response", entry.response)):
            if message is None:
                continue
            if raw := message.raw_headers:
                names, values = zip(*raw, strict=True)
                hidden = rules.hidden_headers[names]
                parts += self._without(message, half, hidden, values) if hidden else values
            if body := message.body:
                if len(body) <= self._small and not message.truncated and bodies.plain[message.content_type or ""]:
                    together.append((half, message, body))
                else:
                    self._body(message, half)
        heads = len(parts)
        for _, _, body in together:
            parts.append(body)
        data = _APART.join(parts)
        if (hits := rules.hits(data)) or b"\0" in data or rules.paths.query:
            self._suspect(entry, hits, [_APART.join(parts[:heads]), *parts[heads:]], together)
        if entry.errors or entry.labels or entry.traceback or entry.variables is not None or entry.run is not None:
            self._data(entry)

    def _suspect(
        self, entry: Entry, hits: Sequence[Hit], parts: list[bytes], together: list[tuple[str, Message, bytes]]
    ) -> None:
        """Mask what the hits prove to be secret in the parts: the head of the entry, and bodies."""
        head, *rest = _shares(hits, parts)
        if head or self._rules.paths.query:
            self._head(entry)
        for (half, message, body), share in zip(together, rest, strict=True):
            if share or b"\0" in body:  # text of two bytes a character shows nothing to the scan
                self._body(message, half, share)

    def _data(self, entry: Entry) -> None:
        """Mask what only some entries have."""
        if entry.errors:
            force_setattr(entry, "errors", self._plain(entry.errors, "errors"))
        if entry.traceback:
            force_setattr(entry, "traceback", self._plain(entry.traceback, "traceback"))
        if entry.labels:
            labels = self._plain(entry.labels, "labels")
            if "source_url" in labels and not may_be_followed(labels["source_url"]):
                del labels["source_url"]
                self.places["labels.source_url: no address of the web"] = None
            force_setattr(entry, "labels", labels)
        if entry.variables is not None:
            force_setattr(entry, "variables", self._plain(_builtins(entry.variables), "variables"))
        if entry.run is not None:
            for name in entry.run.__struct_fields__:
                value = self._plain(_builtins(getattr(entry.run, name)), f"run.{name}")
                force_setattr(entry.run, name, value)

    def _without(self, message: Message, half: str, hidden: Sequence[Hidden], values: Sequence[bytes]) -> list[bytes]:
        """Mask the headers at these places, and return the values without them."""
        kept, others = [*message.raw_headers], [*values]
        for place, name, lower, shown in hidden:
            others[place] = b""
            value = headers.mask(lower, values[place])
            value = self._rules.cookies[value] if lower in headers.COOKIES else value
            if value != values[place] or name != kept[place][0]:
                kept[place] = name, value
                self.places[f"{half}.headers.{shown}: name"] = None
        force_setattr(message, "raw_headers", kept)
        return others

    def _head(self, entry: Entry) -> None:
        """Mask the URL, the other headers and the labels with a column."""
        if entry.url:
            force_setattr(entry, "url", self._text(entry.url, "url", self._url_edits))
        for name in _TEXTS:
            if value := getattr(entry, name):
                force_setattr(entry, name, self._text(value, name, self._edits))
        for half, message in (("request", entry.request), ("response", entry.response)):
            if message is not None:
                self._headers(message, half)

    def _headers(self, message: Message, half: str) -> None:
        kept = [self._header(name, value, half) for name, value in message.raw_headers]
        force_setattr(message, "raw_headers", kept)
        if message.content_type:
            content_type = self._text(message.content_type, f"{half}.content_type", self._edits)
            force_setattr(message, "content_type", content_type)

    def _header(self, name: bytes, value: bytes, half: str) -> tuple[bytes, bytes]:
        if self._rules.names.sensitive_header(name):
            return name, value
        lower = name.lower()
        edits = fresh(value, self._url_edits(value) if lower in headers.URLS else self._edits(value))
        self._note(f"{half}.headers.{lower.decode('latin-1')}", edits)
        return (name, apply(value, edits)) if edits else (name, value)

    def _body(self, message: Message, half: str, hits: Sequence[Hit] | None = None) -> None:
        """Mask and cut a body."""
        kept = bodies.redact(message, self._rules, self._max_body, hits)
        self._note(f"{half}.body", kept.edits)
        force_setattr(message, "body", kept.body)
        force_setattr(message, "truncated", kept.truncated)

    def _edits(self, data: bytes) -> list[Edit]:
        return self._rules.within(data, prose=False)

    def _url_edits(self, data: bytes) -> list[Edit]:
        rules = self._rules
        return forms.url_edits(data, rules) if rules.paths.query or rules.hits(data) else []

    def _route_edits(self, route: str, url: bytes) -> list[Edit]:
        edits = routes.edits(url, route, self._rules.names)
        self._in_path += [url[edit.start : edit.end] for edit in edits]
        return edits

    def _text(self, value: str, place: str, find: Callable[[bytes], list[Edit]]) -> str:
        data = value.encode("utf-8", "surrogatepass")
        edits = fresh(data, find(data))
        self._note(place, edits)
        return apply(data, edits).decode("utf-8", "surrogatepass") if edits else value

    def _plain(self, value: Any, place: str) -> Any:
        """Return data of any shape as plain data with its secrets masked."""
        if isinstance(value, str):
            return self._text(value, place, self._edits)
        if isinstance(value, dict):
            return self._members(value, place)
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
            return self._plain(value[0], place), self._member(value[0], value[1], place)
        if isinstance(value, (list, tuple)):
            return type(value)([self._plain(item, place) for item in value])
        if isinstance(value, (bytes, bytearray)):
            return self._text(bytes(value).decode("utf-8", "replace"), place, self._edits)
        if value is None or isinstance(value, (bool, float, datetime)):
            return value
        text = str(value)
        masked = self._text(text, place, self._edits)
        return value if masked == text and isinstance(value, int) else masked

    def _members(self, data: dict[Any, Any], place: str) -> dict[Any, Any]:
        named = [item for key, item in data.items() if str(key).lower().encode("utf-8", "replace") in pairs.NAMES]
        name = next((each for each in named if isinstance(each, str) and self._is_sensitive(each)), None)
        return {
            self._plain(key, place): self._member(name if name and _is_value(key) else str(key), item, place)
            for key, item in data.items()
        }

    def _is_sensitive(self, name: str) -> bool:
        return self._rules.names.sensitive(name.encode("utf-8", "replace")[-LONGEST_NAME:])

    def _member(self, name: str, item: Any, place: str) -> Any:
        key = name.encode("utf-8", "replace")[-LONGEST_NAME:]
        if self._rules.names.sensitive(key) and is_secret(key, str(item).encode("utf-8", "replace")):
            if item != MASK.decode():
                self._note(place, [Edit(0, 0, key, "name")])
            return MASK.decode()
        return self._plain(item, f"{place}.{_shown[key]}")

    def _note(self, place: str, edits: Iterable[Edit]) -> None:
        for edit in edits:
            name = _shown[edit.name]
            self.places[f"{place}.{name}: {edit.reason}" if name else f"{place}: {edit.reason}"] = None


def _shares(hits: Sequence[Hit], parts: list[bytes]) -> list[list[Hit]]:
    """Return the hits in each of the parts that were scanned together."""
    begins = [*accumulate((len(part) + len(_APART) for part in parts[:-1]), initial=0)]
    ends = [begin + len(part) for begin, part in zip(begins, parts, strict=True)]
    shares: list[list[Hit]] = [[] for _ in parts]
    for kind, start, end in hits:
        index = bisect_right(begins, end - 1) - 1
        begin, last = begins[index], ends[index]
        share = kind, start - begin if start > begin else 0, (end if end < last else last) - begin
        shares[index].append(share)
    return shares


def _texts(entry: Entry) -> bytes:
    return (
        f"{entry.url}\n{entry.method}\n{entry.host}\n{entry.route}\n{entry.operation}\n{entry.user_id}\n{entry.application}\n"
        f"{entry.tenant}\n{entry.integration}\n{entry.log_type}\n{entry.trace_id}\n{entry.error_type}\n{entry.phase}"
    ).encode("utf-8", "surrogatepass")


def _is_value(key: Any) -> bool:
    return pairs.value(f'"{key}":'.encode("utf-8", "replace"), 0) is not None


def _builtins(value: Any) -> Any:
    """Return an object of any kind as plain data: an encoder would show what its own text does not."""
    try:
        return msgspec.to_builtins(value, builtin_types=_BUILTIN, str_keys=True, enc_hook=str)
    except TypeError:  # a dict with keys that are no text
        return repr(value)


_BUILTIN: Final = (bytes, bytearray, datetime)


def _as_shown(name: bytes) -> str:
    return name.decode() if _USUAL.fullmatch(name) else "*" if name else ""


_USUAL: Final = re.compile(rb"[A-Za-z_$][A-Za-z_$0-9.\[\] -]{0,47}")
_shown: Final = Remembered(_as_shown)
"""A name as it is shown in a place; what is no usual name may be a secret itself."""
