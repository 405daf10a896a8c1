"""Secrets in ``name=value&name=value``: form bodies, queries, fragments, and whole URLs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote_plus

from integration_logger.redaction.edits import Edit, decode, merge
from integration_logger.redaction.text import is_secret

_PERCENT: Final = re.compile(rb"%[0-9a-fA-F]{2}|\+")
_FIELD: Final = re.compile(rb"([^&=]*+)(=?)([^&]*+)(?:&|\Z)")
_URL: Final = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*+:)?(?://([^/?#]*)@)?[^?#]*+")

Inner = Callable[[bytes], list[Edit]]


def form_edits(data: bytes, sensitive: Callable[[str], bool], inner: Inner) -> list[Edit]:
    """Return what is secret in a form or a query."""
    fields = [(match, unquote_plus(match[1].decode("latin-1"))) for match in _FIELD.finditer(data) if match[0]]
    names = {name.lower() for _, name in fields}
    # A code is a secret in the answer of an authorization server, and where it is exchanged for a token.
    once = {"code", "state"} if {"code", "state"} <= names or {"code", "grant_type"} <= names else set()
    found: list[Edit] = []
    for match, name in fields:
        start, end = match.span(3)
        if name.lower() in once or sensitive(name):
            if is_secret(name, match[3]):
                found.append(Edit(start, end, name, "name"))
        elif start < end:
            content = decode(match[3], _PERCENT, _unquote)
            found += [content.restore(edit, _quote).moved(start) for edit in inner(content.data)]
        if not match[2]:
            content = decode(match[1], _PERCENT, _unquote)
            found += [content.restore(edit, _quote).moved(match.start()) for edit in inner(content.data)]
    return merge(found)


def url_edits(data: bytes, sensitive: Callable[[str], bool], inner: Inner) -> list[Edit]:
    """Return what is secret in a URL: its userinfo, its query, its fragment, and whatever its path shows."""
    match = _URL.match(data)
    end = match.end() if match else 0
    found: list[Edit] = []
    if match is not None and match[1]:
        found.append(Edit(*match.span(1), "", "userinfo"))
    fragment = data.find(b"#", end)
    stop = fragment if fragment >= 0 else len(data)
    if end < stop:
        found += [edit.moved(end + 1) for edit in form_edits(data[end + 1 : stop], sensitive, inner)]
    if fragment >= 0:
        query = data.find(b"?", fragment) + 1 or fragment + 1  # single-page applications keep a query there
        found += [edit.moved(query) for edit in form_edits(data[query:], sensitive, inner)]
    return merge([*found, *inner(data[:end])])


def _unquote(escape: bytes) -> bytes:
    return b" " if escape == b"+" else bytes.fromhex(escape[1:].decode())


def _quote(mask: bytes) -> bytes:
    return quote(mask, safe="[]").encode()
