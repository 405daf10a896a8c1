"""The body of a message: its syntax and charset, what is masked in it, and the cut."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE, lookup
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from integration_logger import charsets
from integration_logger.redaction import forms, json, multipart, pairs, tables, text
from integration_logger.redaction.edits import MASK, Edit, apply, fresh, merge, whole
from integration_logger.redaction.remembered import Remembered
from integration_logger.redaction.suspects import Hit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integration_logger.entry import Message
    from integration_logger.redaction.rules import Rules

_BOUNDARY: Final = re.compile(r"""boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE)
# Charsets in which an ASCII character is one byte, and that byte is nothing else.
_TRANSPARENT: Final = re.compile(
    r"utf-?8|(?:us-?)?ascii|latin-?1|(?:iso[-_]?8859[-_]|windows-|cp)(?:125)?\d{1,2}|euc-(?:jp|kr)|koi8-[ru]",
    re.IGNORECASE,
)
_WIDE: Final = ("utf-16-le", "utf-16-be")
_LAST_TOKEN: Final = re.compile(rb"""[^\s"'<>{}\[\],;&=()]{6,}\Z""")


class Form(NamedTuple):
    """How bodies of one content type are written."""

    syntax: str
    charset: str | None
    """None where the bytes can be read as they are."""
    boundary: bytes | None
    plain: bool
    """Whether the scan alone can tell that there is nothing to mask."""


class Redacted(NamedTuple):
    """What is kept of a body."""

    body: bytes
    truncated: bool
    edits: Sequence[Edit]


@lru_cache(maxsize=512)
def form_of(content_type: str | None) -> Form:
    """Read a content type."""
    kind, _, parameters = (content_type or "").partition(";")
    charset, boundary = charsets.named(parameters), _BOUNDARY.search(parameters)
    syntax = _syntax(kind.strip().lower())
    other = charset if charset and not _TRANSPARENT.fullmatch(charset) else None
    return Form(
        syntax,
        other,
        (boundary[1] or boundary[2]).encode("utf-8", "replace") if boundary else None,
        other is None and syntax not in ("multipart", "table"),
    )


def _is_plain(content_type: str) -> bool:
    return form_of(content_type).plain


plain: Final = Remembered(_is_plain)
"""Whether a body of this content type, complete and without a hit of the scan, may be kept as it is."""


def _syntax(kind: str) -> str:
    if "json" in kind:
        return "json"
    if kind == "application/x-www-form-urlencoded":
        return "form"
    if kind in ("text/csv", "text/tab-separated-values"):
        return "table"
    return "multipart" if kind.startswith("multipart/") else "text"


def redact(message: Message, rules: Rules, limit: int, hits: Sequence[Hit] | None = None) -> Redacted:
    """Return the body with its secrets masked, cut to ``limit`` bytes; ``hits`` are those of a scan already made."""
    data, truncated, form = message.body or b"", message.truncated, form_of(message.content_type)
    charset = form.charset or _unmarked(data)
    if charset is not None:
        return _transcoded(data, charset, form, rules, truncated, limit)
    if b"\0" in data and form.syntax != "multipart" and _hides_text(data, form, rules, truncated):
        return Redacted(MASK, True, whole(data, "charset unknown"))
    edits = _edits(data, form, rules, truncated, hits)
    kept = apply(data, edits, limit)[:limit] if edits else data[:limit]
    if truncated and len(data) <= limit and not (edits and edits[-1].end == len(data)):
        kept = _LAST_TOKEN.sub(b"", kept)  # what was cut off might have shown it to be a secret
    return Redacted(kept, truncated or len(data) > limit, edits)


def _hides_text(data: bytes, form: Form, rules: Rules, truncated: bool) -> bool:
    """Tell whether something is suspect in a text if it is read as one of two bytes a character, untold."""
    return any(_edits(data.decode(charset, "ignore").encode(), form, rules, truncated) for charset in _WIDE)


def _edits(data: bytes, form: Form, rules: Rules, truncated: bool, hits: Sequence[Hit] | None = None) -> list[Edit]:
    if form.syntax == "multipart":
        return fresh(data, multipart.edits(data, form.boundary, rules, truncated=truncated))
    hits = rules.hits(data) if hits is None else hits
    if form.syntax == "table":
        return fresh(data, merge([*text.edits(data, hits, rules), *tables.edits(data, rules)]))
    if not hits and not (truncated and pairs.may_be_nameless(data)) and not rules.paths.in_bodies:
        return []
    return fresh(data, _found(data, form, rules, truncated, hits))


def _found(data: bytes, form: Form, rules: Rules, truncated: bool, hits: Sequence[Hit]) -> list[Edit]:
    is_json = (form.syntax == "json" or json.looks_like(data)) and json.is_json(data, truncated=truncated)
    if is_json:  # also where it calls itself a form, as curl does
        found = json.edits(data, hits, rules)
        more = [*rules.paths.in_json(data), *(json.beside_the_cut(data) if truncated else ())]
        return merge([*found, *more]) if more else found
    if form.syntax == "form":
        return merge([*forms.edits(data, rules), *text.by_shapes(data, hits, rules.shapes)])
    edits = merge([*text.edits(data, hits, rules), *rules.paths.in_xml(data)])
    # what calls itself JSON and is not is kept only where it has nothing suspect
    suspect = fresh(data, edits) or rules.paths.may_lead_into(data)
    return whole(data, "unparseable") if suspect and form.syntax == "json" else edits


def _unmarked(data: bytes) -> str | None:
    """Return the charset of UTF-16 and UTF-32 that no content type tells, by their zero bytes."""
    head = data[:4]
    if b"\0" not in head and head[:2] not in (BOM_UTF16_LE, BOM_UTF16_BE):
        return None
    if head.count(b"\0") > 2 or head == BOM_UTF32_LE:
        return "utf-32-be" if head[:1] == b"\0" else "utf-32-le"
    return "utf-16-be" if head[:1] in (b"\0", b"\xfe") else "utf-16-le"


def _transcoded(data: bytes, charset: str, form: Form, rules: Rules, truncated: bool, limit: int) -> Redacted:
    """Redact in UTF-8 what is in another charset, and write it back in that one."""
    try:
        decoded, kept = _decode(data, charset), _decode(data[:limit], charset).encode()
    except (LookupError, UnicodeError, ValueError):
        if not data.isascii() or b"\0" in data:
            return Redacted(MASK, True, whole(data, f"charset {charset[:40]}"))
        decoded, kept, charset = data.decode(), data[:limit], "ascii"
    edits = _edits(decoded.encode(), form, rules, truncated)
    if not edits:
        return Redacted(data[:limit], truncated or len(data) > limit, edits)
    masked = apply(decoded.encode(), edits, len(kept)).decode("utf-8", "ignore")
    return Redacted(masked.encode(charset, "replace")[:limit], truncated or len(data) > limit, edits)


def _decode(data: bytes, charset: str) -> str:
    """Decode strictly, but for a character that is cut off at the end."""
    if not charsets.is_known(charset):
        raise LookupError(charset)
    b" ".decode(charset, "replace")  # raises for codecs that are none of text, as those that decompress
    return lookup(charset).incrementaldecoder("strict").decode(data)
