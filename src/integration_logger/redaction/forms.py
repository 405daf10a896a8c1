"""Secrets in ``name=value&name=value``: form bodies, queries, fragments, and whole URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from integration_logger.redaction import callbacks, layers
from integration_logger.redaction.edits import Edit, merge
from integration_logger.redaction.secrecy import is_secret

if TYPE_CHECKING:
    from integration_logger.redaction.rules import Rules

_FIELD: Final = re.compile(rb"([^&=]*+)(=?)([^&]*+)(?:&|\Z)")
_OF_ANSWERS: Final = frozenset((b"id_token", b"session_state"))
_URL: Final = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*+:)?//([^\s/?#\"'<>\\]*)@")


def edits(data: bytes, rules: Rules, *, in_url: bool = False, callback: bool = False) -> list[Edit]:
    """Return what is secret in a form, or in the query of a URL, and of one that is known for a ``callback``."""
    fields = [(match, layers.percent(match[1])) for match in _FIELD.finditer(data) if match[0]]
    names = {name.data.lower() for _, name in fields}
    # A code is a secret in the answer of an authorization server, and where it is exchanged for a token.
    is_answer = {b"code", b"state"} <= names and (in_url or not names.isdisjoint(_OF_ANSWERS))
    once = {b"code", b"state"} if is_answer or {b"code", b"grant_type"} <= names else {b"code"} if callback else set()
    pointed = rules.paths.query if in_url else rules.paths.form
    found: list[Edit] = []
    for match, name in fields:
        start, end = match.span(3)
        if name.data in pointed:
            found.append(Edit(start, end, name.data, "path"))
        elif name.data.lower() in once or rules.names.sensitive_parameter(name.data[-192:]):
            if is_secret(name.data, match[3]):
                found.append(Edit(start, end, name.data, "name"))
        else:
            found += _within(match[3], start, name.data, rules)
        if not match[2]:
            found += _within(match[1], match.start(), b"", rules)
    return merge(found)


def _within(value: bytes, start: int, name: bytes, rules: Rules) -> Iterator[Edit]:
    content = layers.percent(value)
    for edit in rules.within(content.data):
        yield content.restore(edit._replace(name=edit.name or name), start)


def url_edits(data: bytes, rules: Rules) -> list[Edit]:
    """Return what is secret in a URL: its userinfo, its query, its fragment, and whatever its path shows."""
    userinfo = _URL.match(data)
    found = [Edit(*userinfo.span(1), b"", "userinfo")] if userinfo else []
    fragment = data.find(b"#")
    end = fragment if fragment >= 0 else len(data)
    query = data.find(b"?", 0, end)
    if query >= 0:
        callback = callbacks.is_one(data[:query])
        asked = edits(data[query + 1 : end], rules, in_url=True, callback=callback)
        found += [edit.moved(query + 1) for edit in asked]
    if fragment >= 0:  # single-page applications keep a path and a query there
        begin = data.find(b"?", fragment) + 1 or fragment + 1
        found += [edit.moved(begin) for edit in edits(data[begin:], rules, in_url=True)]
    return merge([*found, *rules.within(data[: query if query >= 0 else end])])
