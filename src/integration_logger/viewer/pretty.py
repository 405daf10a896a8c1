"""Captured bodies made readable: JSON laid out, cut or whole, and masked values as chips."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

from markupsafe import Markup, escape

from integration_logger.viewer.words import UNSEEN, name_of_unseen

MASK = "[REDACTED]"
LIMIT = 512 * 1024
"""Longer texts are shown raw only."""
DEEPEST = 100
"""Deeper ones too: each line would be longer than the last."""

_TOKEN = re.compile(
    r"""("(?:[^"\\]|\\.|\\\Z)*"?)"""
    r"|(-?\d[\d.eE+-]*|-\Z|(?:true|false|null)\b|[tfn][a-z]{0,3}\Z)"
    r"|([{}\[\],:])|\s+|(.)",
    re.DOTALL,
)
"""String, number or word, sign, and what is none of them; the last token of a text may be cut."""
_COLON = re.compile(r"\s*:")


def pretty(text: str, content_type: str | None, reasons: dict[str, str]) -> Markup | None:
    """Lay a body out; None where it is best shown as it is. ``reasons`` says for names why their value is masked."""
    if (content_type or "").lower().startswith("application/x-www-form-urlencoded"):
        return pretty_form(text, reasons)
    return pretty_json(text, reasons)


def pretty_form(text: str, reasons: dict[str, str]) -> Markup | None:
    """Lay a form out, a line for each field; None where it is none."""
    if len(text) > LIMIT or "=" not in text:
        return None
    lines = []
    for pair in text.split("&"):
        name, _, value = (unquote_plus(part) for part in pair.partition("="))
        shown = chips(value, reasons.get(name.lower()))
        lines.append(_OPEN["key"] + chips(name) + _CLOSE + ": " + _OPEN["string"] + shown + _CLOSE)
    return Markup("\n").join(lines)


def pretty_json(text: str, reasons: dict[str, str]) -> Markup | None:
    """Lay JSON out in lines, every token as it was written, even where the text is cut.

    None where it is not JSON, or so long or deep that the layout would be of no use.
    """
    if len(text) > LIMIT or not text.lstrip().startswith(("{", "[")):
        return None
    layout = _Layout(reasons)
    for match in _TOKEN.finditer(text):
        string, other, sign, odd = match.groups()
        if odd or layout.depth > DEEPEST:
            return None
        if string:
            layout.string(string, is_key=_COLON.match(text, match.end()) is not None)
        elif other:
            layout.scalar(other)
        elif sign:
            layout.sign(sign)
    return Markup("").join(layout.parts)


class _Layout:
    """JSON that is being laid out, token after token."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self.parts: list[str] = []  # what is not Markup is escaped when they are joined
        self.depth = 0
        self._reasons = reasons
        self._key = ""
        self._just_opened = False

    def string(self, text: str, *, is_key: bool) -> None:
        self._begin()
        if is_key:
            self._key = text.strip('"').lower()
            self._colour("key", chips(text))
        else:
            self._colour("string", chips(text, self._reasons.get(self._key)))

    def scalar(self, text: str) -> None:
        self._begin()
        self._colour("word" if text[0].isalpha() else "number", text)

    def sign(self, text: str) -> None:
        if text in "]}":
            self.depth -= 1
            if not self._just_opened:
                self._new_line()
            self._just_opened = False
            self.parts.append(text)
        elif text in "[{":
            self._begin()
            self.depth += 1
            self._just_opened = True
            self.parts.append(text)
        elif text == ",":
            self.parts.append(",")
            self._new_line()
        else:
            self.parts.append(": ")

    def _colour(self, kind: str, text: str) -> None:
        self.parts += (_OPEN[kind], text, _CLOSE)

    def _begin(self) -> None:
        """Put the first thing of a list or an object on a line of its own."""
        if self._just_opened:
            self._new_line()
            self._just_opened = False

    def _new_line(self) -> None:
        self.parts.append("\n" + "  " * self.depth)


_OPEN = {kind: Markup('<span class="j-{}">').format(kind) for kind in ("key", "string", "number", "word")}
_CLOSE = Markup("</span>")


def chips(text: str, reason: str | None = None) -> Markup:
    """Return the text with every mask as a chip that says why it is there."""
    if MASK not in text:
        return _shown(text)
    return _chip(reason).join(_shown(part) for part in text.split(MASK))


def _chip(reason: str | None) -> Markup:
    why = f"redacted: {reason}" if reason else "redacted before it was stored"
    return Markup('<mark class="masked" title="{}">{}</mark>').format(why, MASK)


def _shown(text: str) -> Markup:
    """Escape a text; signs that cannot be seen stay in it, each on its own and named."""
    if not UNSEEN.search(text):
        return escape(text)
    seen, unseen = UNSEEN.split(text), UNSEEN.findall(text)
    parts = [escape(seen[0])]
    for sign, rest in zip(unseen, seen[1:], strict=True):
        parts += [_UNSEEN.format(name_of_unseen(sign), sign.replace("\0", "")), escape(rest)]
    return Markup("").join(parts)


_UNSEEN = Markup('<span class="unseen" data-name="{}">{}</span>')


def reasons_by_name(redacted: tuple[str, ...], half: str) -> dict[str, str]:
    """Read the masked places of an entry (``place: reason``): the last name of each place to its reason."""
    found: dict[str, str] = {}
    for text in redacted:
        place, _, reason = text.partition(": ")
        if place.startswith(half) or not place.startswith(("request", "response")):
            name = place.rpartition(".")[2]
            found.setdefault(name.lower(), f'name "{name}"' if reason == "name" else reason)
    return found
