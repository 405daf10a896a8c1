"""The text of the search box: ``status:5xx -method:GET duration:>1s "needs text"``."""

from __future__ import annotations

import re
from typing import Final

from integration_logger.entry import STATUSES
from integration_logger.errors import QueryError
from integration_logger.filters import FILTERS

_TERM = re.compile(r"""(-?)(?:([A-Za-z_]\w*+(?:\.[^\s:"]*+)?):)?(?:"((?:[^"\\]|\\.)*)"|(\S+))""")


def split_terms(text: str) -> list[tuple[bool, str | None, str]]:
    """Split the text of the search box into (negated, field or None, value); unknown fields are plain words."""
    found: list[tuple[bool, str | None, str]] = []
    for minus, field, quoted, bare in _TERM.findall(text):
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
        if field and not _is_field(field):
            found.append((bool(minus), None, f"{field}:{value}"))
        elif value:
            found.append((bool(minus), field or None, value))
    return found


def quote_term(value: str) -> str:
    """Return the word as the search box takes it back: quoted where it holds blanks, colons or a minus."""
    if re.fullmatch(r"[^\s\":\\-][^\s\":\\]*", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_ALIASES: Final = {"code": "status_code", "user": "user_id", "trace": "trace_id", "error": "error_type"}


def _is_field(field: str) -> bool:
    return field in FILTERS or field in _ALIASES or field in ("duration", "since", "till") or field.startswith("label.")


def filters_of(field: str, value: str) -> list[tuple[str, str]]:
    """Translate one ``field:value`` of the search box into parameters."""
    if field == "duration":
        return [_duration(value)]
    if field == "status" and value not in STATUSES:
        return [("outcome" if value in ("success", "error") else "status_code", value)]
    return [(_ALIASES.get(field, field), value)]


def _duration(value: str) -> tuple[str, str]:
    match = re.fullmatch(r"([<>])=?(\d{1,9}(?:\.\d{1,9})?)(ms|s|m)?", value, re.ASCII)
    if not match:
        raise QueryError("duration", "takes a bound such as >1s or <250ms")
    unit = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}[match[3]]
    seconds = f"{float(match[2]) * unit:.9f}".rstrip("0").rstrip(".")
    return ("min_duration" if match[1] == ">" else "max_duration"), seconds
