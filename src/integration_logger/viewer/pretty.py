"""Captured bodies made readable: JSON laid out, cut or whole, and masked values as chips."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from markupsafe import Markup, escape

from integration_logger.viewer.words import UNSEEN, name_of_unseen

MASK = "[REDACTED]"
LIMIT = 512 * 1024
"""Longer texts are shown raw only."""

_TOKEN = re.compile(
    r"""("(?:[^"\\]|\\.|\\\Z)*"?)"""
    r"|(-?\d[\d.eE+-]*|-\Z)"
    r"|((?:true|false|null)\b|[tfn][a-z]{0,3}\Z)"
    r"|([{}\[\],:])|\s+|(.)",
    re.DOTALL,
)
"""String, number, word, sign, and what is none of them; the last token of a text may be cut."""
_DEPTH = 200


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
        lines.append(Markup("{}: {}").format(_span("key", name), chips(value, reasons.get(name.lower()), "string")))
    return Markup("\n").join(lines)


def pretty_json(text: str, reasons: dict[str, str]) -> Markup | None:
    """Lay JSON out in lines, every token as it was written, even where the text is cut; None where it is not JSON."""
    if len(text) > LIMIT or not text.lstrip().startswith(("{", "[")):
        return None
    parts: list[str | Markup] = []
    for piece in _layout(text, reasons):
        if piece is None:
            return None
        parts.append(piece)
    return Markup("").join(parts)


def _layout(text: str, reasons: dict[str, str]) -> Iterator[str | Markup | None]:
    depth, key, opened = 0, "", False
    for match in _TOKEN.finditer(text):
        string, number, word, sign, odd = match.groups()
        if odd:
            yield None
        if sign in ("}", "]"):
            depth -= 1
            yield sign if opened else _newline(depth) + sign
            opened = False
            continue
        if opened and (string or number or word or sign):
            yield _newline(depth)
            opened = False
        if string:
            if _is_key(text, match.end()):
                key = string.strip('"')
                yield _span("key", string)
            else:
                yield chips(string, reasons.get(key.lower()), "string")
        elif number or word:
            yield _span("number" if number else "word", number or word)
        elif sign in ("{", "["):
            depth, opened = depth + 1, True
            yield sign
        elif sign:
            yield ": " if sign == ":" else "," + _newline(depth)


_COLON = re.compile(r"\s*:")


def _is_key(text: str, position: int) -> bool:
    return _COLON.match(text, position) is not None


def _newline(depth: int) -> str:
    return "\n" + "  " * max(0, min(depth, _DEPTH))


def _span(kind: str, text: str) -> Markup:
    return Markup('<span class="j-{}">{}</span>').format(kind, _shown(text))


def chips(text: str, reason: str | None = None, kind: str | None = None) -> Markup:
    """Return the text with every mask as a chip that says why it is there."""
    chip = Markup('<mark class="masked" title="{}">{}</mark>').format(
        f"redacted: {reason}" if reason else "redacted before it was stored", MASK
    )
    marked = chip.join(_shown(part) for part in text.split(MASK))
    return Markup('<span class="j-{}">{}</span>').format(kind, marked) if kind else marked


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
