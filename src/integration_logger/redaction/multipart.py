"""Multipart bodies: fields are kept and masked like those of forms, of files only the size is kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from integration_logger.redaction.edits import MASK, Edit, merge, whole
from integration_logger.redaction.secrecy import is_secret

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

_END_OF_HEADERS: Final = re.compile(rb"\r?\n\r?\n")
_DISPOSITION: Final = re.compile(rb"^content-disposition\s*:(.*(?:\r?\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
_NAME: Final = re.compile(rb"""(?<![\w*])name\*?\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))""", re.IGNORECASE)
_FILE: Final = re.compile(rb"(?<![\w*])filename\*?\s*=", re.IGNORECASE)

_MEASURED: Final = re.compile(rb"\[file, (?:more than )?\d+ bytes\]")  # redacted before


def edits(data: bytes, boundary: bytes | None, rules: Rules, *, truncated: bool) -> list[Edit]:
    """Return what is secret in a multipart body, and all of its files."""
    if boundary is None or not data.lstrip(b"\r\n").startswith(b"--" + boundary):
        return whole(data, "unparseable") if data else []
    found: list[Edit] = []
    delimiters = [*re.finditer(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)", data)]
    for index, delimiter in enumerate(delimiters):
        if delimiter[1]:  # what follows is part of nothing
            found += [edit.moved(delimiter.end()) for edit in rules.within(data[delimiter.end() :], prose=False)]
            break
        last = index + 1 == len(delimiters)
        end = len(data) if last else delimiters[index + 1].start()
        found += _part(data, delimiter.end(), end, rules, cut=last)
    return merge(found)


def _part(data: bytes, start: int, end: int, rules: Rules, *, cut: bool) -> list[Edit]:
    separator = _END_OF_HEADERS.search(data, start, end)
    if separator is None:  # cut within the headers
        return [edit.moved(start) for edit in rules.within(data[start:end], prose=False)]
    body = separator.end()
    found = [edit.moved(start) for edit in rules.within(data[start : separator.start()], prose=False)]
    dispositions = [match[1] for match in _DISPOSITION.finditer(data, start, separator.start())]
    content = data[body:end]
    if _MEASURED.fullmatch(content):
        return found
    if any(map(_FILE.search, dispositions)) or not _is_text(content):
        size = f"{'more than ' if cut else ''}{len(content)} bytes"
        return [*found, Edit(body, end, b"", f"file, {size}", f"[file, {size}]".encode())]
    for field in map(_field, (name for text in dispositions for name in _NAME.finditer(text))):  # readers take any
        if field in rules.paths.form:
            return [*found, Edit(body, end, field, "path", MASK)]
        if rules.names.sensitive_parameter(field[-192:]):
            return [*found, Edit(body, end, field, "name", MASK)] if is_secret(field, content) else found
    return [*found, *(edit.moved(body) for edit in rules.within(content))]


def _field(name: re.Match[bytes]) -> bytes:
    return unquote_to_bytes(name[1] or name[2] or b"")


def _is_text(content: bytes) -> bool:
    return b"\0" not in content
